"""Ingest, poll by poll, against the batch path over the same polls: equal row for row at any time, also after restarts."""

import random
from dataclasses import replace
from datetime import date
from zlib import crc32

import polars as pl
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage
from polars.testing import assert_frame_equal

from headway_prediction.feeds.realtime import checkpoint
from headway_prediction.feeds.realtime.arrival_log import tidy_log
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrip, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, track_polls
from headway_prediction.service.live.ingest import Ingest, LineFilter
from headway_prediction.service.live.stale_feed import FeedOutages
from headway_prediction.service.store import Store
from helpers.ingested import DAY, LINE, LINE_FILTER, batch_log, of_date, simulated
from helpers.realtime_feed import T0, poll, update, vehicle

FAULTS = {
    "none": {},
    "late, repeated and older": {"out_of_order": 0.2, "repeated": 0.2, "older": 0.05},
    "malformed and empty": {"malformed": 0.1, "outages": ((8.25 * 3600, 300.0),)},
    "trips that vanish and change": {"vanishing_trips": 0.3, "renamed_trips": 0.3, "undated_trips": True},
}
L_LINE = LineFilter("L", FeedMetadata("America/New_York"))


@pytest.fixture(scope="module")
def given_polls():
    """An hour of polls with each kind of fault."""
    return {name: simulated(8, 8.5, interval_secs=25, **faults) for name, faults in FAULTS.items()}


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


def check(ingest: Ingest, store: Store, polls: list[Poll], own=LINE_FILTER, day=DAY) -> None:
    """The log in memory, the log in the store and the batch path's are the same."""
    expected = of_date(batch_log(polls, own), day).with_columns(line_id=pl.lit(LINE))
    assert_frame_equal(ingest.log(day), expected)
    assert_frame_equal(store.log(LINE, day), expected)
    assert ingest.issues() == ()


@pytest.mark.parametrize("name", FAULTS)
def test_at_any_time_the_log_is_that_of_the_batch_path(store, given_polls, name):
    polls = given_polls[name]
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    for count, given in enumerate(polls, 1):
        ingest.add(given)
        if count in {31, 50, len(polls)}:
            check(ingest, store, polls[:count])
    assert ingest.counts == track_polls(polls).counts
    assert store.poll_count(LINE) == len({(each.fetched_at, each.body) for each in polls})


@pytest.mark.parametrize("name", FAULTS)
def test_an_ingest_that_ends_anywhere_resumes(store, given_polls, name, monkeypatch):
    monkeypatch.setattr("headway_prediction.service.live.ingest.CHECKPOINT_SECS", 120.0)
    polls, chance = given_polls[name], random.Random(name)
    ends = sorted(chance.sample(range(1, len(polls)), 6))
    for begin, end in zip([0, *ends], [*ends, len(polls)], strict=True):
        ingest = Ingest.resume(store, LINE, LINE_FILTER)
        for given in polls[max(0, begin - 7) : end]:  # some come once more
            ingest.add(given)
    check(ingest, store, polls)
    assert ingest.counts["applied"] == track_polls(polls).counts["applied"]
    assert store.poll_count(LINE) == len({(each.fetched_at, each.body) for each in polls})


def test_a_trip_id_that_runs_twice_and_passings_that_are_corrected(store):
    other = update("other", {"Y": 90_000})
    polls = [
        poll(0, other, update("T", {"A": 10, "B": 100})),
        poll(15, other, update("T", {"B": 100})),
        poll(30, other, update("T", {"A": 40, "B": 130})),
    ]
    polls += [poll(45, other, update("T", {"B": 130})), poll(110, other, update("T", {"B": 130}))]
    polls += [poll(125 + 15 * k, other, vehicle("T", "B", "stopped")) for k in range(2)]
    polls += [poll(160, other), poll(11_100, other)]
    polls += [poll(11_115, other, update("T", {"A": 11_120, "B": 11_200}))]
    polls += [poll(11_130, other, update("T", {"B": 11_200})), poll(11_205, other)]
    ingest, heights = Ingest.resume(store, LINE, L_LINE), []
    day = None
    for count, given in enumerate(polls, 1):
        ingest.add(given)
        if count > 1:
            heights.append(
                ingest.log(store.service_dates(LINE)[0]).height if store.service_dates(LINE) else 0
            )
            if heights[-1]:
                day = store.service_dates(LINE)[0]
                check(ingest, store, polls[:count], L_LINE, day)
    assert heights[:3] == [1, 0, 1]  # A was passed, then not after all, then it was
    assert set(ingest.log(day)["trip_id"]) == {"T", "T#2"}


