"""Feeds of the service and their clocks: a GTFS-Realtime address, a replayed archive, or the simulated line."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import ALLOWED_LATENESS_SECS
from headway_prediction.feeds.recorder.address import FeedAddress
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome, check_archive
from headway_prediction.feeds.recorder.record import Clock, Recorder, RecorderSettings
from headway_prediction.feeds.recorder.replay import check_speed, replay
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import DAY_BEGINS_SECS, polls_from
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.transit.clock import service_date_and_minute, service_day_start

CLOCK_STEP_SECS = 60.0
"""A wall clock that jumps by more than this was set; a smaller deviation is corrected by time synchronisation."""
CLOCK_CONFIRMED_SECS = 600.0
"""A clock that was set and has run on for this long is taken for right."""
CATCH_UP_RATE = 0.5
"""The rate of a clock that is ahead of the true time: time never runs backwards."""
OVERLAP_SECS = ALLOWED_LATENESS_SECS
"""After a restart a feed resumes this long before the newest stored poll: polls may have arrived out of order."""


class FeedClock(Protocol):
    """The clock of a feed; threads may share it."""

    def now(self) -> float:
        """Return the feed's time in epoch seconds; it never decreases."""
        ...

    def issues(self) -> tuple[str, ...]:
        """Return what is wrong with the clock, a sentence each."""
        ...


class WallClock:
    """The wall clock without its jumps: after it is set, it runs on as before until the new time is confirmed.

    Then it jumps forward if it was behind, or runs at CATCH_UP_RATE while it is ahead. `clock`: wall and monotonic time.
    """

    def __init__(self, clock: Clock | None = None):
        self._clock = clock or Clock()
        self._lock = Lock()
        self._elapsed = self._clock.elapsed()
        self._time = self._clock.now()
        self._apart_since: float | None = None

    def advance_to(self, moment: float) -> None:
        """Give no time earlier than `moment` (epoch seconds) from now on, such as that of the newest stored poll."""
        with self._lock:
            self._time = max(self._advance(), moment)

    def now(self) -> float:
        """Return the time in epoch seconds; it never decreases."""
        with self._lock:
            return self._advance()

    def issues(self) -> tuple[str, ...]:
        """Return a sentence while the wall clock differs from the time in use."""
        with self._lock:
            apart = self._clock.now() - self._advance()
        if abs(apart) < CLOCK_STEP_SECS:
            return ()
        return (
            f"the clock of this computer was set {'forward' if apart > 0 else 'back'} by {abs(apart):,.0f} s",
        )

    def _advance(self) -> float:
        elapsed, wall = self._clock.elapsed(), self._clock.now()
        passed, self._elapsed = max(0.0, elapsed - self._elapsed), elapsed
        steady = self._time + passed
        if abs(wall - steady) < CLOCK_STEP_SECS:
            self._apart_since, confirmed = None, True
        else:
            self._apart_since = elapsed if self._apart_since is None else self._apart_since
            confirmed = elapsed - self._apart_since >= CLOCK_CONFIRMED_SECS
        if confirmed and wall > self._time:
            self._time = wall
        else:
            self._time += passed * (CATCH_UP_RATE if confirmed else 1.0)
        return self._time


class ReplayClock:
    """Starts at the time of a replay's first poll and runs `speed` times as fast as the wall clock; 0 before it starts.

    Raises HeadwayError for a speed that is not positive and finite.
    """

    def __init__(self, speed: float = 1.0):
        check_speed(speed if isfinite(speed) else 0.0)
        self._speed = speed
        self._started: tuple[float, float] | None = None

    def start(self, at: float) -> None:
        """Start at the time `at` (epoch seconds)."""
        self._started = at, time.monotonic()

    def now(self) -> float:
        """Return the feed's time in epoch seconds."""
        if self._started is None:
            return 0.0
        at, since = self._started
        return at + (time.monotonic() - since) * self._speed

    def issues(self) -> tuple[str, ...]:
        """Return nothing: this clock cannot be wrong."""
        return ()

    def wait(self, moment: float, stop: Event) -> bool:
        """Wait until the feed's time is `moment`; return False as soon as `stop` is set."""
        return not stop.wait(max(0.0, moment - self.now()) / self._speed)


