"""Every check of a log, run once: what the tables and the page are made of."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.quality.completeness import completeness
from headway_prediction.quality.duplicates import duplicates
from headway_prediction.quality.gaps import gaps
from headway_prediction.quality.headways import suspicious_headways
from headway_prediction.quality.outages import OUTAGE_MINS, outages
from headway_prediction.quality.plan_match import TOLERANCE_MINS
from headway_prediction.quality.platform_rows import misdated_rows, platform_rows, rows_in_service_day
from headway_prediction.quality.resolution import time_resolution
from headway_prediction.quality.train_order import backward_trains, overtaking_trains
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable


@dataclass(frozen=True)
class Quality:
    """What was found in a log: one frame per kind of check, with the columns that the check's docstring gives.

    `passings` are the rows within their service day (see placed), which all checks but `misdated` read.
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
    """Check a whole log (as feeds.arrivals.typed_arrivals returns it); see `check_parts`."""
    return check_parts([log], line, timetable, outage_mins, tolerance_mins)


def check_parts(
    parts: Iterable[pl.DataFrame],
    line: Line,
    timetable: Timetable | None = None,
    outage_mins: int = OUTAGE_MINS,
    tolerance_mins: float = TOLERANCE_MINS,
) -> Quality:
    """Check the parts of a log (see feeds.arrival_parts) against its line, itself and, where given, its plan.

    Raises HeadwayError for a log of which no row falls on its service date.
    """
    placed = [platform_rows(part, line) for part in parts]
    misdated = pl.concat(map(misdated_rows, placed))
    days = [day for day in map(rows_in_service_day, placed) if not day.is_empty()]
    del placed
    if not days:
        raise HeadwayError(
            "no row of the log falls on its service date",
            "event_time from 00:00 to 27:00 of service_date in the line's time zone",
            "check service_date and the time zone",
        )
    passings = pl.concat(days)
    silent = outages(passings, timetable, outage_mins)
    return Quality(
        line,
        timetable,
        passings,
        completeness(days, line, timetable, tolerance_mins),
        silent,
        gaps(passings, line, timetable, silent),
        pl.concat(map(duplicates, days)),
        misdated,
        pl.concat(map(time_resolution, days)),
        pl.concat(suspicious_headways(day, silent) for day in days),
        pl.concat(backward_trains(day, line) for day in days),
        pl.concat(overtaking_trains(day, line) for day in days),
    )