def test_the_passings_of_one_route_with_the_metadata_of_the_schedule(store):
    unnamed = update("S", {"A": 10, "B": 100}, direction=None)
    foreign = update("F", {"A": 12, "B": 100})
    foreign.trip_update.trip.route_id = "M"
    unnamed.trip_update.trip.ClearField("route_id")
    later = [replace_stops(each) for each in (unnamed, foreign)]
    polls = [
        poll(0, update("T", {"A": 10, "B": 100}), unnamed, foreign),
        poll(15, update("T", {"B": 100}), *later),
    ]
    metadata = FeedMetadata("America/New_York", {"A": "First"}, {"S": "L"}, {"S": 1})
    own = LineFilter("L", metadata)
    ingest = Ingest.resume(store, LINE, own)
    for given in polls:
        ingest.add(given)
    (day,) = store.service_dates(LINE)
    check(ingest, store, polls, own, day)
    assert sorted(ingest.log(day).select("trip_id", "direction_id").rows()) == [("S", 1), ("T", 0)]


def test_the_trains_of_joined_routes_are_one_line(store):
    plain = simulated(8, 8.25, interval_secs=30)
    polls, own = [renamed(given) for given in plain], replace(LINE_FILTER, route_id="A,C")
    ingest = Ingest.resume(store, LINE, own)
    for given in polls:
        ingest.add(given)
    check(ingest, store, polls, own)
    assert_frame_equal(ingest.log(DAY).drop("line_id"), batch_log(plain).drop("line_id"))
    halves = [Ingest.resume(store, f"only {route}", replace(LINE_FILTER, route_id=route)) for route in "AC"]
    for half in halves:
        for given in polls:
            half.add(given)
    heights = [half.log(DAY).height for half in halves]
    assert min(heights) > 0 and sum(heights) == ingest.log(DAY).height


def renamed(given: Poll) -> Poll:
    """The same poll, every trip on one of two routes."""
    message = FeedMessage.FromString(given.body)
    for entity in message.entity:
        for trip in (entity.trip_update.trip, entity.vehicle.trip):
            if trip.trip_id:
                trip.route_id = "AC"[crc32(trip.trip_id.encode()) % 2]
    return Poll(given.fetched_at, message.SerializeToString())


def test_delays_are_tracked_with_the_plan_also_after_a_restart(store):
    planned = PlannedTrips("UTC", {"T": (PlannedTrip(frozenset({date(2025, 9, 8)}), PLANNED),)})
    own = replace(L_LINE, planned=planned)
    polls = [poll(secs, delayed_trip(10)) for secs in (0, 15, 120, 135)]
    for given in polls:
        ingest = Ingest.resume(store, LINE, own)
        ingest.add(given)
    (day,) = store.service_dates(LINE)
    expected = tidy_log(track_polls(polls, planned=planned).journal(), own.metadata, "L")[0]
    assert_frame_equal(ingest.log(day), expected.with_columns(line_id=pl.lit(LINE)))
    assert expected["stop_id"].to_list() == ["A", "B"]


PLANNED = tuple(
    PlannedStop(stop, place, 14 * 3600 + 120 * place) for place, stop in enumerate("ABC")
)  # T0 is 14:00 UTC


def delayed_trip(delay: int):
    """The trip T in a feed with delays but no times."""
    entity = update("T", {})
    entity.trip_update.delay = delay
    return entity


def replace_stops(entity):
    """The same trip once it has left its first stop."""
    later = type(entity)()
    later.CopyFrom(entity)
    del later.trip_update.stop_time_update[0]
    return later