class Feed(Protocol):
    """A feed: its clock, and its polls as they are fetched."""

    @property
    def clock(self) -> FeedClock:
        """The clock that the polls' times are of."""
        ...

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Yield polls until `stop` is set or the feed ends.

        `after` is when the newest stored poll was fetched: a feed that can resumes from there, OVERLAP_SECS earlier.
        """
        ...


class AddressFeed:
    """A GTFS-Realtime address, fetched as the recorder fetches it; what goes wrong with the server is passed to `report`.

    Once `stop` is set nothing more is requested; a request under way ends within its own limits.
    """

    def __init__(self, address: FeedAddress, settings: RecorderSettings, report: Callable[[str], None]):
        self._address, self._settings, self._report = address, settings, report
        self.clock = WallClock()

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Yield polls as they are fetched. Raises HeadwayError when the very first request is refused."""
        self.clock.advance_to(after or 0.0)
        inbox = _Inbox()
        recorder = Recorder(self._address, inbox, self._settings, self._report, Clock(now=self.clock.now))
        while not stop.is_set():
            started = time.monotonic()
            pause = recorder.poll()
            yield from inbox.take()
            stop.wait(max(0.0, pause - (time.monotonic() - started)))


class _Inbox:
    """A recorder's AttemptSink that hands over the polls instead of archiving them."""

    def __init__(self) -> None:
        self.day_bytes: dict[str, int] = {}
        self._polls: list[Poll] = []

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        if attempt.outcome is not Outcome.POLL or body is None:
            return False
        self._polls.append(Poll(attempt.fetched_at, body))
        return True

    def delete_day(self, day: str) -> None:
        """No day is archived."""

    def take(self) -> list[Poll]:
        polls, self._polls = self._polls, []
        return polls


class ArchiveFeed:
    """An archive of `headway record`, replayed `speed` times as fast as it was recorded.

    What cannot be read is passed to `report` and skipped. Raises HeadwayError for a folder that is no archive, and for a
    speed that is not positive.
    """

    def __init__(self, archive: Path | str, report: Callable[[str], None], speed: float = 1.0):
        self._archive, self._report = check_archive(archive), report
        self.clock = ReplayClock(speed)

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Yield the polls in the order they were fetched, each at its time."""
        since = None if after is None else after - OVERLAP_SECS
        return _paced(replay(self._archive, self._report, since=since), self.clock, stop, after)


class SimulatedFeed:
    """The endless feed of a simulated line from `begin` (aware) on, a poll every `interval_secs`, `speed` times as fast.

    It is the same for the same `seed`. Raises HeadwayError for a speed that is not positive.
    """

    def __init__(
        self,
        scenario: Scenario,
        begin: datetime,
        *,
        speed: float = 1.0,
        interval_secs: int = 15,
        content: FeedContent | None = None,
        faults: FeedFaults | None = None,
        seed: int = 0,
    ):
        self._scenario, self._begin, self._interval_secs, self._seed = scenario, begin, interval_secs, seed
        self._content, self._faults = content or FeedContent(), faults or FeedFaults()
        self.clock = ReplayClock(speed)

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Yield the polls in the order they are delivered, each at its time."""
        since = None if after is None else after - OVERLAP_SECS
        begin = self._begin if since is None else max(self._begin, self._day_begin(since))
        polls = polls_from(
            self._scenario,
            begin,
            interval_secs=self._interval_secs,
            content=self._content,
            faults=self._faults,
            seed=self._seed,
        )
        if since is not None:
            polls = (poll for poll in polls if poll.fetched_at >= since)
        return _paced(polls, self.clock, stop, after)

    def _day_begin(self, moment: float) -> datetime:
        """The time of the first poll of the service day of `moment`: a day is simulated from there on."""
        day, _ = service_date_and_minute(datetime.fromtimestamp(moment, UTC), self._scenario.time_zone)
        start = service_day_start(day, self._scenario.time_zone)
        return datetime.fromtimestamp(start.timestamp() + DAY_BEGINS_SECS, UTC)


def _paced(polls: Iterator[Poll], clock: ReplayClock, stop: Event, after: float | None) -> Iterator[Poll]:
    """Yield each poll at its time by `clock`, which starts at the first one that is new; earlier ones without waiting."""
    started = False
    for poll in polls:
        if stop.is_set():
            return
        if not started and (after is None or poll.fetched_at > after):
            clock.start(poll.fetched_at)
            started = True
        if started and not clock.wait(poll.fetched_at, stop):
            return
        yield poll
