"""Feeds with delays and without times: with a schedule, and without one. Rows and seconds are those of realtime_feed."""

from datetime import date

import polars as pl
import pytest
from google.transit.gtfs_realtime_pb2 import FeedEntity, TripUpdate

from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrip, PlannedTrips, planned_trips
from headway_prediction.feeds.realtime.tracker import track_polls
from headway_prediction.simulate import Scenario, plan_day, write_simulation
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.trains import run_day
from helpers.lines import headway, stop_times, stops_table, trips_table, write_gtfs
from helpers.realtime_feed import DAY, T0, poll, row, update, vehicle

MONDAY = date(2025, 9, 8)
T0_SECS = 14 * 3600
"""T0 is 2025-09-08T14:00Z, as `date -u -d @1757340000` prints it."""
OTHER = update("other", {"Y": 5000})


def planned_run(*minutes: int, dates=(MONDAY,)) -> PlannedTrip:
    """A trip that calls at A, B, C …, the given minutes after T0."""
    stops = (PlannedStop("ABCDEFG"[k], k + 1, T0_SECS + 60 * at) for k, at in enumerate(minutes))
    return PlannedTrip(frozenset(dates), tuple(stops))


PLAN = PlannedTrips("UTC", {"T": (planned_run(0, 2, 4),)})


def delays(name: str, by_stop=(), *, trip: int | None = None, date="20250908", start_time="") -> FeedEntity:
    """A TripUpdate with delays alone; `by_stop` holds (stop id or sequence, delay, "skipped" or "no data")."""
    entity = update(name, {}, date=date)
    changed = entity.trip_update
    changed.trip.start_time = start_time
    if trip is not None:
        changed.delay = trip
    for stop, delay in by_stop:
        place = {"stop_id": stop} if isinstance(stop, str) else {"stop_sequence": stop}
        added = changed.stop_time_update.add(**place)
        if isinstance(delay, int):
            added.departure.delay = delay
        else:
            relationships = {"skipped": "SKIPPED", "no data": "NO_DATA"}
            added.schedule_relationship = TripUpdate.StopTimeUpdate.ScheduleRelationship.Value(
                relationships[delay]
            )
    return entity


def journal(*given, planned=PLAN) -> list[tuple]:
    return [row(passing) for passing in track_polls(given, planned=planned).journal()]


def test_the_delay_of_a_trip_shifts_all_its_stops_and_departures_are_predicted():
    given = [poll(at, delays("T", trip=10)) for at in (0, 15, 120, 135)]
    # The uncertainty is a minute, however close the polls are.
    assert journal(*given) == [("T", "A", 10, -50, 70, "predicted"), ("T", "B", 130, 70, 190, "predicted")]
    (first, _) = track_polls(given, planned=PLAN).journal()
    assert first.polls == (T0, T0 + 15)


def test_without_a_schedule_a_delay_gives_no_time():
    given = [poll(at, delays("T", [("A", 10)], trip=10)) for at in (0, 15, 120, 300)]
    assert journal(*given, planned=PlannedTrips("UTC")) == []
    assert journal(*given, planned=PlannedTrips("UTC", {"U": PLAN.trips["T"]})) == []


def test_a_delay_that_grows_while_the_train_stands_dates_the_last_stop_it_left():
    grown = [
        poll(at, delays("T", trip=delay)) for at, delay in ((0, 10), (15, 10), (30, 26), (45, 30), (170, 30))
    ]
    found = [row[:3] for row in journal(*grown)]
    assert found == [("T", "A", 30), ("T", "B", 150)]


def test_a_delay_that_puts_a_passed_stop_ahead_again_withdraws_its_passing():
    given = [poll(0, delays("T", trip=10)), poll(15, delays("T", trip=10)), poll(30, delays("T", trip=70))]
    assert journal(*given) == []
    assert [row[:3] for row in journal(*given, poll(75, delays("T", trip=70)))] == [("T", "A", 70)]


def test_the_delay_of_a_stop_applies_to_later_stops_and_to_no_earlier_one():
    given = [poll(at, delays("T", [("B", 30)])) for at in (0, 15, 160, 285)]
    # Nothing gives a time for A. B stays listed, in the past; C, which the feed does not list, passes by the clock.
    assert journal(*given) == [("T", "B", 150, 15, 285, "stated"), ("T", "C", 270, 210, 330, "predicted")]


def test_stops_may_be_given_by_sequence_and_may_have_no_data_or_be_skipped():
    by_stop = [(1, 5), (2, "skipped"), (3, 20)]
    given = [poll(at, delays("T", by_stop)) for at in (0, 90, 270, 330)]
    assert [row[:3] for row in journal(*given)] == [("T", "A", 5), ("T", "C", 260)]
    unknown = [poll(at, delays("T", [("A", 5), ("B", "no data")])) for at in (0, 90, 270, 330)]
    assert [row[:2] for row in journal(*unknown)] == [("T", "A")]


def test_a_sequence_that_is_not_in_the_schedule_gives_way_to_the_stop_id():
    numbered = delays("T", [("A", 5), ("B", 7)])
    for stop, sequence in zip(numbered.trip_update.stop_time_update, (10, 1), strict=True):
        stop.stop_sequence = sequence
    given = [poll(at, numbered) for at in (0, 90, 200)]
    assert [row[:3] for row in journal(*given)] == [("T", "A", 5), ("T", "B", 127)]


