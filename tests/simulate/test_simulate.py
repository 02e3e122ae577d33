"""What a simulation hands over: the log and the GTFS zip, seeded, as a real line has them."""

import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import partridge
import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate import (
    DayService,
    Scenario,
    plan_day,
    simulate_day,
    simulate_days,
    write_simulation,
)
from headway_prediction.simulate.plan import day_type
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start

SMALL = Scenario.of_size(5)
SERVICE_DAYS = 3
# Friday, Saturday and the Sunday on which the clocks of Chicago go back.
AUTUMN = replace(Scenario.of_size(5), start_date=date(2025, 10, 31))

COLUMNS = {
    "line_id": pl.String,
    "service_date": pl.String,
    "trip_id": pl.String,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "stop_name": pl.String,
    "stop_sequence": pl.Int64,
    "event_time": pl.String,
}


def _service_secs(log: pl.DataFrame, time_zone: str) -> list[float]:
    return [
        (
            datetime.fromisoformat(event) - service_day_start(date.fromisoformat(day), time_zone)
        ).total_seconds()
        for day, event in log.select("service_date", "event_time").iter_rows()
    ]


def test_the_log_has_a_real_logs_columns_types_and_order():
    log = simulate_days(SMALL, days=2, seed=0)
    assert dict(log.schema) == COLUMNS
    assert log.null_count().sum_horizontal().item() == 0
    order = ["service_date", "direction_id", "stop_sequence", "event_time"]
    assert log.equals(log.sort(order, maintain_order=True))
    assert log["service_date"].unique().sort().to_list() == ["2025-09-08", "2025-09-09"]


def test_both_directions_share_stops_in_opposite_order():
    log = simulate_days(SMALL, days=1, seed=0)
    stops = log.unique(["direction_id", "stop_id", "stop_name", "stop_sequence"])
    assert stops.height == 2 * SMALL.station_count
    places = stops.pivot(on="direction_id", index=["stop_id", "stop_name"], values="stop_sequence")
    assert (places["0"] + places["1"]).unique().to_list() == [SMALL.station_count - 1]


def test_the_log_holds_departures_to_the_nearest_second():
    plan = plan_day(SMALL, SMALL.start_date)
    log = simulate_day(SMALL, plan, seed=0)
    departures = np.concatenate([passed.departure_secs.T.ravel() for passed in run_day(SMALL, plan, seed=0)])
    logged = _service_secs(log, SMALL.time_zone)
    assert np.abs(np.array(logged) - departures[~np.isnan(departures)]).max() <= 0.5


def test_the_same_seed_gives_the_same_log_and_another_seed_another():
    log = simulate_days(SMALL, days=2, seed=7)
    assert log.equals(simulate_days(SMALL, days=2, seed=7))
    assert not log["event_time"].equals(simulate_days(SMALL, days=2, seed=8)["event_time"])


def test_a_day_is_the_same_alone_and_in_a_run():
    run = simulate_days(SMALL, days=3, seed=7)
    third = SMALL.start_date + timedelta(days=2)
    alone = simulate_day(SMALL, plan_day(SMALL, third), seed=7)
    assert run.filter(service_date=third.isoformat()).equals(alone)


def test_local_times_carry_the_offset_of_their_moment_when_the_clocks_change():
    service = DayService(headways=((0, 60),), last_departure_min=1500)
    scenario = replace(AUTUMN, saturday=service, sunday=service).without_noise()
    log = simulate_days(scenario, days=3, seed=0).filter(direction_id=0, stop_sequence=0)
    saturday = log.filter(service_date="2025-11-01")["event_time"].to_list()
    sunday = log.filter(service_date="2025-11-02")["event_time"].to_list()
    # 24:00 and 25:00 of Saturday are still summer time; Sunday's day begins at noon minus 12 h, an hour later.
    assert saturday[-2:] == ["2025-11-02T00:00:00-05:00", "2025-11-02T01:00:00-05:00"]
    assert sunday[:3] == [
        "2025-11-02T01:00:00-05:00",
        "2025-11-02T01:00:00-06:00",
        "2025-11-02T02:00:00-06:00",
    ]


@pytest.fixture(scope="module")
def autumn_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("autumn") / "made" / "here"
    write_simulation(folder, AUTUMN.without_noise(), days=SERVICE_DAYS, seed=1)
    return folder


