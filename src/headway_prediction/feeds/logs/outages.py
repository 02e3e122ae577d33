"""Lists of outages (CSV): service_date, from, until, as `headway check` writes them and hands may correct them.

`from` and `until` are times of the service day as GTFS writes them (gtfs.org, reference, field type "Time"): they may
pass 24:00. Further columns are passed over.
"""

import math
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.csv_list import read_csv_list
from headway_prediction.files import atomic_path
from headway_prediction.transit.clock import gtfs_minutes, gtfs_time

REQUIRED = ("service_date", "from", "until")
SCHEMA = {"service_date": pl.Date, "first_minute": pl.Int64, "end_minute": pl.Int64}


def read_outages(path: Path | str, service_dates: Iterable[date]) -> pl.DataFrame:
    """Read outages: service_date, first_minute, end_minute (whole minutes of the service day, the end not included).

    Raises HeadwayError for a file or a row that cannot be read, an outage that ends before it begins, or a list of which
    no outage is on any of `service_dates`.
    """
    listed = read_csv_list(path, "the outages", REQUIRED).select(REQUIRED)
    outages = pl.DataFrame([_outage(row, path) for row in listed.rows()], SCHEMA, orient="row")
    if not outages.is_empty() and not outages["service_date"].is_in(list(service_dates)).any():
        raise HeadwayError(
            f"no outage of {path} is on a date of the log (the first is on {outages['service_date'][0]})",
            "outages of this line",
            "give the list that `headway check` made of this log",
        )
    return outages


def write_outages(path: Path | str, outages: pl.DataFrame) -> None:
    """Write outages (columns as `read_outages` returns them, and evidence) as CSV, whole or not at all."""
    times = {"from": "first_minute", "until": "end_minute"}
    listed = outages.select(
        "service_date",
        *(pl.Series(name, map(gtfs_time, outages[own]), pl.String) for name, own in times.items()),
        "evidence",
    )
    with atomic_path(path) as fresh:
        listed.write_csv(fresh)


def _outage(row: tuple[str | None, ...], path: Path | str) -> tuple[date, int, int]:
    day, since, until = (text or "" for text in row)
    try:
        service_date = date.fromisoformat(day)
    except ValueError as error:
        raise HeadwayError(
            f"{path} has the service_date {day!r}", "a date such as 2025-09-26", "correct that row"
        ) from error
    first, end = math.floor(gtfs_minutes(since)), math.ceil(gtfs_minutes(until))
    if first >= end:
        raise HeadwayError(
            f"the outage of {day} in {path} lasts from {since} until {until}",
            "a later end, past 24:00 after midnight",
            "correct that row",
        )
    return service_date, first, end
