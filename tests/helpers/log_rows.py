"""Rows of a small log at the platforms of a line, for the quality checks."""

from headway_prediction.feeds.logs.arrivals import typed_arrivals
from headway_prediction.quality.log_rows import platform_rows
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, raw_log, regular_rows

SECOND = 1 / 60
LINE = Line.from_arrivals(log_of(regular_rows(stations=4)), ZONE)


def rows_of(rows):
    return platform_rows(typed_arrivals(raw_log(rows)), LINE)


def passings_at_a(*passings):
    """Passings (trip, minute) at platform A in direction 0."""
    return rows_of([(MONDAY, trip, 0, "A", 0, minute) for trip, minute in passings])


def kinds(found):
    return [(row["trip_id"], row["kind"]) for row in found.iter_rows(named=True)]
