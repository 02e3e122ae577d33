"""Where the service's polls come from: an address that is asked politely, a recorded archive, or the simulated line."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import ALLOWED_LATENESS_SECS
from headway_prediction.feeds.recorder.address import FeedAddress
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome, check_archive
from headway_prediction.feeds.recorder.record import Clock, Recorder, RecorderSettings
from headway_prediction.feeds.recorder.replay import replay
from headway_prediction.service.live.feed_clock import FeedClock, ReplayClock, WallClock
from headway_prediction.simulate.feed.days import DAY_BEGINS_SECS, polls_from
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.transit.clock import service_date_and_minute, service_day_start

OVERLAP_SECS = ALLOWED_LATENESS_SECS
"""Going on begins so long before the newest kept poll: some that came late may have been on their way behind it."""


class Feed(Protocol):
    """A feed: its clock, and its polls as they come."""

    clock: FeedClock

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Give polls until `stop` is set, or the feed ends.

        `after` is when the newest poll that is kept was fetched: a feed that can goes on from there, with some polls once
        more that were kept already.
        """
        ...


class AddressFeed:
    """A GTFS-Realtime address, asked as the recorder asks: politely, and whatever the server does is told to `say`.

    Once `stop` is set nothing is asked any more; a question under way ends by itself, within its limits.
    """

    def __init__(self, address: FeedAddress, settings: RecorderSettings, say: Callable[[str], None]):
        self._address, self._settings, self._say = address, settings, say
        self.clock = WallClock()

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Give polls as they are fetched. Raises HeadwayError when the very first request is refused."""
        self.clock.advance_to(after or 0.0)
        inbox = _Inbox()
        recorder = Recorder(self._address, inbox, self._settings, self._say, Clock(now=self.clock.now))
        while not stop.is_set():
            started = time.monotonic()
            pause = recorder.poll()
            yield from inbox.taken()
            stop.wait(max(0.0, pause - (time.monotonic() - started)))


class _Inbox:
    """Stands where a recorder has its archive: the polls are for whoever asks next."""

    def __init__(self) -> None:
        self.day_bytes: dict[str, int] = {}
        self._polls: list[Poll] = []

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        came = attempt.outcome is Outcome.POLL and body is not None
        if came:
            self._polls.append(Poll(attempt.fetched_at, body))
        return came

    def delete_day(self, day: str) -> None:
        """Nothing is kept by day."""

    def taken(self) -> list[Poll]:
        polls, self._polls = self._polls, []
        return polls


class ArchiveFeed:
    """An archive of `headway record`, replayed `speed` times as fast as it was recorded.

    What cannot be read is told to `say` and left out. Raises HeadwayError for a folder that is no archive, and for a speed
    that is not positive.
    """

    def __init__(self, archive: Path | str, say: Callable[[str], None], speed: float = 1.0):
        self._archive, self._say = check_archive(archive), say
        self.clock = ReplayClock(speed)

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Give the polls in the order they were fetched, each at its time."""
        since = None if after is None else after - OVERLAP_SECS
        return _paced(replay(self._archive, self._say, since=since), self.clock, stop, after)


class SimulatedFeed:
    """The feed of a simulated line from `begin` (aware) on, a poll every `interval_secs`, for ever, `speed` times as fast.

    It is the same each time that it is given. Raises HeadwayError for a speed that is not positive.
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
        self._scenario, self._begin = scenario, begin
        self._settings = {
            "interval_secs": interval_secs,
            "content": content or FeedContent(),
            "faults": faults or FeedFaults(),
            "seed": seed,
        }
        self.clock = ReplayClock(speed)

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        """Give the polls in the order they are delivered, each at its time."""
        begin = self._begin if after is None else max(self._begin, self._day_begins(after - OVERLAP_SECS))
        polls = polls_from(self._scenario, begin, **self._settings)
        if after is not None:
            polls = (poll for poll in polls if poll.fetched_at >= after - OVERLAP_SECS)
        return _paced(polls, self.clock, stop, after)

    def _day_begins(self, moment: float) -> datetime:
        """When the polls of the service day at `moment` begin: a day's polls are drawn together, from its first one on."""
        day, _ = service_date_and_minute(datetime.fromtimestamp(moment, UTC), self._scenario.time_zone)
        start = service_day_start(day, self._scenario.time_zone)
        return datetime.fromtimestamp(start.timestamp() + DAY_BEGINS_SECS, UTC)


def _paced(polls: Iterator[Poll], clock: ReplayClock, stop: Event, after: float | None) -> Iterator[Poll]:
    """Give each poll at its time by `clock`, which begins with the first that is new; those up to `after` come at once."""
    begun = False
    for poll in polls:
        if stop.is_set():
            return
        if not begun and (after is None or poll.fetched_at > after):
            clock.begin(poll.fetched_at)
            begun = True
        if begun and not clock.wait(poll.fetched_at, stop):
            return
        yield poll
