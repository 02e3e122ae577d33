"""What time it is for a feed: the wall clock, mended where that is set, or the time of a replay."""

import time
from math import isfinite
from threading import Event, Lock
from typing import Protocol

from headway_prediction.feeds.recorder.record import Clock
from headway_prediction.feeds.recorder.replay import check_speed

STEP_SECS = 60.0
"""A wall clock that moves by more, beyond the time that went by, was set; by less, it was put right on the way."""
CONFIRMED_AFTER_SECS = 600.0
"""A clock that was set and has run on for as long is believed."""
CATCH_UP_RATE = 0.5
"""The pace at which a clock that is ahead waits for the true one: time never runs backwards."""


class FeedClock(Protocol):
    """The clock of a feed; threads may share it."""

    def now(self) -> float:
        """Return the feed's time, in epoch seconds; it never goes back."""
        ...

    def issues(self) -> tuple[str, ...]:
        """Return what is wrong with the clock, a sentence each."""
        ...


class WallClock:
    """The wall clock, made steady: set forward or back, it goes on as before until the new time is believed.

    It then leaps where it was behind, and waits (at half the pace) where it was ahead. `clock` gives the times.
    """

    def __init__(self, clock: Clock | None = None):
        self._clock = clock or Clock()
        self._lock = Lock()
        self._elapsed = self._clock.elapsed()
        self._time = self._clock.now()
        self._apart_since: float | None = None

    def advance_to(self, moment: float) -> None:
        """Take `moment` (epoch seconds) for one that was used already: no earlier one is given from now on."""
        with self._lock:
            self._time = max(self._advance(), moment)

    def now(self) -> float:
        """Return the time in epoch seconds; it never goes back."""
        with self._lock:
            return self._advance()

    def issues(self) -> tuple[str, ...]:
        """Return whether, and by how far, the wall clock is off from the time that is used."""
        with self._lock:
            apart = self._clock.now() - self._advance()
            if abs(apart) < STEP_SECS:
                return ()
            return (
                f"this computer's clock was set {'forward' if apart > 0 else 'back'} by {abs(apart):,.0f} s",
            )

    def _advance(self) -> float:
        elapsed, wall = self._clock.elapsed(), self._clock.now()
        went_by, self._elapsed = max(0.0, elapsed - self._elapsed), elapsed
        steady = self._time + went_by
        if abs(wall - steady) < STEP_SECS:
            self._apart_since, confirmed = None, True
        else:
            self._apart_since = elapsed if self._apart_since is None else self._apart_since
            confirmed = elapsed - self._apart_since >= CONFIRMED_AFTER_SECS
        if confirmed and wall > self._time:
            self._time = wall
        else:
            self._time += went_by * (CATCH_UP_RATE if confirmed else 1.0)
        return self._time


class ReplayClock:
    """Time from a feed's first poll on, `speed` times as fast as the wall; before that it stands at 0.

    Raises HeadwayError for a speed that is not positive, or infinite.
    """

    def __init__(self, speed: float = 1.0):
        check_speed(speed if isfinite(speed) else 0.0)
        self._speed = speed
        self._begun: tuple[float, float] | None = None

    def begin(self, at: float) -> None:
        """Start at the time `at` (epoch seconds)."""
        self._begun = at, time.monotonic()

    def now(self) -> float:
        """Return the feed's time, in epoch seconds."""
        if self._begun is None:
            return 0.0
        at, since = self._begun
        return at + (time.monotonic() - since) * self._speed

    def issues(self) -> tuple[str, ...]:
        """A replay's clock is never wrong."""
        return ()

    def wait(self, moment: float, stop: Event) -> bool:
        """Wait until the feed's time is `moment`; return False as soon as `stop` is set."""
        return not stop.wait(max(0.0, moment - self.now()) / self._speed)
