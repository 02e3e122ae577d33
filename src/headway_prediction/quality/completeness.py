"""How complete a log is: passings per service date and platform against the plan, or against other days."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from headway_prediction.grid.passings import without_duplicates
from headway_prediction.quality.plan_match import TOLERANCE_MINS, matched_passings, planned_passings
from headway_prediction.quality.platform_rows import DAY_PLATFORM, PLATFORM
from headway_prediction.quality.silences import MIN_DAYS
from headway_prediction.transit.clock import day_type_of
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

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

    `parts` are passings (see placed) of whole service dates. `passings` counts them without duplicates. Where the plan has
    passings of that date and platform, `planned` counts them, `planned_observed` those that were observed (see plan_match),
    `unplanned` the others observed, `late_mins` is the median lateness, and `share` is planned_observed of planned.
    `typical` is the median over the dates of that kind (weekday, Saturday, Sunday) on which the line ran, null for fewer than
    three; without a plan `share` is passings of usual, at most 1. It is null where nothing tells.
    """
    counts, compared = [], []
    for part in parts:
        kept = without_duplicates(part)
        counts.append(_counts(kept, "passings"))
        compared.append(_against_plan(kept, timetable, kept["service_date"].unique(), tolerance_mins))
    observed = pl.concat(counts)
    dates = _calendar(observed["service_date"])
    silent = sorted(set(dates) - set(observed["service_date"]))
    compared.append(_against_plan(kept.clear(), timetable, silent, tolerance_mins))
    counted = _platform_days(line, dates).join(observed, on=DAY_PLATFORM, how="left")
    counted = counted.with_columns(pl.col("passings").fill_null(0))
    return _shared(counted, pl.concat(compared))


def _shared(counted: pl.DataFrame, planned: pl.DataFrame) -> pl.DataFrame:
    """COMPLETENESS_COLUMNS from what was counted and what was compared with the plan."""
    table = counted.join(planned, on=DAY_PLATFORM, how="left").join(
        _usual(counted), on=DAY_PLATFORM, how="left"
    )
    of_plan = pl.col("planned_observed") / pl.col("planned")
    of_usual = (pl.col("passings") / pl.col("typical")).clip(upper_bound=1)
    share = pl.when(pl.col("planned") > 0).then(of_plan).when(pl.col("typical") > 0).then(of_usual)
    return (
        table.with_columns(share=share)
        .select(pl.col(name).cast(kind) for name, kind in COMPLETENESS_COLUMNS.items())
        .sort(DAY_PLATFORM)
    )


def _calendar(service_dates: pl.Series) -> list[date]:
    first, last = service_dates.min(), service_dates.max()
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def _platform_days(line: Line, dates: Sequence[date]) -> pl.DataFrame:
    return pl.DataFrame({"service_date": dates}).join(line.platforms().select(PLATFORM), how="cross")


def _counts(passings: pl.DataFrame, name: str) -> pl.DataFrame:
    return passings.group_by(DAY_PLATFORM).agg(pl.len().cast(pl.Int64).alias(name))


def _against_plan(
    passings: pl.DataFrame, timetable: Timetable | None, dates: Collection[date], tolerance_mins: float
) -> pl.DataFrame:
    """How many passings of those dates were planned, by date and platform that has a plan: the columns of AGAINST_PLAN."""
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


def _usual(counted: pl.DataFrame) -> pl.DataFrame:
    kinds = pl.Series("kind", map(day_type_of, counted["service_date"]), pl.Int64)
    ran = pl.col("passings").sum().over("service_date") > 0
    days = counted.with_columns(kinds, ran=ran)
    served = days.filter("ran").group_by("kind", *PLATFORM)
    typical = served.agg(typical=pl.col("passings").median(), days=pl.len()).filter(
        pl.col("days") >= MIN_DAYS
    )
    return days.join(typical, on=["kind", *PLATFORM]).select(*DAY_PLATFORM, "typical")
