"""Calls that may block, bounded: a test that would wait for ever fails instead."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")
SECS = 30.0


def within(call: Callable[[], Result], secs: float = SECS) -> Result:
    """Return what `call` returns, or raise TimeoutError; its thread may be left behind."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised again in the test's thread
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(secs)


def wait_until(condition: Callable[[], object], secs: float = SECS) -> None:
    """Return once `condition` holds; raises TimeoutError."""
    deadline = time.monotonic() + secs
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not met within {secs:g} s")
        time.sleep(0.01)
