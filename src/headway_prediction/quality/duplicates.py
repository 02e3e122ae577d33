"""Passings that a log holds more than once."""

import polars as pl

from headway_prediction.grid.passings import DUPLICATE_SECONDS
from headway_prediction.quality.platform_rows import DAY_PLATFORM
from headway_prediction.transit.trip_keys import UNKNOWN

REPEATED_ROW = "row again"
WITHIN_SECONDS = f"within {DUPLICATE_SECONDS} s"
REPEATED_TRAIN = "train again"


def duplicates(passings: pl.DataFrame) -> pl.DataFrame:
    """Return the passings that repeat an earlier one at the same platform and day, and how.

    `kind` is *row again* (the same train at the same time: `headway grid` refuses such a log), *within 15 s* of the one
    before it (the grid drops it), or *train again* (the same train id, later). `seconds_after` counts from the passing
    before, or from the train's own first one.
    """
    repeated = _close_together(passings)
    close = repeated.select(*DAY_PLATFORM, "minute", "trip_id")
    again = _train_again(passings).join(close, on=close.columns, how="anti")
    return pl.concat([repeated, again]).sort(*DAY_PLATFORM, "minute", "trip_id")


def _close_together(passings: pl.DataFrame) -> pl.DataFrame:
    ordered = passings.sort(*DAY_PLATFORM, "minute", "trip_id")
    seconds = (pl.col("minute").diff().over(DAY_PLATFORM) * 60).round(3)
    same_train = pl.col("trip_id") == pl.col("trip_id").shift().over(DAY_PLATFORM)
    return (
        ordered.with_columns(seconds_after=seconds, same_train=same_train)
        .filter(pl.col("seconds_after") <= DUPLICATE_SECONDS)
        .select(*DAY_PLATFORM, "minute", "trip_id", "seconds_after", kind=_kind())
    )


def _kind() -> pl.Expr:
    same_row = pl.col("same_train") & (pl.col("seconds_after") == 0)
    return pl.when(same_row).then(pl.lit(REPEATED_ROW)).otherwise(pl.lit(WITHIN_SECONDS))


def _train_again(passings: pl.DataFrame) -> pl.DataFrame:
    train = [*DAY_PLATFORM, "trip_id"]
    seconds = ((pl.col("minute") - pl.col("minute").min().over(train)) * 60).round(3)
    return (
        passings.filter(pl.col("train") != UNKNOWN)
        .with_columns(seconds_after=seconds)
        .filter(pl.col("seconds_after") > 0)
        .select(*train[:-1], "minute", "trip_id", "seconds_after", kind=pl.lit(REPEATED_TRAIN))
    )
