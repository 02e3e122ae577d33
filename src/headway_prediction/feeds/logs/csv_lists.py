"""CSV lists that people write or correct by hand: planned departures and outages.

Planned departures have the columns direction_id, stop_id, planned_time and, optionally, days. Outages have service_date,
from and until, in times of the service day as GTFS writes them (gtfs.org, reference, field type "Time"), which may pass
24:00. Further columns are ignored.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.transit.clock import SCORED_DAY_MINS, gtfs_minutes, gtfs_time
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable


def read_csv_list(path: Path | str, what: str, required: Sequence[str]) -> pl.DataFrame:
    """Return a CSV file's columns as texts; raises HeadwayError, calling the file `what`, unless it has all `required`."""
    path = Path(path)
    try:
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        listed = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HeadwayError(
            f"{what} {path} could not be read ({str(error).splitlines()[0]})",
            f"a CSV file with the columns {', '.join(required)}",
            "check the path and the file",
        ) from error
    missing = [name for name in required if name not in listed.columns]
    if missing:
        raise HeadwayError(
            f"{path} has no column {missing[0]!r}", f"the columns {', '.join(required)}", "add or rename it"
        )
    return listed


DAYS = {
    "weekday": frozenset(range(5)),
    "saturday": frozenset({5}),
    "sunday": frozenset({6}),
    "all": frozenset(range(7)),
}
PLANNED_REQUIRED = ("direction_id", "stop_id", "planned_time")


def read_planned_departures(path: Path | str, line: Line) -> Timetable:
    """Read a CSV of planned departures: `days` is weekday, saturday, sunday or all, and weekday when absent.

    Times from 00:00 to 02:59 belong to the end of the service day (24:00 to 26:59), for such lists wrap at midnight.
    Departures from stops that are excluded from the line are ignored. Raises HeadwayError for a missing column, a time or
    `days` that cannot be read, an empty list, or a stop that is neither on the line nor excluded from it.
    """
    listed = _read_departures(Path(path))
    if "days" not in listed.columns:
        listed = listed.with_columns(days=pl.lit("weekday"))
    unknown = listed.filter(~pl.col("days").is_in(list(DAYS)).fill_null(False))
    if not unknown.is_empty():
        raise HeadwayError(
            f"{path} has days {unknown['days'][0]!r}", f"one of {', '.join(DAYS)}", "correct that column"
        )
    names = sorted(set(listed["days"]))
    planned = _at_platforms(listed, line, path).with_columns(
        service=pl.col("days").replace_strict(names, list(range(len(names)))),
        trip_id=pl.int_range(pl.len()).cast(pl.String).str.zfill(7),
    )
    minutes = pl.Series("minute", map(_unwrapped_minutes, planned["planned_time"]), dtype=pl.Float64)
    services = tuple(Service(name, weekdays=DAYS[name]) for name in names)
    timed = planned.with_columns(minutes)
    return Timetable(
        services, timed.select(pl.col(name).cast(kind) for name, kind in PLANNED_COLUMNS.items())
    )


def _read_departures(path: Path) -> pl.DataFrame:
    listed = read_csv_list(path, "the planned departures", PLANNED_REQUIRED)
    if listed.is_empty():
        raise HeadwayError(
            f"{path} lists no departure", "one row per planned departure", "check the program that wrote it"
        )
    return listed.with_columns(pl.col("direction_id").cast(pl.Int64, strict=False))


def _at_platforms(listed: pl.DataFrame, line: Line, path: Path | str) -> pl.DataFrame:
    on_line = listed.filter(~pl.col("stop_id").is_in(list(line.excluded)).fill_null(False))
    joined = on_line.join(line.stops(), on=["direction_id", "stop_id"], how="left", maintain_order="left")
    unknown_stops = joined.filter(pl.col("station").is_null())
    if not unknown_stops.is_empty():
        raise HeadwayError(
            f"{path} has the stop {unknown_stops['stop_id'][0]!r} in direction {unknown_stops['direction_id'][0]}, "
            f"which is not on {line.line_id}",
            f"stop ids such as {line.stop_ids(0)[0]}",
            "remove it or give the plan of this line",
        )
    return joined


def _unwrapped_minutes(text: str | None) -> float:
    minute = gtfs_minutes(text or "")
    return minute + 24 * 60 if minute < SCORED_DAY_MINS - 24 * 60 else minute


OUTAGES_REQUIRED = ("service_date", "from", "until")
OUTAGES_SCHEMA = {"service_date": pl.Date, "first_minute": pl.Int64, "end_minute": pl.Int64}


def read_outages(path: Path | str, service_dates: Iterable[date]) -> pl.DataFrame:
    """Read outages: service_date, first_minute, end_minute (whole minutes of the service day, the end not included).

    Raises HeadwayError for a file or a row that cannot be read, an outage that ends before it begins, or a list of which
    no outage is on any of `service_dates`.
    """
    listed = read_csv_list(path, "the outages", OUTAGES_REQUIRED).select(OUTAGES_REQUIRED)
    outages = pl.DataFrame([_outage(row, path) for row in listed.rows()], OUTAGES_SCHEMA, orient="row")
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
