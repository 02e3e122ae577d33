"""How complete a log is: passings per service date and platform against the plan, or against other days.

`matched_passings` pairs observed passings with planned ones: of the same train, or else the nearest at that platform.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from headway_prediction.grid.passings import HAS_TRIP_ID, without_duplicates
from headway_prediction.quality.log_rows import DAY_PLATFORM, PLATFORM
from headway_prediction.quality.silences import MIN_DAYS
from headway_prediction.transit.clock import SCORED_DAY_MINS, day_type_of
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

TOLERANCE_MINS = 5.0
SAME_TRAIN_MINS = 60.0
"""A train that is identified by its id may be this late; an id that is further off belongs to another trip."""

PAIR_COLUMNS = {"planned_row": pl.UInt32, "row": pl.UInt32}
COMPLETENESS_COLUMNS = {
    "service_date": pl.Date,
    "direction": pl.Int8,
    "station": pl.Int16,
    "passings": pl.Int64,
    "planned": pl.Int64,
    "planned_observed": pl.Int64,
    "unplanned": pl.Int64,
    "late_mins": pl.Float64,
    "typical": pl.Float64,
    "share": pl.Float64,
}
AGAINST_PLAN = ("planned", "planned_observed", "unplanned", "late_mins")


def completeness(
    parts: Iterable[pl.DataFrame],
    line: Line,
    timetable: Timetable | None,
    tolerance_mins: float = TOLERANCE_MINS,
) -> pl.DataFrame:
    """Return one row per date and platform of the line (COMPLETENESS_COLUMNS), for every date from the first to the last.

    `parts` are passings (see log_rows) of whole service dates. `passings` counts them without duplicates. Where the plan has
    passings of that date and platform, `planned` counts them, `planned_observed` those that were observed, `unplanned` the
    other observed ones, `late_mins` is the median delay, and `share` is planned_observed over planned. `typical` is the
    median over the dates of that day type (weekday, Saturday, Sunday) on which the line ran, null for fewer than three;
    without a plan `share` is passings over typical, at most 1. It is null where neither is known.
    """
    counts, compared = [], []
    for part in parts:
        passings = without_duplicates(part)
        counts.append(_counts(passings, "passings"))
        dates = passings["service_date"].unique().to_list()
        compared.append(_against_plan(passings, timetable, dates, tolerance_mins))
    observed = pl.concat(counts)
    dates = _calendar(observed["service_date"])
    silent = sorted(set(dates) - set(observed["service_date"]))
    compared.append(_against_plan(passings.clear(), timetable, silent, tolerance_mins))
    counted = _platform_days(line, dates).join(observed, on=DAY_PLATFORM, how="left")
    counted = counted.with_columns(pl.col("passings").fill_null(0))
    return _with_shares(counted, pl.concat(compared))


def _with_shares(counted: pl.DataFrame, planned: pl.DataFrame) -> pl.DataFrame:
    table = counted.join(planned, on=DAY_PLATFORM, how="left").join(
        _typical_counts(counted), on=DAY_PLATFORM, how="left"
    )
    of_plan = pl.col("planned_observed") / pl.col("planned")
    of_typical = (pl.col("passings") / pl.col("typical")).clip(upper_bound=1)
    share = pl.when(pl.col("planned") > 0).then(of_plan).when(pl.col("typical") > 0).then(of_typical)
    return (
        table.with_columns(share=share)
        .select(pl.col(name).cast(kind) for name, kind in COMPLETENESS_COLUMNS.items())
        .sort(DAY_PLATFORM)
    )


def _calendar(service_dates: pl.Series) -> list[date]:
    """All dates from the first to the last."""
    dates: list[date] = service_dates.unique().sort().to_list()
    first, last = dates[0], dates[-1]
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def _platform_days(line: Line, dates: Sequence[date]) -> pl.DataFrame:
    return pl.DataFrame({"service_date": dates}).join(line.platforms().select(PLATFORM), how="cross")


def _counts(passings: pl.DataFrame, name: str) -> pl.DataFrame:
    return passings.group_by(DAY_PLATFORM).agg(pl.len().cast(pl.Int64).alias(name))


def _against_plan(
    passings: pl.DataFrame, timetable: Timetable | None, dates: Collection[date], tolerance_mins: float
) -> pl.DataFrame:
    """Passings against the plan (AGAINST_PLAN), by date and platform that has a plan."""
    columns = {name: COMPLETENESS_COLUMNS[name] for name in (*DAY_PLATFORM, *AGAINST_PLAN)}
    if timetable is None or not len(dates):
        return pl.DataFrame(schema=columns)
    planned = planned_passings(timetable, dates)
    compared = passings.join(planned.select(DAY_PLATFORM).unique(), on=DAY_PLATFORM, how="semi")
    late, others = matched_passings(compared, planned, tolerance_mins)
    by_platform = late.group_by(DAY_PLATFORM).agg(
        planned=pl.len(), planned_observed=pl.col("late_mins").count(), late_mins=pl.col("late_mins").median()
    )
    joined = by_platform.join(_counts(others, "unplanned"), on=DAY_PLATFORM, how="left")
    counted = joined.with_columns(pl.col("unplanned").fill_null(0))
    return counted.select(pl.col(name).cast(kind) for name, kind in columns.items())


def _typical_counts(counted: pl.DataFrame) -> pl.DataFrame:
    day_types = pl.Series("day_type", map(day_type_of, counted["service_date"]), pl.Int64)
    ran = pl.col("passings").sum().over("service_date") > 0
    days = counted.with_columns(day_types, ran=ran)
    served = days.filter("ran").group_by("day_type", *PLATFORM)
    typical = served.agg(typical=pl.col("passings").median(), days=pl.len()).filter(
        pl.col("days") >= MIN_DAYS
    )
    return days.join(typical, on=["day_type", *PLATFORM]).select(*DAY_PLATFORM, "typical")


def planned_passings(timetable: Timetable, service_dates: Iterable[date]) -> pl.DataFrame:
    """Return the planned passings of those dates up to 27:00: service_date, direction, station, minute, trip_id."""
    days = [
        timetable.planned_on(day).select(
            pl.lit(day).alias("service_date"), "direction", "station", "minute", "trip_id"
        )
        for day in service_dates
    ]
    return pl.concat(days).filter(pl.col("minute") < SCORED_DAY_MINS)


def matched_passings(
    passings: pl.DataFrame, planned: pl.DataFrame, tolerance_mins: float = TOLERANCE_MINS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the planned passings with `late_mins` (null where none was observed), and the unmatched observed ones.

    A passing is matched to the planned one of the same train at the same platform, within an hour; the others, nearest
    pairs first, to an unmatched one within the tolerance. Each is matched once.
    """
    due = planned.with_row_index("planned_row")
    seen = passings.with_row_index("row")
    pairs = _same_train(due, seen)
    while True:
        unmatched_due, unmatched_seen = _unmatched(due, pairs, "planned_row"), _unmatched(seen, pairs, "row")
        nearest = _mutually_nearest(unmatched_due, unmatched_seen, tolerance_mins)
        if nearest.is_empty():
            break
        pairs = pl.concat([pairs, nearest])
    observed = pairs.join(seen.select("row", observed="minute"), on="row").select("planned_row", "observed")
    late = due.join(observed, on="planned_row", how="left").with_columns(
        late_mins=pl.col("observed") - pl.col("minute")
    )
    return late.drop("planned_row", "observed"), unmatched_seen.drop("row")


def _same_train(due: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    known = seen.filter(HAS_TRIP_ID)
    pairs = due.join(known, on=[*DAY_PLATFORM, "trip_id"], suffix="_seen").with_columns(
        off=(pl.col("minute_seen") - pl.col("minute")).abs()
    )
    near = pairs.filter(pl.col("off") <= SAME_TRAIN_MINS).sort("off", "planned_row", "row")
    return _once_each(near)


def _mutually_nearest(due: pl.DataFrame, seen: pl.DataFrame, tolerance_mins: float) -> pl.DataFrame:
    """Pairs in which each is the other's nearest: what matching the nearest pair first would match next."""
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
    """The first pair of each row whose other row is unmatched; `pairs` are sorted, the nearest first."""
    once = pairs.unique("planned_row", keep="first", maintain_order=True).unique(
        "row", keep="first", maintain_order=True
    )
    return once.select(pl.col(name).cast(kind) for name, kind in PAIR_COLUMNS.items())


def _unmatched(rows: pl.DataFrame, pairs: pl.DataFrame, index: str) -> pl.DataFrame:
    return rows.join(pairs, on=index, how="anti")