def test_without_noise_the_log_is_the_gtfs_plan_of_every_date(autumn_folder):
    log = pl.read_parquet(autumn_folder / "arrivals.parquet")
    log = log.with_columns(secs=pl.Series(_service_secs(log, AUTUMN.time_zone)))
    gtfs = str(autumn_folder / "gtfs.zip")
    services = partridge.read_service_ids_by_date(gtfs)
    assert sorted(services) == [AUTUMN.start_date + timedelta(days=day) for day in range(SERVICE_DAYS)]
    for service_date, service_ids in services.items():
        assert service_ids == {day_type(service_date)}
        planned = _planned_of(gtfs, service_ids)
        assert planned == _logged_on(log, service_date)


def _planned_of(gtfs: str, service_ids: set[str]) -> set[tuple]:
    feed = partridge.load_feed(gtfs, view={"trips.txt": {"service_id": list(service_ids)}})
    rows = feed.stop_times.merge(feed.trips, on="trip_id")
    columns = ["trip_id", "direction_id", "stop_id", "stop_sequence", "departure_time"]
    return {
        (trip, int(direction), stop, int(sequence) - 1, secs)
        for trip, direction, stop, sequence, secs in rows[columns].itertuples(index=False)
    }


def _logged_on(log: pl.DataFrame, service_date: date) -> set[tuple]:
    rows = log.filter(service_date=service_date.isoformat())
    trips = pl.lit(day_type(service_date) + "-") + pl.col("trip_id")
    return set(rows.select(trips, "direction_id", "stop_id", "stop_sequence", "secs").iter_rows())


def test_the_gtfs_zip_names_the_line_its_zone_and_its_stops(autumn_folder):
    feed = partridge.load_feed(str(autumn_folder / "gtfs.zip"))
    assert feed.agency["agency_timezone"].tolist() == [AUTUMN.time_zone]
    assert feed.routes["route_id"].tolist() == [AUTUMN.line_id]
    assert feed.stops["stop_name"].tolist() == list(AUTUMN.station_names)
    # Neighbours lie as far apart as trains run in 80 to 140 s at 11 m/s.
    distance_metres = feed.stops["stop_lat"].diff().dropna() * 111_320
    assert distance_metres.between(80 * 11 * 0.8, 140 * 11 * 0.85).all()
    assert (feed.stop_times["arrival_time"] < feed.stop_times["departure_time"]).all()


def test_two_runs_write_the_same_bytes(tmp_path):
    first, again = (write_simulation(tmp_path / name, SMALL, days=2, seed=3) for name in "ab")
    assert [path.name for path in first] == ["arrivals.parquet", "gtfs.zip"]
    for path, other in zip(first, again, strict=True):
        assert path.read_bytes() == other.read_bytes()
    assert pl.read_parquet(first[0]).equals(simulate_days(SMALL, days=2, seed=3))


def test_a_day_type_without_service_has_neither_passings_nor_a_calendar(tmp_path):
    scenario = replace(AUTUMN, saturday=None)
    arrivals, gtfs = write_simulation(tmp_path, scenario, days=SERVICE_DAYS, seed=0)
    assert pl.read_parquet(arrivals)["service_date"].unique().sort().to_list() == ["2025-10-31", "2025-11-02"]
    with zipfile.ZipFile(gtfs) as archive:
        assert "saturday" not in archive.read("calendar.txt").decode().split("\n", 1)[1]


def test_names_with_commas_and_quotes_survive_the_zip(tmp_path):
    names = ("Park, North", 'The "Yard"', "South")
    scenario = replace(Scenario.of_size(3), station_names=names)
    _, gtfs = write_simulation(tmp_path, scenario, days=1, seed=0)
    assert partridge.load_feed(str(gtfs)).stops["stop_name"].tolist() == list(names)


def test_noise_only_delays_the_first_platform_against_the_plan():
    log = simulate_days(SMALL, days=1, seed=0).filter(stop_sequence=0, direction_id=0)
    planned = plan_day(SMALL, SMALL.start_date).departures.filter(direction_id=0)["departure_secs"]
    late = pl.Series(_service_secs(log, SMALL.time_zone)) - planned
    assert late.min() >= 0
    assert 20 < late.mean() < 120


def test_all_events_parse_as_aware_instants_in_seconds():
    events = simulate_days(SMALL, days=1, seed=0)["event_time"]
    assert events.str.len_chars().unique().to_list() == [len("2025-09-08T05:00:00-05:00")]
    assert datetime.fromisoformat(events[0]).astimezone(UTC).date() == SMALL.start_date


@pytest.mark.parametrize(("days", "seed", "message"), [(0, 0, "at least one day"), (1, -1, "from 0 on")])
def test_invalid_arguments_are_refused_and_leave_no_file(tmp_path, days, seed, message):
    with pytest.raises(HeadwayError, match=message):
        write_simulation(tmp_path / "new", SMALL, days=days, seed=seed)
    assert not (tmp_path / "new").exists()
