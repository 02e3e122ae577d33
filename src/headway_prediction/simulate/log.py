"""Passings to the tidy log of a line: the columns, types, order and spelling that a real line's log has."""

from datetime import date

import numpy as np
import polars as pl

from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings
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


def trip_id(direction: int, train: int) -> str:
    """Return a train's name in the log, the same on every day: a letter for its direction and its number."""
    return f"{'AB'[direction]}{train:03d}"


def stop_id(station: int) -> str:
    """Return the stop id of a station by its place along direction 0; both directions share it."""
    return f"S{station + 1:02d}"


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
