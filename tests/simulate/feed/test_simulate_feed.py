"""The simulated feed: what its polls hold, and that each fault is what its name says."""

from itertools import pairwise

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripDescriptor, TripUpdate, VehiclePosition

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.nyct import nyct_trip
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent, predicted
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.feed.trains import actual_passings, feed_trains
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start

SCENARIO = Scenario.of_size(5)
PLAN = plan_day(SCENARIO, SCENARIO.start_date)
HAPPENED = run_day(SCENARIO, PLAN, 2)
START = service_day_start(SCENARIO.start_date, SCENARIO.time_zone).timestamp()
SEVEN = 7 * 3600


def feed(minutes=5.0, content=None, **faults) -> list:
    span = (SEVEN, SEVEN + 60 * minutes)
    return list(
        polls(SCENARIO, PLAN, HAPPENED, content=content, faults=FeedFaults(**faults), between_secs=span)
    )


def messages(minutes=5.0, content=None, **faults) -> list[FeedMessage]:
    return [FeedMessage.FromString(poll.body) for poll in feed(minutes, content, **faults)]


def updates(message: FeedMessage) -> dict[str, TripUpdate]:
    return {e.trip_update.trip.trip_id: e.trip_update for e in message.entity if e.HasField("trip_update")}


def vehicles(message: FeedMessage) -> list[VehiclePosition]:
    return [entity.vehicle for entity in message.entity if entity.HasField("vehicle")]


def test_polls_come_every_interval_and_are_the_same_again():
    first, again = feed(), feed()
    assert first == again and len(first) == 20
    assert np.allclose(np.diff([poll.fetched_at for poll in first]), 15, atol=1)
    assert [FeedMessage.FromString(poll.body).header.timestamp for poll in first] == [
        int(START + SEVEN + 15 * k) for k in range(20)
    ]


def test_a_stop_is_listed_until_its_train_has_left_and_a_vehicle_is_where_its_train_is():
    trains = {train.name: train for train in feed_trains(SCENARIO, PLAN, HAPPENED, FeedFaults(), 0)}
    for count, message in enumerate(messages()):
        now = SEVEN + 15 * count
        for name, update in updates(message).items():
            train = trains[name]
            ahead = [stop for stop, left in zip(train.stops, train.departure_secs, strict=True) if left > now]
            assert [stop.stop_id for stop in update.stop_time_update] == ahead[: len(update.stop_time_update)]
            dues = [stop.departure.time for stop in update.stop_time_update]
            assert dues == sorted(dues)
        for vehicle in vehicles(message):
            train = trains[vehicle.trip.trip_id]
            station = train.stops.index(vehicle.stop_id)
            seen = vehicle.timestamp - START
            assert now - 6 <= seen <= now and train.departure_secs[station] > seen
            if vehicle.current_status == VehiclePosition.STOPPED_AT and station:
                assert train.arrival_secs[station] <= seen + 1


def test_predictions_are_worse_the_further_ahead():
    errors = {near: [] for near in (True, False)}
    for train in feed_trains(SCENARIO, PLAN, HAPPENED, FeedFaults(), 0):
        for now in np.arange(train.planned_secs - 1200, train.planned_secs, 300):
            lead = train.arrival_secs - now
            off = np.abs(predicted(train, now)[0] - train.arrival_secs)
            errors[True] += off[(lead > 0) & (lead < 300)].tolist()
            errors[False] += off[lead > 900].tolist()
    assert 0 < np.mean(errors[True]) < np.mean(errors[False]) / 3


def test_vehicles_turn_into_their_next_trip():
    trains = feed_trains(SCENARIO, PLAN, HAPPENED, FeedFaults(), 0)
    trips = {}
    for train in trains:
        trips.setdefault(train.vehicle, []).append(train)
    assert max(len(found) for found in trips.values()) > 5
    for found in trips.values():
        assert all(before.direction != after.direction for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (FeedContent(vehicle_positions=False), {"trip_update"}),
        (FeedContent(trip_updates=False), {"vehicle"}),
        (FeedContent(), {"trip_update", "vehicle"}),
    ],
)
def test_a_feed_holds_what_is_asked_for(content, kinds):
    found = {field.name for entity in messages(1, content)[0].entity for field, _ in entity.ListFields()}
    assert found - {"id"} == kinds


def test_the_extension_says_train_assignment_and_direction():
    update = updates(messages(1, FeedContent(nyct=True))[0])
    said = {name: nyct_trip(update[name].trip) for name in update}
    assert {trip.assigned for trip in said.values()} == {True, False}
    assert all(trip.direction_id == "AB".index(name[0]) for name, trip in said.items())
    assert all(trip.train_id == f"1{name}" for name, trip in said.items())


