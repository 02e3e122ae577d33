"""Every check of a log, run once, and its findings counted by platform and date, by date, by station."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.quality.completeness import TOLERANCE_MINS, completeness
from headway_prediction.quality.implausible import (
    LONG,
    SHORT,
    backward_trains,
    overtaking_trains,
    suspicious_headways,
)
from headway_prediction.quality.log_rows import (
    DAY_PLATFORM,
    duplicates,
    misdated_rows,
    platform_rows,
    rows_in_service_day,
    time_resolution,
)
from headway_prediction.quality.silences import OUTAGE_MINS, gaps, outages
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

COUNTS = ("gaps", "gap_mins", "duplicates", "misdated", "short", "long", "backward", "overtaking")
"""short and long: headways under a minute and over an hour; backward and overtaking: passings of such trains."""
SUMS = ("passings", "planned", "planned_observed", "unplanned", "expected", "expected_observed", *COUNTS)


@dataclass(frozen=True)
class Quality:
    """The findings of every check of a log: one frame per check, with the columns that the check documents.

    `passings` are the rows within their service day, the input of all checks but `misdated`.
    """

    line: Line
    timetable: Timetable | None
    passings: pl.DataFrame
    completeness: pl.DataFrame
    outages: pl.DataFrame
    gaps: pl.DataFrame
    duplicates: pl.DataFrame
    misdated: pl.DataFrame
    resolution: pl.DataFrame
    headways: pl.DataFrame
    backward: pl.DataFrame
    overtaking: pl.DataFrame


def check_log(
    log: pl.DataFrame,
    line: Line,
    timetable: Timetable | None = None,
    outage_mins: int = OUTAGE_MINS,
    tolerance_mins: float = TOLERANCE_MINS,
) -> Quality:
    """Check a whole log (as `feeds.logs.arrivals.typed_arrivals` returns it); see `check_parts`."""
    return check_parts([log], line, timetable, outage_mins, tolerance_mins)


def check_parts(
    parts: Iterable[pl.DataFrame],
    line: Line,
    timetable: Timetable | None = None,
    outage_mins: int = OUTAGE_MINS,
    tolerance_mins: float = TOLERANCE_MINS,
) -> Quality:
    """Check the parts of a log (see `feeds.logs`) against its line, itself and, where given, its plan.

    Raises HeadwayError for a log of which no row falls on its service date.
    """
    rows = [platform_rows(part, line) for part in parts]
    misdated = pl.concat(map(misdated_rows, rows))
    days = [day for day in map(rows_in_service_day, rows) if not day.is_empty()]
    del rows
    if not days:
        expected = "event_time from 00:00 to 27:00 of service_date in the line's time zone"
        remedy = "check service_date and the time zone"
        raise HeadwayError("no row of the log falls on its service date", expected, remedy)
    passings = pl.concat(days)
    line_outages = outages(passings, timetable, outage_mins)
    return Quality(
        line,
        timetable,
        passings,
        completeness(days, line, timetable, tolerance_mins),
        line_outages,
        gaps(passings, line, timetable, line_outages),
        pl.concat(map(duplicates, days)),
        misdated,
        pl.concat(map(time_resolution, days)),
        pl.concat(suspicious_headways(day, line_outages) for day in days),
        pl.concat(backward_trains(day, line) for day in days),
        pl.concat(overtaking_trains(day, line) for day in days),
    )


def by_platform(quality: Quality) -> pl.DataFrame:
    """Return one row per date and platform: the columns of completeness, `expected`, `expected_observed` and COUNTS.

    `expected` are the planned passings or, without a plan, the typical number; `expected_observed` is how many of these were
    observed. Both are null where neither is known.
    """
    table = quality.completeness.with_columns(
        expected=pl.coalesce(pl.when(pl.col("planned") > 0).then("planned"), "typical").cast(pl.Float64),
        expected_observed=pl.coalesce("planned_observed", pl.min_horizontal("passings", "typical")).cast(
            pl.Float64
        ),
    ).with_columns(expected_observed=pl.when(pl.col("expected").is_not_null()).then("expected_observed"))
    for counted in _counted(quality):
        table = table.join(counted, on=DAY_PLATFORM, how="left")
    return table.with_columns(pl.col(COUNTS).fill_null(0).cast(pl.Int64))


def by_date(quality: Quality, platforms: pl.DataFrame) -> pl.DataFrame:
    """Return one row per date: SUMS, share, late_mins, outages, outage_mins, seconds, round_share (see time_resolution)."""
    outage_minutes = quality.outages.group_by("service_date").agg(
        outages=pl.len().cast(pl.Int64), outage_mins=(pl.col("end_minute") - pl.col("first_minute")).sum()
    )
    days = _summed(platforms, "service_date").join(outage_minutes, on="service_date", how="left")
    days = days.join(quality.resolution, on="service_date", how="left")
    return days.with_columns(pl.col("outages", "outage_mins").fill_null(0)).sort("service_date")


def by_station(platforms: pl.DataFrame) -> pl.DataFrame:
    """Return one row per station, both directions and all dates that have passings together: SUMS, share and late_mins."""
    ran = pl.col("passings").sum().over("service_date") > 0
    return _summed(platforms.filter(ran), "station").sort("station")


def _summed(platforms: pl.DataFrame, key: str) -> pl.DataFrame:
    def total(name: str) -> pl.Expr:
        # A sum without any known value is null, not 0.
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)

    summed = platforms.group_by(key).agg(*map(total, SUMS), late_mins=pl.col("late_mins").median())
    return summed.with_columns(
        share=pl.when(pl.col("expected") > 0).then(pl.col("expected_observed") / pl.col("expected"))
    )


def _counted(quality: Quality) -> list[pl.DataFrame]:
    headways = {
        name: quality.headways.filter(pl.col("kind") == kind)
        for name, kind in (("short", SHORT), ("long", LONG))
    }
    found = headways | {
        name: getattr(quality, name) for name in ("duplicates", "misdated", "backward", "overtaking")
    }
    counts = [own.group_by(DAY_PLATFORM).agg(pl.len().alias(name)) for name, own in found.items()]
    lengths = (pl.col("end_minute") - pl.col("first_minute")).sum()
    return [*counts, quality.gaps.group_by(DAY_PLATFORM).agg(gaps=pl.len(), gap_mins=lengths)]
