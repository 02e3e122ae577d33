"""Plain lists of planned departures (CSV): direction_id, stop_id, planned_time[, days] to a line's Timetable."""

from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.csv_list import read_csv_list
from headway_prediction.transit.clock import SCORED_DAY_MINS, gtfs_minutes
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable

DAYS = {
    "weekday": frozenset(range(5)),
    "saturday": frozenset({5}),
    "sunday": frozenset({6}),
    "all": frozenset(range(7)),
}
REQUIRED = ("direction_id", "stop_id", "planned_time")


def read_planned_departures(path: Path | str, line: Line) -> Timetable:
    """Read a CSV of planned departures: `days` is weekday, saturday, sunday or all, and weekday when absent.

    Times from 00:00 to 02:59 belong to the end of the service day (24:00 to 26:59), for such lists wrap at midnight.
    Departures from stops that were left out of the line are passed over. Raises HeadwayError for a missing column, a time
    or a `days` that cannot be read, an empty list, or a stop that is neither on the line nor left out of it.
    """
    listed = _read(Path(path))
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


def _read(path: Path) -> pl.DataFrame:
    listed = read_csv_list(path, "the planned departures", REQUIRED)
    if listed.is_empty():
        raise HeadwayError(
            f"{path} lists no departure", "one row per planned departure", "check what wrote it"
        )
    return listed.with_columns(pl.col("direction_id").cast(pl.Int64, strict=False))


def _at_platforms(listed: pl.DataFrame, line: Line, path: Path | str) -> pl.DataFrame:
    own = listed.filter(~pl.col("stop_id").is_in(list(line.excluded)).fill_null(False))
    joined = own.join(line.stops(), on=["direction_id", "stop_id"], how="left", maintain_order="left")
    strangers = joined.filter(pl.col("station").is_null())
    if not strangers.is_empty():
        raise HeadwayError(
            f"{path} has the stop {strangers['stop_id'][0]!r} in direction {strangers['direction_id'][0]}, which is not on "
            f"{line.line_id}",
            f"stop ids such as {line.stop_ids(0)[0]}",
            "remove it or give the plan of this line",
        )
    return joined


def _unwrapped_minutes(text: str | None) -> float:
    minute = gtfs_minutes(text or "")
    return minute + 24 * 60 if minute < SCORED_DAY_MINS - 24 * 60 else minute
