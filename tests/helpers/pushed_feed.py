"""A feed with polls and time from a test, and the service over it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import takewhile
from pathlib import Path
from queue import Empty, Queue
from threading import Event

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.service.live.ingest import LineFilter
from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.served_bundle import LoadedBundle
from headway_prediction.service.live.service import LiveService, ServiceSettings
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls_from
from headway_prediction.transit.clock import service_day_start

SCENARIO = Scenario.of_size(5)
FRIDAY = date(2025, 9, 12)
ALLOWED_LATENESS_SECS = 60.0


def moment(minute: float) -> float:
    """The epoch seconds of a minute of FRIDAY."""
    return service_day_start(FRIDAY, SCENARIO.time_zone).timestamp() + minute * 60


def simulated_polls(first: float, last: float) -> list[Poll]:
    """The polls between two minutes of FRIDAY, two a minute."""
    begin = datetime.fromtimestamp(moment(first)).astimezone()
    given = polls_from(SCENARIO, begin, interval_secs=30, content=FeedContent(), faults=FeedFaults(), seed=5)
    return list(takewhile(lambda poll: poll.fetched_at < moment(last), given))


class SetClock:
    """A clock that stands at the time it was set to."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def issues(self) -> tuple[str, ...]:
        return ()


class PushedFeed:
    """Yields the pushed polls; raises a pushed exception."""

    def __init__(self, clock: SetClock):
        self.clock = clock
        self.waiting: Queue[Poll | Exception] = Queue()

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        while not stop.is_set():
            try:
                given = self.waiting.get(timeout=0.05)
            except Empty:
                continue
            if isinstance(given, Exception):
                raise given
            self.clock.time = max(self.clock.time, given.fetched_at)
            yield given


class PushedService:
    """A service with a PushedFeed."""

    def __init__(self, path: Path, loaded: LoadedBundle, store_url: str, **settings: object):
        self.clock = SetClock()
        self.feed = PushedFeed(self.clock)
        self.store = Store.open(store_url)
        line_id = loaded.bundle.line.line_id
        line_filter = LineFilter(line_id, FeedMetadata(SCENARIO.time_zone))
        self.live = LiveService(
            path, loaded, self.store, line_filter, self.feed, ServiceSettings(line_id, **settings)
        )
        self.line_id, self.publisher = line_id, self.live.publisher

    def push(self, polls: list[Poll]) -> None:
        """Push polls, each at its time."""
        for poll in polls:
            self.feed.waiting.put(poll)

    def complete(self, minute: int) -> LineForecast:
        """Wait until `minute` is published with its hour and scores."""
        self.until(lambda: self._is_complete(minute))
        return self.publisher.latest(self.line_id)[1]

    def _is_complete(self, minute: int) -> bool:
        newest = self.live.latest_complete
        return newest is not None and newest.state.t0 >= minute

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; fail after ALLOWED_LATENESS_SECS."""
        end = time.monotonic() + ALLOWED_LATENESS_SECS
        while not condition():
            assert time.monotonic() < end, f"timeout; {self.live.issues()}"
            time.sleep(0.02)


@contextmanager
def pushed_service(
    path: Path, loaded: LoadedBundle, store_url: str, before: Sequence[Poll] = (), **settings: object
) -> Iterator[PushedService]:
    """Run a service; of the polls of `before` only the last one comes while it runs."""
    service = PushedService(path, loaded, store_url, **settings)
    for poll in before[:-1]:
        service.live.ingest.add(poll)
    service.live.start()
    if before:
        service.push(before[-1:])
    try:
        yield service
    finally:
        service.live.stop()
        service.store.close()


def refusal() -> HeadwayError:
    """The error of a feed whose request is refused."""
    return HeadwayError("the feed responds with 404", "200", "check the address")
