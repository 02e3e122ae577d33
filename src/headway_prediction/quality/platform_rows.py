"""An arrival log as rows on the stations of its line, whatever is wrong with them: what every check reads."""

import polars as pl

from headway_prediction.grid.passings import PASSING_COLUMNS, stops_typed_like
from headway_prediction.transit.clock import SCORED_DAY_MINS, service_minutes
from headway_prediction.transit.line import Line
from headway_prediction.transit.trip_keys import trip_keys

PLATFORM = ("direction", "station")
DAY_PLATFORM = ("service_date", *PLATFORM)


def platform_rows(log: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the rows of a log at the line's platforms, sorted by day, platform and minute.

    Columns are those of grid.passings.PASSING_COLUMNS and trip_id, as the log has it. Nothing is dropped but other stops:
    rows may stand twice, and `minute` (of the service day) may be negative or past 27:00. `train` is the key of `trip_id`,
    −1 where that is empty.
    """
    placed = log.join(stops_typed_like(log, line), on=["direction_id", "stop_id"], how="inner")
    timed = placed.with_columns(
        minute=service_minutes(placed["event_time"], placed["service_date"], line.time_zone),
        train=trip_keys(placed["trip_id"]),
    )
    columns = (pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items())
    rows = timed.select(*columns, "trip_id")
    return rows.sort(*DAY_PLATFORM, "minute", "trip_id")


def rows_in_service_day(placed: pl.DataFrame) -> pl.DataFrame:
    """Return the rows from 00:00 to 27:00 of their service day."""
    return placed.filter(_in_service_day())


def misdated_rows(placed: pl.DataFrame) -> pl.DataFrame:
    """Return the rows past 27:00, or before 00:00, of their service day, with `likely_date`, to which they may belong.

    A row past 27:00 is most often an early train that is dated to the day before. `likely_date` is the date on which its
    time lies between 03:00 and 27:00.
    """
    days_off = ((pl.col("minute") - (SCORED_DAY_MINS - 1440)) / 1440).floor().cast(pl.Int64)
    return placed.filter(~_in_service_day()).select(
        *DAY_PLATFORM,
        "minute",
        "trip_id",
        likely_date=pl.col("service_date") + pl.duration(days=days_off),
    )


def _in_service_day() -> pl.Expr:
    return pl.col("minute").is_between(0, SCORED_DAY_MINS, closed="left")
