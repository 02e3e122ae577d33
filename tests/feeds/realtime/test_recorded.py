"""The two recorded series of New York's feeds: every poll parses, and every passing is confirmed by the polls around it."""

from pathlib import Path

import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.feeds.realtime.recorded import recorded_polls
from headway_prediction.feeds.realtime.tracker import FeedTracker, track_polls
from helpers.lines import REAL_DATA

SERIES = {"nyct-ace-2026": (20, 15), "nyct-7-2019": (6, 30)}


@pytest.fixture(params=SERIES)
def series(request) -> Path:
    folder = REAL_DATA / "gtfs_realtime" / request.param
    if not folder.is_dir():
        pytest.skip(f"the recorded series {request.param} is absent (HEADWAY_REAL_DATA or ../shared/data)")
    return folder


def test_every_poll_is_applied_and_every_passing_is_observed(series):
    faults = []
    polls = list(recorded_polls([series], faults.append))
    tracker = track_polls(polls)
    assert tracker.counts == {"applied": len(polls)} and not faults
    passings = tracker.journal()
    expected, interval_secs = SERIES[series.name]
    assert len(passings) == expected
    listed = [stops_listed(poll.body) for poll in polls]
    times = [poll.fetched_at for poll in polls]
    for passing in passings:
        before, after = (times.index(secs) for secs in passing.polls)
        assert after == before + 1
        trip = passing.run.trip.trip_id
        # The stop led the trip's list, and the next poll lists it only as the first one, already in the past.
        assert listed[before][trip][0] == passing.stop_id or passing.stop_id in listed[before][trip][:2]
        assert passing.stop_id not in listed[after].get(trip, ())[1:]
        assert passing.uncertainty_secs <= 2 * interval_secs
        assert passing.run.train_id and passing.run.direction_id == int(passing.stop_id.endswith("S"))
        assert passing.track


def stops_listed(body: bytes) -> dict[str, list[str]]:
    updates = [entity.trip_update for entity in FeedMessage.FromString(body).entity]
    return {
        update.trip.trip_id: [stop.stop_id for stop in update.stop_time_update]
        for update in updates
        if update.trip.trip_id
    }


def vehicles_at(body: bytes) -> dict[str, str]:
    positions = [entity.vehicle for entity in FeedMessage.FromString(body).entity]
    return {position.trip.trip_id: position.stop_id for position in positions if position.trip.trip_id}


def test_trains_whose_lists_do_not_change_pass_nothing(series):
    polls = list(recorded_polls([series], print))
    passed = {passing.run.trip.trip_id for passing in track_polls(polls).journal()}
    first, last = stops_listed(polls[0].body), stops_listed(polls[-1].body)
    unmoved = {trip for trip in first if first[trip] and first[trip] == last.get(trip)}
    assert len(unmoved - passed) > 10
    # Except those that already stand at the second stop, while the one behind them stays listed.
    for trip in unmoved & passed:
        assert vehicles_at(polls[-1].body)[trip] == last[trip][1]


def test_reversed_and_repeated_polls_give_the_same_journal(series):
    polls = list(recorded_polls([series], print))
    again = FeedTracker()
    for poll in [*polls[::-1], *polls]:
        again.add(poll)
    assert again.journal() == track_polls(polls).journal()