def test_an_uncertain_passing_is_excluded_as_in_the_batch_path(store):
    polls = [
        poll(0, update("T", {"A": 10, "B": 150})),
        poll(15, update("T", {"B": 150})),
        poll(300, update("T", {})),
    ]
    own = replace(L_LINE, max_uncertainty_secs=20)
    ingest = Ingest.resume(store, LINE, own)
    for given in polls:
        ingest.add(given)
    (day,) = store.service_dates(LINE)
    assert ingest.log(day)["stop_id"].to_list() == ["A"] == store.log(LINE, day)["stop_id"].to_list()


def test_polls_that_cannot_be_read_are_ignored(store):
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    for given in (
        Poll(float("nan"), b""),
        Poll(float("inf"), b""),
        Poll(-1.0, b""),
        Poll(T0, b"no feed"),
        Poll(T0 + 15, b""),
    ):
        ingest.add(given)
    assert store.poll_count(LINE) == 2 and ingest.counts == {"malformed": 2}
    assert ingest.log(DAY).is_empty() and ingest.newest_poll_at == T0 + 15


def test_the_content_time_is_that_of_the_feed_header(store):
    ingest = Ingest.resume(store, LINE, L_LINE)
    assert ingest.newest_poll_at is ingest.newest_content_at is None
    first = poll(0, update("T", {"A": 10, "B": 100}), header=-4)
    ingest.add(first)
    assert (ingest.newest_poll_at, ingest.newest_content_at) == (T0, T0 - 4)
    ingest.add(replace(first, fetched_at=first.fetched_at + 15))
    assert (ingest.newest_poll_at, ingest.newest_content_at) == (T0 + 15, T0 - 4)
    again = Ingest.resume(store, LINE, L_LINE)
    assert (again.newest_poll_at, again.newest_content_at) == (T0 + 15, T0 - 4)


def test_outages_are_the_same_from_the_store_after_a_restart(store):
    first = poll(0, update("T", {"A": 10, "B": 2000}), header=-4)
    still = [replace(first, fetched_at=T0 + secs) for secs in range(0, 901, 300)]
    changed = poll(1200, update("T", {"B": 2000}), header=1198)
    ingest, live, restored = Ingest.resume(store, LINE, L_LINE), FeedOutages(), FeedOutages()
    for given in (*still, changed):
        ingest.add(given)
        live.record(ingest.newest_content_at)
    for content_at in store.content_times(LINE, 0.0):
        restored.record(content_at)
    assert restored.ended == live.ended == [(T0 - 4, T0 + 1198)]


def test_a_checkpoint_of_another_version_is_an_issue_and_not_used(store, given_polls, monkeypatch):
    polls = given_polls["none"]
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    for given in polls[:45]:
        ingest.add(given)
    before = store.log(LINE, DAY)
    monkeypatch.setattr(checkpoint, "VERSION", checkpoint.VERSION + 1)
    again = Ingest.resume(store, LINE, LINE_FILTER)
    assert "tracked anew" in again.issues()[0]
    assert before.join(again.log(DAY), on=before.columns, how="anti").height == 0
    for given in polls[45:]:
        again.add(given)
    # A trip may be split in two, but nothing is passed twice.
    log = again.log(DAY).with_columns(pl.col("trip_id").str.replace("#.*", ""))
    assert log.unique(["trip_id", "stop_id", "direction_id"]).height == log.height > before.height
    assert_frame_equal(store.log(LINE, DAY), again.log(DAY))


@pytest.mark.parametrize("name", FAULTS)
def test_a_tracker_is_restored_to_the_last_bit(given_polls, name):
    polls = given_polls[name]
    tracker = FeedTracker()
    for count, given in enumerate(polls, 1):
        tracker.add(given)
        if count % 25 == 0:
            settled = tracker.settled
            raw = checkpoint.to_bytes(settled)
            assert checkpoint.from_bytes(raw) == settled
            recent = [each for each in polls[:count] if each.fetched_at > settled.until]
            resumed = FeedTracker.resumed(checkpoint.from_bytes(raw), recent)
            assert resumed._state == tracker._state and resumed.open_runs() == tracker.open_runs()


@pytest.mark.parametrize("raw", [b"", b"no state", checkpoint.to_bytes(FeedTracker().settled)[:-3]])
def test_bytes_that_are_no_checkpoint_are_refused(raw):
    with pytest.raises(ValueError, match="no tracker state"):
        checkpoint.from_bytes(raw)
