"""Checks of the rows of a log: their service day, duplicates, and how finely times are recorded.

`platform_rows` turns a log, whatever its faults, into rows at the platforms of its line: the input of every other check.
"""

import numpy as np
import polars as pl

from headway_prediction.grid.passings import DUPLICATE_SECONDS, HAS_TRIP_ID, PASSING_COLUMNS, stops_typed_like
from headway_prediction.transit.clock import SCORED_DAY_MINS, service_minutes
from headway_prediction.transit.line import Line

PLATFORM = ("direction", "station")
DAY_PLATFORM = ("service_date", *PLATFORM)


REPEATED_ROW = "repeated row"
WITHIN_SECONDS = f"within {DUPLICATE_SECONDS} s"
REPEATED_TRAIN = "repeated train"
STEPS = (300, 120, 60, 30, 20, 15, 10, 5, 2)
"""Candidate resolutions in seconds, of polling or rounding, the coarsest first."""
FINEST_SECS = 1
MIN_TIMES = 50
ON_STEP = 0.95
"""Share of the times that must lie in a fifth of the step: polls jitter, and a fifth of all times lie there by chance."""
HALF_MINUTE = 30
MIN_POLL_SECS = 5
MIN_REGULARITY = 0.4
"""Ratio of the shortest to the median time between two polls; between passings that are logged at once it is far lower."""


def platform_rows(log: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the rows of a log at the line's platforms, sorted by day, platform and minute.

    Columns are those of grid.passings.PASSING_COLUMNS. Only rows of other stops are dropped: rows may
    repeat, and `minute` (of the service day) may be negative or past 27:00.
    """
    placed = log.join(stops_typed_like(log, line), on=["direction_id", "stop_id"], how="inner")
    timed = placed.with_columns(
        minute=service_minutes(placed["event_time"], placed["service_date"], line.time_zone)
    )
    columns = (pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items())
    return timed.select(*columns).sort(*DAY_PLATFORM, "minute", "trip_id")


def rows_in_service_day(placed: pl.DataFrame) -> pl.DataFrame:
    """Return the rows from 00:00 to 27:00 of their service day."""
    return placed.filter(_in_service_day())


def misdated_rows(placed: pl.DataFrame) -> pl.DataFrame:
    """Return the rows past 27:00, or before 00:00, of their service day, with `likely_date`.

    A row past 27:00 is most often an early train dated to the previous day. `likely_date` is the date on which its time
    lies between 03:00 and 27:00.
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


def duplicates(passings: pl.DataFrame) -> pl.DataFrame:
    """Return the passings that repeat an earlier one at the same platform and day, with their `kind`.

    Kinds: *repeated row* (the same train at the same time: `headway grid` refuses such a log), *within 15 s* of the
    previous passing (the grid drops it), *repeated train* (the same train id, later). `seconds_after` counts from the
    previous passing, or from the train's own first one.
    """
    repeated = _close_together(passings)
    close = repeated.select(*DAY_PLATFORM, "minute", "trip_id")
    again = _repeated_trains(passings).join(close, on=close.columns, how="anti")
    return pl.concat([repeated, again]).sort(*DAY_PLATFORM, "minute", "trip_id")


def _close_together(passings: pl.DataFrame) -> pl.DataFrame:
    ordered = passings.sort(*DAY_PLATFORM, "minute", "trip_id")
    seconds = (pl.col("minute").diff().over(DAY_PLATFORM) * 60).round(3)
    same_train = pl.col("trip_id") == pl.col("trip_id").shift().over(DAY_PLATFORM)
    return (
        ordered.with_columns(seconds_after=seconds, same_train=same_train)
        .filter(pl.col("seconds_after") <= DUPLICATE_SECONDS)
        .select(*DAY_PLATFORM, "minute", "trip_id", "seconds_after", kind=_duplicate_kind())
    )


def _duplicate_kind() -> pl.Expr:
    same_row = pl.col("same_train") & (pl.col("seconds_after") == 0)
    return pl.when(same_row).then(pl.lit(REPEATED_ROW)).otherwise(pl.lit(WITHIN_SECONDS))


def _repeated_trains(passings: pl.DataFrame) -> pl.DataFrame:
    train = [*DAY_PLATFORM, "trip_id"]
    seconds = ((pl.col("minute") - pl.col("minute").min().over(train)) * 60).round(3)
    return (
        passings.filter(HAS_TRIP_ID)
        .with_columns(seconds_after=seconds)
        .filter(pl.col("seconds_after") > 0)
        .select(*train[:-1], "minute", "trip_id", "seconds_after", kind=pl.lit(REPEATED_TRAIN))
    )


def time_resolution(passings: pl.DataFrame) -> pl.DataFrame:
    """Return per service date `seconds`, the resolution of its times, and `round_share`.

    On a day polled every 60 s all times lie near one second of the minute; on a day rounded to minutes, at second 0. Polls
    whose second drifts are still a minute apart. `seconds` is 1 where no coarser step is found, null for fewer than 50
    times. `round_share` is the share of times on a full or half minute, one in thirty by chance: a higher share in a log of
    whole seconds suggests planned times.
    """
    days = passings.sort("service_date").partition_by("service_date", as_dict=True)
    rows = [(day, *_day_resolution(own["minute"].to_numpy())) for (day,), own in days.items()]
    schema = {"service_date": pl.Date, "seconds": pl.Int64, "round_share": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def _day_resolution(minutes: np.ndarray) -> tuple[int | None, float]:
    seconds = np.round(minutes * 60).astype(np.int64)
    round_share = float((seconds % HALF_MINUTE == 0).mean())
    if len(seconds) < MIN_TIMES:
        return None, round_share
    step = next((step for step in STEPS if _lie_on(seconds, step)), None)
    return step or _drifting_polls(seconds) or FINEST_SECS, round_share


def _lie_on(seconds: np.ndarray, step: int) -> bool:
    """Whether nearly all times lie in one fifth of the step, at any offset."""
    width = max(1, step // 5)
    counts = np.bincount(seconds % step, minlength=step)
    circle = np.concatenate([[0], np.cumsum(np.concatenate([counts, counts[:width]]))])
    fullest = (circle[width:] - circle[:-width]).max()
    return bool(fullest >= ON_STEP * len(seconds))


def _drifting_polls(seconds: np.ndarray) -> int | None:
    """Seconds between polls that drift against the clock, None where the times show no polling."""
    apart = np.diff(np.unique(seconds))
    if len(apart) < MIN_TIMES:
        return None
    shortest = np.quantile(apart, 0.05)
    if shortest < max(MIN_POLL_SECS, MIN_REGULARITY * np.median(apart)):
        return None
    return round(float(np.median(apart[apart < 1.5 * shortest])))