def test_faults_of_delivery():
    plain = feed()
    shuffled = feed(out_of_order=0.3)
    assert shuffled != plain and sorted(shuffled, key=lambda poll: poll.fetched_at) == plain
    assert len(feed(repeated=1)) == 40
    older = feed(older=1)
    assert [poll.body for poll in older[2:]] == [poll.body for poll in plain[:-2]]
    unreadable = 0
    for poll in feed(malformed=1):
        try:
            unreadable += not FeedMessage.FromString(poll.body).IsInitialized()
        except DecodeError:
            unreadable += 1
    assert unreadable == 20


def test_faults_of_clocks():
    assert {message.header.timestamp for message in messages(header_stands_still=1)} == {int(START + SEVEN)}
    for right, wrong in zip(messages(), messages(clock_off_secs=3600), strict=True):
        assert wrong.header.timestamp - right.header.timestamp == 3600
        name = next(iter(updates(right)))
        stops = (updates(message)[name].stop_time_update[-1] for message in (right, wrong))
        due, off = (stop.arrival.time for stop in stops)
        assert off - due == 3600


def test_an_outage_empties_the_feed_and_only_then():
    sizes = [len(message.entity) for message in messages(outages=((SEVEN + 60, 120.0),))]
    assert [size == 0 for size in sizes] == [4 <= k < 12 for k in range(20)]


def test_trips_vanish_and_come_back():
    plain = [set(updates(message)) for message in messages()]
    seen = [set(updates(message)) for message in messages(vanishing_trips=0.6)]
    assert all(fewer <= every for fewer, every in zip(seen, plain, strict=True))
    back = [k for k in range(1, 20) if (seen[k] - seen[k - 1]) & plain[k - 1]]
    assert seen != plain and back


def test_trips_without_dates_renamed_trips_and_strays():
    assert {u.trip.start_date for m in messages(1, undated_trips=True) for u in updates(m).values()} == {""}
    plain, renamed = messages(), messages(renamed_trips=1)
    names = {name for message in renamed for name in updates(message)}
    assert {name.removesuffix("-R") for name in names} == {n for m in plain for n in updates(m)}
    assert any(name.endswith("-R") for name in names)
    assert any(not v.trip.trip_id for m in messages(without_trip=0.5) for v in vehicles(m))


def test_cancelled_trips_are_announced_cancelled_and_never_run():
    faults = FeedFaults(cancelled_trips=0.3)
    served = actual_passings(SCENARIO, PLAN, HAPPENED, faults, 0)
    assert sum(len(passed.train) for passed in served) < sum(len(passed.train) for passed in HAPPENED)
    runs = {f"{'AB'[d]}{train:03d}" for d, passed in enumerate(served) for train in passed.train}
    found = messages(20, cancelled_trips=0.3)
    cancelled = {
        name
        for message in found
        for name, update in updates(message).items()
        if update.trip.schedule_relationship == TripDescriptor.CANCELED
    }
    assert cancelled and not cancelled & runs
    assert not {v.trip.trip_id for message in found for v in vehicles(message)} - runs


def test_skipped_stops_are_marked_or_withdrawn_and_trains_do_not_stop_there():
    served = actual_passings(SCENARIO, PLAN, HAPPENED, FeedFaults(skipped_stops=0.3), 0)
    skipped = [
        np.isnan(now.departure_secs) & ~np.isnan(then.departure_secs)
        for now, then in zip(served, HAPPENED, strict=True)
    ]
    assert 0.1 < np.concatenate(skipped).mean() < 0.3
    assert not any(stops[:, [0, -1]].any() for stops in skipped)
    marks = {
        stop.schedule_relationship
        for message in messages(10, skipped_stops=0.3)
        for update in updates(message).values()
        for stop in update.stop_time_update
    }
    assert TripUpdate.StopTimeUpdate.SKIPPED in marks


def test_added_stops_come_late_and_past_ones_stay():
    def listed(**faults) -> int:
        return sum(len(u.stop_time_update) for m in messages(3, **faults) for u in updates(m).values())

    assert listed(added_stops=0.5) < listed() < listed(moving_past=True)


def test_senseless_requests_are_refused():
    for words in ({"interval_secs": 0}, {"seed": -1}):
        with pytest.raises(HeadwayError, match="interval of at least 1 s"):
            polls(SCENARIO, PLAN, HAPPENED, **words)


def test_a_day_without_service_has_no_polls():
    closed = Scenario.of_size(5, sunday=None)
    sunday = plan_day(closed, SCENARIO.start_date.replace(day=14))
    assert list(polls(closed, sunday, run_day(closed, sunday, 0))) == []
