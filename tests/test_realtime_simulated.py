"""Against the truth: the simulator's polls followed, with no fault and with each, beside what really happened."""

from statistics import median

import pytest

from headway_prediction.clock import service_day_start
from headway_prediction.feeds.realtime.follower import follow_polls
from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.faults import Faults
from headway_prediction.simulate.feed import polls
from headway_prediction.simulate.feed_message import FeedContent
from headway_prediction.simulate.feed_trains import as_served
from headway_prediction.simulate.log import stop_id, trip_id
from headway_prediction.simulate.trains import run_day

SCENARIO = Scenario.of_size(6)
PLAN = plan_day(SCENARIO, SCENARIO.start_date)
HAPPENED = run_day(SCENARIO, PLAN, 1)
START = service_day_start(SCENARIO.start_date, SCENARIO.time_zone).timestamp()
BETWEEN = (7 * 3600, 7.75 * 3600)
EVERY_SECS = 15
EDGE_SECS = 120
BOTH, UPDATES, VEHICLES = FeedContent(), FeedContent(vehicle_positions=False), FeedContent(trip_updates=False)
FAULTS = {
    "none": Faults(),
    "out of order": Faults(out_of_order=0.2),
    "repeated": Faults(repeated=0.3),
    "older": Faults(older=0.05),
    "malformed": Faults(malformed=0.05),
    "header stands still": Faults(header_stands_still=0.5),
    "clock an hour ahead": Faults(clock_off_secs=3600),
    "clock an hour behind": Faults(clock_off_secs=-3600),
    "vanishing trips": Faults(vanishing_trips=0.3),
    "undated trips": Faults(undated_trips=True),
    "renamed trips": Faults(renamed_trips=0.3),
    "cancelled trips": Faults(cancelled_trips=0.1),
    "entities without a trip": Faults(without_trip=0.3),
    "skipped stops": Faults(skipped_stops=0.1),
    "added stops": Faults(added_stops=0.1),
    "past times that move": Faults(moving_past=True),
}

Key = tuple[str, int, str]


def truth(faults: Faults, between=BETWEEN) -> dict[Key, float]:
    """When which train left which platform, a little inside the span of the polls."""
    stops = [stop_id(station) for station in range(SCENARIO.station_count)]
    return {
        (trip_id(direction, train), direction, (stops, stops[::-1])[direction][place]): START + secs
        for direction, passed in enumerate(as_served(SCENARIO, PLAN, HAPPENED, faults, 0))
        for train, departures in zip(passed.train, passed.departure_secs, strict=True)
        for place, secs in enumerate(departures)
        if between[0] + EDGE_SECS <= secs < between[1] - EDGE_SECS
    }


def found(faults: Faults, content: FeedContent, between=BETWEEN) -> dict[Key, Passing]:
    """The journal of the polls by the keys of `truth`; a train that is renamed keeps its name here."""
    feed = polls(
        SCENARIO, PLAN, HAPPENED, content=content, faults=faults, between_secs=between, every_secs=EVERY_SECS
    )
    passings: dict[Key, Passing] = {}
    for passing in follow_polls(feed).journal():
        key = passing.run.trip.trip_id.removesuffix("-R"), passing.run.direction_id, passing.stop_id
        assert key not in passings
        passings[key] = passing
    return passings


def compare(faults: Faults, content: FeedContent, between=BETWEEN) -> tuple[float, float, float]:
    """Recall, precision and the median error in seconds."""
    happened, passings = truth(faults, between), found(faults, content, between)
    anywhere = truth(faults, (0, 40 * 3600))
    inside = {
        key: passing
        for key, passing in passings.items()
        if between[0] + EDGE_SECS <= passing.time - START < between[1] - EDGE_SECS
    }
    hits = happened.keys() & passings.keys()
    errors = [abs(passings[key].time - happened[key]) for key in hits]
    return len(hits) / len(happened), len(inside.keys() & anywhere.keys()) / len(inside), median(errors)


@pytest.mark.parametrize("name", FAULTS)
def test_passings_are_found_with_updates_and_vehicles_whatever_is_wrong_with_the_feed(name):
    recall, precision, error = compare(FAULTS[name], BOTH)
    assert recall >= 0.99 and precision >= 0.99
    assert error < EVERY_SECS


@pytest.mark.parametrize(
    "content", [UPDATES, VEHICLES, FeedContent(nyct=True)], ids=["updates", "vehicles", "nyct"]
)
def test_passings_are_found_with_either_alone_and_with_the_extension(content):
    recall, precision, error = compare(Faults(), content)
    assert recall >= 0.99 and precision == 1
    assert error < EVERY_SECS


def test_what_happened_lies_between_the_bounds():
    happened, passings = truth(Faults()), found(Faults(), BOTH)
    # A second for times in whole seconds, and the delay of the network.
    outside = [
        key
        for key in happened.keys() & passings.keys()
        if not passings[key].earliest - 1.5 <= happened[key] <= passings[key].latest + 1.5
    ]
    assert not outside


@pytest.mark.parametrize("content", [BOTH, UPDATES], ids=["both", "updates"])
def test_a_feed_that_empties_for_ten_minutes_invents_nothing_and_loses_only_trains_that_do_not_come_back(
    content,
):
    out = (7.25 * 3600, 600.0)
    faults = Faults(outages=(out,))
    happened, passings = truth(faults), found(faults, content)
    assert passings.keys() <= truth(faults, (0, 40 * 3600)).keys()
    end = START + out[0] + out[1]
    last_seen = {}
    for (trip, direction, _), secs in truth(faults, (0, 40 * 3600)).items():
        last_seen[trip, direction] = max(secs, last_seen.get((trip, direction), 0))
    expected = {
        key
        for key, secs in happened.items()
        if not START + out[0] - 30 <= secs < end + 15 or last_seen[key[:2]] > end + 30
    }
    assert len(expected & passings.keys()) >= 0.99 * len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("content", [BOTH, UPDATES, VEHICLES], ids=["both", "updates", "vehicles"])
def test_a_whole_day_is_found(content):
    recall, precision, error = compare(Faults(), content, (4.5 * 3600, 26 * 3600))
    assert recall >= 0.99 and precision >= 0.999
    assert error < EVERY_SECS
