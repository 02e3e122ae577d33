"""The journal of simulated polls, without faults and with each of them, against the simulated departures."""

import pytest

from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.tracker import track_polls
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start
from helpers.benchmark_modules import load_benchmark

feed_truth = load_benchmark("feed_truth")
Departure, JournalAccuracy = feed_truth.Departure, feed_truth.JournalAccuracy

SCENARIO = Scenario.of_size(6)
PLAN = plan_day(SCENARIO, SCENARIO.start_date)
PASSINGS = run_day(SCENARIO, PLAN, 1)
START = service_day_start(SCENARIO.start_date, SCENARIO.time_zone).timestamp()
BETWEEN = (7 * 3600, 7.75 * 3600)
EVERY_SECS = 15
EDGE_SECS = 120
BOTH, UPDATES, VEHICLES = FeedContent(), FeedContent(vehicle_positions=False), FeedContent(trip_updates=False)
FAULTS = {
    "none": FeedFaults(),
    "out of order": FeedFaults(out_of_order=0.2),
    "repeated": FeedFaults(repeated=0.3),
    "older": FeedFaults(older=0.05),
    "malformed": FeedFaults(malformed=0.05),
    "header stands still": FeedFaults(header_stands_still=0.5),
    "clock an hour ahead": FeedFaults(clock_off_secs=3600),
    "clock an hour behind": FeedFaults(clock_off_secs=-3600),
    "vanishing trips": FeedFaults(vanishing_trips=0.3),
    "undated trips": FeedFaults(undated_trips=True),
    "renamed trips": FeedFaults(renamed_trips=0.3),
    "cancelled trips": FeedFaults(cancelled_trips=0.1),
    "entities without a trip": FeedFaults(without_trip=0.3),
    "skipped stops": FeedFaults(skipped_stops=0.1),
    "added stops": FeedFaults(added_stops=0.1),
    "past times that move": FeedFaults(moving_past=True),
}


def truth(faults: FeedFaults, seed=0) -> dict[Departure, float]:
    return feed_truth.true_departures(SCENARIO, PLAN, PASSINGS, faults, seed)


def journal(faults: FeedFaults, content: FeedContent, between=BETWEEN, seed=0) -> list[Passing]:
    span = {"between_secs": between, "interval_secs": EVERY_SECS}
    feed = polls(SCENARIO, PLAN, PASSINGS, content=content, faults=faults, seed=seed, **span)
    return track_polls(feed).journal()


def compare(faults: FeedFaults, content: FeedContent, between=BETWEEN, seed=0) -> JournalAccuracy:
    """The accuracy of the journal, a little inside the span of the polls."""
    inside = START + between[0] + EDGE_SECS, START + between[1] - EDGE_SECS
    return feed_truth.compare_journal(truth(faults, seed), journal(faults, content, between, seed), inside)


def found(faults: FeedFaults, content: FeedContent) -> dict[Departure, Passing]:
    """The journal by train and platform."""
    passings = journal(faults, content)
    by_departure = {Departure(p.run.trip.trip_id, p.run.direction_id, p.stop_id): p for p in passings}
    assert len(by_departure) == len(passings)
    return by_departure


@pytest.mark.parametrize("name", FAULTS)
def test_passings_are_found_in_a_feed_with_updates_and_vehicles_under_each_fault(name):
    accuracy = compare(FAULTS[name], BOTH)
    assert accuracy.recall >= 0.99 and accuracy.precision >= 0.99
    assert accuracy.median_error < EVERY_SECS


@pytest.mark.parametrize(
    "content", [UPDATES, VEHICLES, FeedContent(nyct=True)], ids=["updates", "vehicles", "nyct"]
)
def test_passings_are_found_with_updates_or_vehicles_alone_and_with_the_extension(content):
    accuracy = compare(FeedFaults(), content)
    assert accuracy.recall >= 0.99 and accuracy.precision == 1
    assert accuracy.median_error < EVERY_SECS


def test_stops_skipped_in_a_gap_are_not_made_up():
    faults = FeedFaults(vanishing_trips=0.3, skipped_stops=0.1)
    accuracy = feed_truth.combined([compare(faults, VEHICLES, seed=seed) for seed in (2, 3)])
    assert accuracy.recall >= 0.95 and accuracy.precision == 1


def test_true_departures_lie_within_the_bounds():
    true_times, passings = truth(FeedFaults()), found(FeedFaults(), BOTH)
    # A second for times in whole seconds, and the delay of the network.
    outside = [
        key
        for key in true_times.keys() & passings.keys()
        if not passings[key].earliest - 1.5 <= true_times[key] <= passings[key].latest + 1.5
    ]
    assert not outside


@pytest.mark.parametrize("content", [BOTH, UPDATES], ids=["both", "updates"])
def test_ten_minutes_without_trips_lose_only_trains_that_do_not_come_back(
    content,
):
    out = (7.25 * 3600, 600.0)
    faults = FeedFaults(outages=(out,))
    true_times, passings = truth(faults), found(faults, content)
    assert passings.keys() <= true_times.keys()
    begin, end = START + out[0] - 30, START + out[0] + out[1]
    last_observed: dict[str, float] = {}
    for departure, at in true_times.items():
        last_observed[departure.trip_id] = max(at, last_observed.get(departure.trip_id, 0))
    expected = {
        departure
        for departure, at in true_times.items()
        if START + BETWEEN[0] + EDGE_SECS <= at < START + BETWEEN[1] - EDGE_SECS
        and (not begin <= at < end + 15 or last_observed[departure.trip_id] > end + 30)
    }
    assert len(expected & passings.keys()) >= 0.99 * len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("content", [BOTH, UPDATES, VEHICLES], ids=["both", "updates", "vehicles"])
def test_a_whole_day_is_found(content):
    accuracy = compare(FeedFaults(), content, (4.5 * 3600, 26 * 3600))
    assert accuracy.recall >= 0.99 and accuracy.precision >= 0.999
    assert accuracy.median_error < EVERY_SECS