def test_a_listed_stop_is_passed_when_it_disappears_from_the_list():
    given = [
        poll(0, delays("T", [("A", 10), ("B", 10)])),
        poll(15, delays("T", [("A", 12), ("B", 12)])),
        poll(30, delays("T", [("B", 12)])),
    ]
    assert journal(*given) == [("T", "A", 12, 0, 30, "left")]


def test_a_vehicle_position_overrides_the_clock():
    given = [
        poll(0, delays("T", trip=10), vehicle("T", "A", "stopped")),
        poll(60, delays("T", trip=10), vehicle("T", "A", "stopped")),
        poll(75, delays("T", trip=70), vehicle("T", "B", "to")),
    ]
    assert journal(*given[:2]) == []
    assert [(*row[:2], *row[3:]) for row in journal(*given)] == [("T", "A", 60, 75, "stopped")]


def test_the_last_stop_is_passed_when_the_trip_leaves_the_feed():
    given = [poll(235, OTHER, delays("T", trip=0)), poll(250, OTHER)]
    assert journal(*given) == [("T", "C", 240, 180, 300, "predicted")]


@pytest.mark.parametrize("days", [0, 1])
def test_a_trip_without_a_date_is_the_nearest_run(days):
    plan = PlannedTrips("UTC", {"T": (planned_run(0, 2, dates=[MONDAY, date(2025, 9, 9)]),)})
    given = [poll(days * DAY + at, delays("T", trip=10, date="")) for at in (0, 15)]
    assert [row[:3] for row in journal(*given, planned=plan)] == [("T", "A", days * DAY + 10)]


def test_of_trips_with_one_id_the_one_of_that_day_counts():
    other = planned_run(30, 40, dates=[date(2025, 9, 13)])
    plan = PlannedTrips("UTC", {"T": (other, planned_run(0, 2))})
    given = [poll(at, delays("T", trip=10)) for at in (0, 15)]
    assert [row[:3] for row in journal(*given, planned=plan)] == [("T", "A", 10)]


def test_a_run_with_another_start_time_than_planned_is_shifted():
    given = [poll(600 + at, delays("T", trip=10, start_time="14:10:00")) for at in (0, 15)]
    assert [row[:3] for row in journal(*given)] == [("T", "A", 610)]
    next_morning = [poll(at, delays("T", trip=10, start_time="38:00:00")) for at in (0, 15)]
    assert [row[:3] for row in journal(*next_morning)] == [("T", "A", 10)]
    nonsense = [poll(at, delays("T", trip=10, start_time="soon")) for at in (0, 15)]
    assert [row[:3] for row in journal(*nonsense)] == [("T", "A", 10)]


def test_with_times_in_the_feed_the_schedule_changes_nothing():
    given = [poll(0, update("T", {"A": 10, "B": 100})), poll(15, update("T", {"B": 100}))]
    assert journal(*given) == journal(*given, planned=PlannedTrips("UTC")) == [("T", "A", 10, 0, 15, "left")]


def test_planned_trips_are_found_by_the_ids_a_feed_may_use(tmp_path):
    times = [("A", "14:00:00"), ("B", "")]
    tables = {
        "trips.txt": trips_table([("R", "wk", "wk-T", 0)]),
        "stops.txt": stops_table("ABC"),
        "stop_times.txt": stop_times({"wk-T": [*times, ("C", "25:04:00")]}),
    }
    planned = planned_trips(open_schedule(write_gtfs(tmp_path / "gtfs.zip", tables)), "UTC")
    assert planned.trips["T"] == planned.trips["wk-T"]
    stops = planned.stops_of("T", "20250908", "", T0)
    assert [(stop.stop_id, stop.secs - T0) for stop in stops] == [("A", 0), ("B", 19920), ("C", 39840)]
    assert planned.stops_of("X", "20250908", "", T0) == ()


def test_recorded_delays_become_a_log_with_the_command_line(tmp_path, capfd):
    scenario = Scenario.of_size(4)
    plan = plan_day(scenario, scenario.start_date)
    content = FeedContent(vehicle_positions=False, delays="trip")
    span = {"between_secs": (7 * 3600, 7.25 * 3600)}
    for each in polls(scenario, plan, run_day(scenario, plan, 5), content=content, **span):
        (tmp_path / f"{each.fetched_at:.3f}.pb").write_bytes(each.body)
    write_simulation(tmp_path, scenario, days=1, seed=5)
    out = tmp_path / "log.parquet"
    assert headway("arrivals", tmp_path, "--gtfs", tmp_path / "gtfs.zip", "--out", out) == 0
    assert "passings by evidence" in capfd.readouterr().err
    log = check_arrivals(pl.read_parquet(out))
    own = check_arrivals(pl.read_parquet(tmp_path / "arrivals.parquet"))
    both = log.join(own, on=["trip_id", "direction_id", "stop_id"], how="left")
    assert both.height > 15 and both["event_time_right"].null_count() == 0
    assert (both["event_time"] - both["event_time_right"]).abs().median().total_seconds() < 30
