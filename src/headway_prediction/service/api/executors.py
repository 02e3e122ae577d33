"""Threads for work that must not block the event loop: reading the store, computing a what-if."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

from headway_prediction.service.api.errors import ApiError

T = TypeVar("T")
P = ParamSpec("P")
MAX_RUNNING, MAX_WAITING = 1, 8


class LazyThreadPool(Executor):
    """A pool of `max_workers` threads, started by the first task and again by the first task after a shutdown."""

    def __init__(self, max_workers: int, name: str) -> None:
        self._max_workers, self._name = max_workers, name
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task in one of the threads."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._max_workers, thread_name_prefix=self._name)
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads, as `concurrent.futures.Executor` defines it."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait, cancel_futures=cancel_futures)


class WhatIfExecutor:
    """Computes what-ifs one at a time in a thread of its own, at most `timeout_secs` for each, MAX_WAITING in the queue."""

    def __init__(self, timeout_secs: float) -> None:
        self._timeout_secs, self._pending, self._lock = timeout_secs, 0, Lock()
        self._pool = LazyThreadPool(MAX_RUNNING, "what-if")

    async def run(self, task: Callable[[], T]) -> T:
        """Return the result of a task; raises ApiError (503) where too many wait or it takes too long."""
        self._enter()
        future = self._pool.submit(task)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_secs)
        except TimeoutError as error:
            found = f"the what-if took over {self._timeout_secs:g} s"
            remedy = "change fewer departures, or retry"
            raise ApiError(503, found, "one that takes less", remedy, Retry_After="5") from error

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _enter(self) -> None:
        with self._lock:
            if self._pending >= MAX_RUNNING + MAX_WAITING:
                found = "too many what-if requests wait"
                raise ApiError(503, found, f"at most {MAX_WAITING}", "retry later", Retry_After="5")
            self._pending += 1

    def _leave(self, _: object) -> None:
        # Called in the thread where the task ends: the event loop of the request may be closed by then.
        with self._lock:
            self._pending -= 1
