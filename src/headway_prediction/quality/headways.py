"""Headways that no running service has: under a minute, or over an hour."""

import polars as pl

from headway_prediction.grid.headway_grid import MAX_HEADWAY_MINS
from headway_prediction.grid.outages import OUTAGE_COLUMNS
from headway_prediction.grid.passings import without_duplicates
from headway_prediction.quality.platform_rows import DAY_PLATFORM

MIN_HEADWAY_MINS = 1.0
SHORT = "under a minute"
LONG = "over an hour"


def suspicious_headways(passings: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    """Return the passings whose headway (minutes, duplicates left out) is under a minute or over an hour; `kind` says which.

    A headway across one of the `outages` is none, and is not listed.
    """
    headway = pl.col("minute").diff().over(DAY_PLATFORM).round(9)
    found = (
        without_duplicates(passings)
        .with_columns(headway=headway)
        .filter((pl.col("headway") < MIN_HEADWAY_MINS) | (pl.col("headway") > MAX_HEADWAY_MINS))
    )
    short = pl.col("headway") < MIN_HEADWAY_MINS
    kind = pl.when(short).then(pl.lit(SHORT)).otherwise(pl.lit(LONG))
    listed = found.select(*DAY_PLATFORM, "minute", "trip_id", "headway", kind=kind)
    return _not_across(listed, outages).sort(*DAY_PLATFORM, "minute")


def _not_across(headways: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    began = pl.col("minute") - pl.col("headway")
    crossed = (
        headways.join(outages.select(list(OUTAGE_COLUMNS)), on="service_date")
        .filter((began < pl.col("end_minute")) & (pl.col("minute") >= pl.col("first_minute")))
        .select(headways.columns)
    )
    return headways.join(crossed, on=[*DAY_PLATFORM, "minute"], how="anti")
