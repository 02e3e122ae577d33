"""The simulated feed: the content of its polls, each fault, and the polls of consecutive days."""

from datetime import UTC, datetime
from itertools import islice, pairwise

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripDescriptor, TripUpdate, VehiclePosition

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.nyct import nyct_trip
from headway_prediction.feeds.recorder.classify import has_feed_shape
from headway_prediction.simulate import Scenario, blue_line, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults, parse_feed_faults
from headway_prediction.simulate.feed.message import FeedContent, predicted
from headway_prediction.simulate.feed.polls import polls, polls_from
from headway_prediction.simulate.feed.server import FeedServer, PollPlayer, serving
from headway_prediction.simulate.feed.trains import actual_passings, feed_trains
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start
from helpers.recording import FakeTime, recorded, replayed

SCENARIO = Scenario.of_size(5)
PLAN = plan_day(SCENARIO, SCENARIO.start_date)
PASSINGS = run_day(SCENARIO, PLAN, 2)
START = service_day_start(SCENARIO.start_date, SCENARIO.time_zone).timestamp()
SEVEN = 7 * 3600


def feed(minutes=5.0, content=None, **faults) -> list:
    span = (SEVEN, SEVEN + 60 * minutes)
    return list(
        polls(SCENARIO, PLAN, PASSINGS, content=content, faults=FeedFaults(**faults), between_secs=span)
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
    trains = {train.name: train for train in feed_trains(SCENARIO, PLAN, PASSINGS, FeedFaults(), 0)}
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
    for train in feed_trains(SCENARIO, PLAN, PASSINGS, FeedFaults(), 0):
        for now in np.arange(train.planned_secs - 1200, train.planned_secs, 300):
            lead = train.arrival_secs - now
            off = np.abs(predicted(train, now)[0] - train.arrival_secs)
            errors[True] += off[(lead > 0) & (lead < 300)].tolist()
            errors[False] += off[lead > 900].tolist()
    assert 0 < np.mean(errors[True]) < np.mean(errors[False]) / 3


def test_vehicles_turn_into_their_next_trip():
    trains = feed_trains(SCENARIO, PLAN, PASSINGS, FeedFaults(), 0)
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
def test_a_feed_has_the_content_given(content, kinds):
    found = {field.name for entity in messages(1, content)[0].entity for field, _ in entity.ListFields()}
    assert found - {"id"} == kinds


def test_the_extension_has_train_assignment_and_direction():
    update = updates(messages(1, FeedContent(nyct=True))[0])
    trips = {name: nyct_trip(update[name].trip) for name in update}
    assert {trip.assigned for trip in trips.values()} == {True, False}
    assert all(trip.direction_id == "AB".index(name[0]) for name, trip in trips.items())
    assert all(trip.train_id == f"1{name}" for name, trip in trips.items())


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
    served = actual_passings(PLAN, PASSINGS, faults, 0)
    assert sum(len(passed.train) for passed in served) < sum(len(passed.train) for passed in PASSINGS)
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
    served = actual_passings(PLAN, PASSINGS, FeedFaults(skipped_stops=0.3), 0)
    skipped = [
        np.isnan(now.departure_secs) & ~np.isnan(then.departure_secs)
        for now, then in zip(served, PASSINGS, strict=True)
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


def test_invalid_intervals_and_seeds_are_refused():
    for words in ({"interval_secs": 0}, {"seed": -1}):
        with pytest.raises(HeadwayError, match="interval of at least 1 s"):
            polls(SCENARIO, PLAN, PASSINGS, **words)


def test_a_day_without_service_has_no_polls():
    closed = Scenario.of_size(5, sunday=None)
    sunday = plan_day(closed, SCENARIO.start_date.replace(day=14))
    assert list(polls(closed, sunday, run_day(closed, sunday, 0))) == []


TUESDAY_MORNING = datetime(2026, 1, 13, 14, 0, tzinfo=UTC)  # 08:00 in Chicago


def endless_polls(begin=TUESDAY_MORNING, scenario=None, interval_secs=15, faults=()):
    line = scenario or Scenario.of_size(5)
    return polls_from(
        line,
        begin,
        interval_secs=interval_secs,
        content=FeedContent(),
        faults=parse_feed_faults(faults),
        seed=3,
    )


def test_the_feed_begins_at_the_moment_with_trains_on_the_line():
    first = next(endless_polls())
    message = FeedMessage.FromString(first.body)
    assert 0 <= first.fetched_at - TUESDAY_MORNING.timestamp() <= 1
    assert message.header.timestamp == TUESDAY_MORNING.timestamp()
    assert any(entity.HasField("vehicle") for entity in message.entity)
    assert has_feed_shape(first.body)


def test_the_nights_have_polls_and_the_next_day_follows():
    given = list(islice(endless_polls(interval_secs=1800), 96))  # two days of half-hours
    steps = [later.fetched_at - earlier.fetched_at for earlier, later in pairwise(given)]
    assert steps == pytest.approx([1800] * 95, abs=1)
    trains = [len(FeedMessage.FromString(poll.body).entity) for poll in given]
    assert min(trains) == 0 and trains[0] > 0 and trains[48] > 0


def test_a_day_without_service_has_polls_without_trains():
    saturday = datetime(2026, 1, 17, 18, 0, tzinfo=UTC)
    (poll,) = islice(endless_polls(saturday, blue_line()), 1)
    assert not FeedMessage.FromString(poll.body).entity


def test_the_content_of_the_feed_has_faults_on_demand():
    (poll,) = islice(endless_polls(faults=["clock_off_secs=3600", "undated_trips=true"]), 1)
    message = FeedMessage.FromString(poll.body)
    assert message.header.timestamp == TUESDAY_MORNING.timestamp() + 3600
    assert {entity.trip_update.trip.start_date for entity in message.entity} == {""}


@pytest.mark.parametrize("faults", [["sleepy=1"], ["clock_off_secs"], ["repeated=2"], ["outages=5"]])
def test_unknown_faults_are_refused(faults):
    with pytest.raises(HeadwayError, match=r"cannot be read; expected one of out_of_order, repeated"):
        parse_feed_faults(faults)


def test_it_is_recorded_as_it_was_simulated(tmp_path):
    given = list(islice(endless_polls(), 20))
    time = FakeTime(given[0].fetched_at)
    with serving(FeedServer(PollPlayer(iter(given), 1, time.clock().elapsed))) as server:
        recorder, *_ = recorded(server.url, tmp_path / "a", 20, time=time, interval_secs=16)
    assert recorder.total.polls == 20 and recorder.total.new >= 19
    bodies = [poll.body for poll in replayed(tmp_path / "a")]
    assert bodies[0] == given[0].body
    assert set(bodies) <= {poll.body for poll in given}
