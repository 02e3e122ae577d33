"""Feeds of each kind: a server on loopback, an archive, the simulated line; and their clocks."""

import time
from datetime import datetime
from itertools import islice
from threading import Event, Thread, Timer

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import feed_address
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome
from headway_prediction.feeds.recorder.record import Clock, RecorderSettings
from headway_prediction.service.live.feed_sources import (
    CATCH_UP_RATE,
    CLOCK_CONFIRMED_SECS,
    OVERLAP_SECS,
    AddressFeed,
    ArchiveFeed,
    ReplayClock,
    SimulatedFeed,
    WallClock,
)
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.store import Store
from headway_prediction.simulate.feed.server import serving
from helpers.ingested import DAY, LINE, LINE_FILTER, SCENARIO, batch_log, moment, simulated
from helpers.recording import NOON, feed_server, http_server, polls, respond

UNLIMITED_SPEED = 1e9


@pytest.fixture
def archive(tmp_path):
    given = polls(40)
    with open_archive(tmp_path / "archive", "http://127.0.0.1/feed", print) as writing:
        for poll in given:
            writing.add(Attempt(poll.fetched_at, Outcome.POLL, status=200), poll.body)
    return tmp_path / "archive", given


def fetched(
    url: str, count: int, reports: list[str], interval_secs: float = 0.05, after: float | None = None
):
    """The first polls of an address, and the feed they came from."""
    source, stop = AddressFeed(feed_address(url), RecorderSettings(interval_secs), reports.append), Event()
    return list(islice(source.polls(stop, after), count)), source


def test_an_address_gives_a_poll_for_every_request_changed_or_not():
    given, reports = polls(2), []
    began = time.time()
    with serving(feed_server(given)) as server:
        came, source = fetched(server.url, 3, reports)
    assert {poll.body for poll in came} <= {poll.body for poll in given} and len(came) == 3
    moments = [poll.fetched_at for poll in came]
    assert moments == sorted(moments) and began - 1 <= moments[0] and moments[-1] <= source.clock.now()
    assert source.clock.issues() == () and reports == []


def test_an_address_that_fails_for_a_while_is_reported_and_fetched_again():
    answers, reports = iter([200, 500, 404, 200]), []
    with http_server(lambda handler: respond(handler, next(answers, 200), polls(1)[0].body)) as url:
        came, _ = fetched(url, 2, reports)
    assert len(came) == 2
    assert [line.partition(";")[0] for line in reports] == [
        "status 500",
        "status 404",
        "the feed works again",
    ]


def test_a_response_that_is_no_feed_is_no_poll():
    answers, reports = iter([b"<html>no feed</html>"]), []
    with http_server(lambda handler: respond(handler, 200, next(answers, polls(1)[0].body))) as url:
        (came,), _ = fetched(url, 1, reports)
    assert came.body == polls(1)[0].body and "no complete GTFS-Realtime feed" in reports[0]


def test_an_address_whose_first_request_is_refused_raises():
    with (
        http_server(lambda handler: respond(handler, 403, b"")) as url,
        pytest.raises(HeadwayError, match="403"),
    ):
        fetched(url, 1, [])


def test_an_address_stops_at_once():
    stop, came = Event(), []
    with serving(feed_server(polls(2))) as server:
        source = AddressFeed(feed_address(server.url), RecorderSettings(3600.0), print)
        thread = Thread(target=lambda: came.extend(source.polls(stop)))
        thread.start()
        time.sleep(0.3)
        stop.set()
        thread.join(5)
    assert not thread.is_alive() and len(came) <= 1


def test_an_archive_is_given_whole_and_its_clock_runs_with_it(archive):
    folder, given = archive
    source = ArchiveFeed(folder, print, 600.0)
    assert source.clock.now() == 0.0
    for poll in source.polls(Event()):
        assert source.clock.now() >= poll.fetched_at
        expected = given.pop(0)
        assert (poll.fetched_at, poll.body) == (expected.fetched_at, expected.body)
    assert not given and source.clock.issues() == ()


def test_an_archive_resumes_before_the_newest_stored_poll(archive):
    folder, given = archive
    source, after = ArchiveFeed(folder, print, 1.0), given[30].fetched_at
    came = source.polls(Event(), after)
    known = list(islice(came, 30 - int(30 - OVERLAP_SECS / 15) + 1))
    assert [poll.fetched_at for poll in known] == [
        poll.fetched_at for poll in given if after - OVERLAP_SECS <= poll.fetched_at <= after
    ]
    assert source.clock.now() == 0.0  # stored polls come at once; the clock starts with the first new one
    assert next(came).fetched_at == given[31].fetched_at
    assert given[31].fetched_at <= source.clock.now() < given[32].fetched_at


