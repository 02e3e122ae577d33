"""The log of simulated days, with the columns, types and order of a real line's log, and its files."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.plan import Plan, plan_day, stop_id, trip_id
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings, run_day
from headway_prediction.transit.clock import service_day_start

LOG_SCHEMA = {
    "line_id": pl.String,
    "service_date": pl.String,
    "trip_id": pl.String,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "stop_name": pl.String,
    "stop_sequence": pl.Int64,
    "event_time": pl.String,
}


def log_table(scenario: Scenario, service_date: date, passings: tuple[Passings, Passings]) -> pl.DataFrame:
    """Return the log of one day, a row per departure from a platform, to the whole second.

    Columns are those of LOG_SCHEMA; rows are in order of direction, stop_sequence and time.
    """
    parts = [_direction_table(scenario, direction, passed) for direction, passed in enumerate(passings)]
    start = int(service_day_start(service_date, scenario.time_zone).timestamp())
    instant = pl.from_epoch(start + pl.col("departure_secs"), time_unit="s")
    local = instant.dt.replace_time_zone("UTC").dt.convert_time_zone(scenario.time_zone)
    return pl.concat(parts).select(
        pl.lit(scenario.line_id).alias("line_id"),
        pl.lit(service_date.isoformat()).alias("service_date"),
        "trip_id",
        "direction_id",
        "stop_id",
        "stop_name",
        "stop_sequence",
        local.dt.strftime("%Y-%m-%dT%H:%M:%S%:z").alias("event_time"),
    )


def _direction_table(scenario: Scenario, direction: int, passed: Passings) -> pl.DataFrame:
    # Station by station, and trains keep their order, so the rows come out sorted.
    departures = passed.departure_secs.T
    sequence, order = np.nonzero(~np.isnan(departures))
    station = sequence if direction == 0 else scenario.station_count - 1 - sequence
    trips = pl.Series([trip_id(direction, train) for train in passed.train], dtype=pl.String)
    stops = pl.Series([stop_id(place) for place in range(scenario.station_count)])
    return pl.DataFrame(
        {
            "trip_id": trips.gather(order),
            "direction_id": np.full(len(order), direction),
            "stop_id": stops.gather(station),
            "stop_name": pl.Series(scenario.station_names).gather(station),
            "stop_sequence": sequence,
            "departure_secs": np.rint(departures[sequence, order]).astype(np.int64),
        }
    )


def simulate_day(scenario: Scenario, plan: Plan, *, seed: int) -> pl.DataFrame:
    """Return the log of one service day under `plan` (from `plan_day`, edited or not): see `log_table`.

    Common random numbers: the same seed gives every train the same noise under every plan of that date. Raises HeadwayError
    for a negative seed.
    """
    return log_table(scenario, plan.service_date, run_day(scenario, plan, seed))


def simulate_days(scenario: Scenario, *, days: int, seed: int) -> pl.DataFrame:
    """Return the log of `days` consecutive service days from the scenario's start date on, in order of date.

    A day is the same however many are simulated. Raises HeadwayError for fewer than one day or a negative seed.
    """
    dates = _dates(scenario, days)
    return pl.concat([simulate_day(scenario, plan_day(scenario, day), seed=seed) for day in dates])


def write_simulation(folder: Path | str, scenario: Scenario, *, days: int, seed: int) -> tuple[Path, Path]:
    """Write `arrivals.parquet` and `gtfs.zip` into `folder`, made if needed; returns the two paths.

    Each file is written completely or not at all. Raises HeadwayError as `simulate_days` does, or when the folder
    cannot be written.
    """
    arrivals, gtfs = Path(folder) / "arrivals.parquet", Path(folder) / "gtfs.zip"
    log = simulate_days(scenario, days=days, seed=seed)
    dates = _dates(scenario, days)
    with atomic_path(arrivals) as temporary:
        log.write_parquet(temporary)
    with atomic_path(gtfs) as temporary:
        temporary.write_bytes(gtfs_bytes(scenario, dates[0], dates[-1]))
    return arrivals, gtfs


def _dates(scenario: Scenario, days: int) -> list[date]:
    if days < 1:
        raise HeadwayError(f"{days} days", "at least one day to simulate", "give more days")
    return [scenario.start_date + timedelta(days=day) for day in range(days)]
