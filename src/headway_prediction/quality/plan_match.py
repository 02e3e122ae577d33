"""Which planned passing each observed one is: the same train's, or else the nearest in time at that platform."""

from collections.abc import Iterable
from datetime import date

import polars as pl

from headway_prediction.quality.platform_rows import DAY_PLATFORM
from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Timetable
from headway_prediction.transit.trip_keys import UNKNOWN

TOLERANCE_MINS = 5.0
SAME_TRAIN_MINS = 60.0
"""A train that is known by its id may be this late; an id that is further off was given to another trip."""

PAIR_COLUMNS = {"planned_row": pl.UInt32, "row": pl.UInt32}


def planned_passings(timetable: Timetable, service_dates: Iterable[date]) -> pl.DataFrame:
    """Return the planned passings of those dates up to 27:00: service_date, direction, station, minute, train."""
    kinds = {name: PLANNED_COLUMNS[name] for name in ("direction", "station", "minute")} | {"train": pl.Int64}
    days = [
        timetable.planned_on(day)
        .rename({"trip": "train"})
        .select(pl.lit(day).alias("service_date"), *(pl.col(name).cast(kind) for name, kind in kinds.items()))
        for day in service_dates
    ]
    return pl.concat(days).filter(pl.col("minute") < SCORED_DAY_MINS)


def matched_passings(
    passings: pl.DataFrame, planned: pl.DataFrame, tolerance_mins: float = TOLERANCE_MINS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the planned passings with `late_mins` (null where none was observed), and the observed ones left over.

    A passing is matched to that of the same train at the same platform, within an hour; the others, nearest pairs first,
    to a free one within the tolerance. Each is matched once.
    """
    due = planned.with_row_index("planned_row")
    seen = passings.with_row_index("row")
    pairs = _same_train(due, seen)
    while True:
        free_due, free_seen = _free(due, pairs, "planned_row"), _free(seen, pairs, "row")
        nearest = _mutually_nearest(free_due, free_seen, tolerance_mins)
        if nearest.is_empty():
            break
        pairs = pl.concat([pairs, nearest])
    observed = pairs.join(seen.select("row", observed="minute"), on="row").select("planned_row", "observed")
    late = due.join(observed, on="planned_row", how="left").with_columns(
        late_mins=pl.col("observed") - pl.col("minute")
    )
    return late.drop("planned_row", "observed"), free_seen.drop("row")


def _same_train(due: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    known = seen.filter(pl.col("train") != UNKNOWN)
    pairs = due.join(known, on=[*DAY_PLATFORM, "train"], suffix="_seen").with_columns(
        off=(pl.col("minute_seen") - pl.col("minute")).abs()
    )
    near = pairs.filter(pl.col("off") <= SAME_TRAIN_MINS).sort("off", "planned_row", "row")
    return _once_each(near)


def _mutually_nearest(due: pl.DataFrame, seen: pl.DataFrame, tolerance_mins: float) -> pl.DataFrame:
    """Pairs of which each is the other's nearest: the pairs that go first when the nearest go first."""
    nearest_seen = _nearest(due, seen, tolerance_mins)
    nearest_due = _nearest(seen, due, tolerance_mins)
    pairs = nearest_seen.join(nearest_due, on=["planned_row", "row"])
    return _once_each(pairs.sort("off", "planned_row", "row"))


def _nearest(own: pl.DataFrame, others: pl.DataFrame, tolerance_mins: float) -> pl.DataFrame:
    keyed = others.with_columns(other_minute="minute").select(
        *DAY_PLATFORM, "minute", "other_minute", pl.col("^(planned_)?row$")
    )
    joined = own.sort("minute").join_asof(
        keyed.sort("minute"),
        on="minute",
        by=DAY_PLATFORM,
        strategy="nearest",
        tolerance=tolerance_mins,
        check_sortedness=False,
    )
    found = joined.drop_nulls("other_minute")
    off = (pl.col("minute") - pl.col("other_minute")).abs()
    return found.select("planned_row", "row", off=off)


def _once_each(pairs: pl.DataFrame) -> pl.DataFrame:
    """Keep of each row the first pair whose other row is free; `pairs` are sorted, the nearest first."""
    once = pairs.unique("planned_row", keep="first", maintain_order=True).unique(
        "row", keep="first", maintain_order=True
    )
    return once.select(pl.col(name).cast(kind) for name, kind in PAIR_COLUMNS.items())


def _free(rows: pl.DataFrame, pairs: pl.DataFrame, index: str) -> pl.DataFrame:
    return rows.join(pairs, on=index, how="anti")
