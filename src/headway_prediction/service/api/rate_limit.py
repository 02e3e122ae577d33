"""Who may ask what-if, how often, and for how long."""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.threads import LazyThreadPool

Answer = TypeVar("Answer")
MAX_CLIENTS = 10_000
AT_ONCE, WAITING = 1, 8
BURST = 10.0


def check_key(told: str | None, keys: tuple[str, ...]) -> None:
    """Raise Refusal (401) unless one of the keys was told; without keys everybody may."""
    given = (told or "").encode()
    # Every key is compared, each in constant time, so that the time taken tells nothing.
    matches = [hmac.compare_digest(given, key.encode()) for key in keys]
    if keys and not any(matches):
        raise ApiError(
            401,
            "no key, or one that is not known",
            "the header `Authorization: Bearer KEY`",
            "ask who runs the service for a key",
            WWW_Authenticate="Bearer",
        )


class TokenBuckets:
    """Lets each client ask `per_minute` times a minute, and BURST times at once."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_sec, self._clock = per_minute / 60, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Take a token of a client; raises Refusal (429) where it has none left."""
        now = self._clock()
        left, since = self._left.pop(client, (BURST, now))
        left = min(BURST, left + (now - since) * self._per_sec)
        self._left[client] = max(left - 1, 0.0) if left >= 1 else left, now
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        if left < 1:
            raise ApiError(
                429,
                "too many what-if questions from this address",
                f"at most {60 * self._per_sec:g} a minute",
                "wait as long as Retry-After says",
                Retry_After=str(int((1 - left) / self._per_sec) + 1),
            )


class WhatIfExecutor:
    """Works questions out in a thread of its own, at most `most_secs` for each, with WAITING more in the queue."""

    def __init__(self, most_secs: float) -> None:
        self._most_secs, self._asked, self._lock = most_secs, 0, Lock()
        self._threads = LazyThreadPool(AT_ONCE, "what-if")

    async def work(self, question: Callable[[], Answer]) -> Answer:
        """Return the answer; raises Refusal (503) where too many wait or it takes too long."""
        self._count_in()
        future = self._threads.submit(question)
        future.add_done_callback(self._count_out)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._most_secs)
        except TimeoutError as error:
            raise ApiError(
                503,
                f"the answer took over {self._most_secs:g} s",
                "a question that is answered sooner",
                "change fewer departures, or ask again",
                Retry_After="5",
            ) from error

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count_in(self) -> None:
        with self._lock:
            if self._asked >= AT_ONCE + WAITING:
                raise ApiError(
                    503, "too many what-if questions wait", f"at most {WAITING}", "ask again", Retry_After="5"
                )
            self._asked += 1

    def _count_out(self, _: object) -> None:
        # In whatever thread the question ends: the loop of whoever asked may be closed by then.
        with self._lock:
            self._asked -= 1