def test_a_replay_stops_at_once_in_the_middle_of_waiting(archive):
    folder, _ = archive
    stop = Event()
    Timer(0.2, stop.set).start()
    started = time.monotonic()
    assert len(list(ArchiveFeed(folder, print, 0.001).polls(stop))) == 1
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(archive, speed):
    with pytest.raises(HeadwayError, match="--speed"):
        ArchiveFeed(archive[0], print, speed)


def test_a_folder_without_an_archive_is_refused(tmp_path):
    with pytest.raises(HeadwayError):
        ArchiveFeed(tmp_path, print)


def simulation(begin_hour: float = 7.0, interval_secs: int = 30) -> SimulatedFeed:
    begin = datetime.fromtimestamp(moment(begin_hour)).astimezone()
    return SimulatedFeed(SCENARIO, begin, speed=UNLIMITED_SPEED, interval_secs=interval_secs, seed=1)


def test_the_simulated_line_is_reproducible_and_resumes():
    given = simulated(7, 7.5, interval_secs=30)
    assert list(islice(simulation().polls(Event()), len(given))) == given
    again = simulation().polls(Event(), given[40].fetched_at)
    assert (
        list(islice(again, 15))
        == [p for p in given if p.fetched_at >= given[40].fetched_at - OVERLAP_SECS][:15]
    )


def test_the_simulated_line_resumes_on_the_next_day(tmp_path):
    """Resuming at 03:20 simulates the new day from its first poll on, as running through the night does."""
    whole = list(islice(simulation(26.5, interval_secs=60).polls(Event()), 60))
    again = simulation(26.5, interval_secs=60).polls(Event(), whole[50].fetched_at)
    assert (
        list(islice(again, 9))
        == [p for p in whole if p.fetched_at >= whole[50].fetched_at - OVERLAP_SECS][:9]
    )


def test_a_simulated_line_is_ingested_through_a_restart(tmp_path):
    given = simulated(7, 7.5, interval_secs=30)
    store, added = Store.open(f"sqlite:///{tmp_path}/store.db"), 0
    for count in (40, 20):
        ingest = Ingest.resume(store, LINE, LINE_FILTER)
        feed = simulation().polls(Event(), ingest.newest_poll_at)
        while store.poll_count(LINE) < added + count:
            ingest.add(next(feed))
        added += count
    assert store.poll_count(LINE) == 60
    assert ingest.log(DAY).equals(batch_log(given))
    store.close()


class SetClock:
    """A wall clock that can be set, and a stopwatch that cannot."""

    def __init__(self):
        self.wall, self.since = NOON, 0.0

    def clock(self) -> Clock:
        return Clock(now=lambda: self.wall, elapsed=lambda: self.since)

    def wait(self, secs: float) -> None:
        self.wall += secs
        self.since += secs


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_is_set_is_not_followed_at_once_and_is_an_issue(step):
    hands = SetClock()
    clock = WallClock(hands.clock())
    hands.wait(100)
    assert clock.now() == NOON + 100
    hands.wall += step
    hands.wait(15)
    assert clock.now() == NOON + 115
    (issue,) = clock.issues()
    assert ("forward" if step > 0 else "back") in issue and "3,600 s" in issue
    hands.wall -= step  # and set right again
    hands.wait(15)
    assert clock.now() == NOON + 130 and clock.issues() == ()


def test_a_clock_that_stays_set_forward_is_followed_after_a_while():
    hands = SetClock()
    clock = WallClock(hands.clock())
    hands.wall += 3600
    for _ in range(int(CLOCK_CONFIRMED_SECS / 10) + 1):
        hands.wait(10)
        clock.now()
    assert clock.now() == hands.wall and clock.issues() == ()


def test_a_clock_that_stays_set_back_is_followed_without_running_backwards():
    hands = SetClock()
    clock = WallClock(hands.clock())
    hands.wall -= 3600
    moments = []
    for _ in range(int((CLOCK_CONFIRMED_SECS + 3600 / CATCH_UP_RATE) / 10) + 20):
        hands.wait(10)
        moments.append(clock.now())
    assert moments == sorted(moments) and len(set(moments)) == len(moments)
    assert clock.now() == hands.wall and clock.issues() == ()


def test_a_clock_that_drifts_is_followed():
    hands = SetClock()
    clock = WallClock(hands.clock())
    for _ in range(100):
        hands.wait(10)
        hands.wall += 1
        assert clock.now() == hands.wall and clock.issues() == ()


def test_a_clock_starts_no_earlier_than_the_newest_poll():
    hands = SetClock()
    clock = WallClock(hands.clock())
    clock.advance_to(NOON + 1000)
    hands.wait(1)
    assert clock.now() > NOON + 1000 and "back" in clock.issues()[0]


def test_a_replay_clock_stands_until_it_starts_and_waits_for_a_time():
    clock = ReplayClock(1000.0)
    assert clock.now() == 0.0
    clock.start(NOON)
    assert clock.wait(NOON + 50, Event()) and clock.now() >= NOON + 50
    stopped = Event()
    stopped.set()
    assert not clock.wait(NOON + 1e9, stopped)
