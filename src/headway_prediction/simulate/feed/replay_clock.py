"""The poll of the moment: what a feed answers while its time runs."""

import math
from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.replay import check_speed


class PollPlayer:
    """Polls whose time runs from the first one's on, `speed` times as fast as real time.

    They are taken one ahead, so that there may be weeks of them; after the last one the feed stands still. An infinite
    speed waits for the reader: every question is answered with the next poll. Safe to ask from several threads. Raises
    HeadwayError for a speed that is not positive, and where there is no poll.
    """

    def __init__(self, polls: Iterable[Poll], speed: float = 1.0, elapsed: Callable[[], float] = monotonic):
        check_speed(speed)
        self._polls, self._speed, self._elapsed = iter(polls), speed, elapsed
        # Before the first poll is asked for, which may take a simulator a while: a feed of now must not start late.
        self._started = elapsed()
        self._lock = Lock()
        self._current: Poll | None = None
        self._next = next(self._polls, None)
        if self._next is None:
            raise HeadwayError(
                "there is no poll to serve", "at least one", "check the archive and the times asked for"
            )
        self._first = self._next.fetched_at

    def poll(self) -> Poll:
        """Return the newest poll of the moment."""
        with self._lock:
            if math.isinf(self._speed):
                self._advance()
                return self._current
            now = self._first + (self._elapsed() - self._started) * self._speed
            while self._next is not None and (self._current is None or self._next.fetched_at <= now):
                self._advance()
            return self._current

    def _advance(self) -> None:
        if self._next is not None:
            self._current, self._next = self._next, next(self._polls, None)
