"""The planned passings of one service date, as a table to look at or to write."""

from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.transit.clock import local_iso
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable


def service_dates(timetable: Timetable) -> list[date]:
    """Return the dates on which a schedule's services run, sorted."""
    return sorted(set().union(*(service.dates for service in timetable.services)))


def busiest_date(timetable: Timetable) -> date:
    """Return the date with the most planned passings, the first of equals; raises HeadwayError without any."""
    passings = dict(timetable.planned.group_by("service").len().iter_rows())
    counts: dict[date, int] = {}
    for index, service in enumerate(timetable.services):
        for day in service.dates:
            counts[day] = counts.get(day, 0) + passings.get(index, 0)
    if not counts:
        raise HeadwayError(
            "no planned train of the line runs on any date", "a calendar with dates", "give another schedule"
        )
    return min(counts, key=lambda day: (-counts[day], day))


def planned_table(timetable: Timetable, line: Line, service_date: date) -> pl.DataFrame:
    """Return the planned passings of a service date, in order of direction, platform along the way, and time.

    Columns: line_id, service_date, direction_id, stop_id, stop_name, planned_time (ISO 8601 local time with offset) and
    minute (of the service day). Raises HeadwayError for a date without any.
    """
    rows = timetable.planned_on(service_date)
    dates = service_dates(timetable)
    if rows.is_empty():
        raise HeadwayError(
            f"no train of {line.line_id} is planned on {service_date}",
            f"a date between {dates[0]} and {dates[-1]}" if dates else "a schedule with dates",
            "choose another date",
        )
    names = pl.DataFrame({"station": range(len(line.stations)), "stop_name": line.station_names})
    placed = rows.join(line.platforms(), on=["direction", "station"]).join(
        names.with_columns(pl.col("station").cast(pl.Int16)), on="station"
    )
    along = pl.when(pl.col("direction") == 0).then("station").otherwise(-pl.col("station"))
    ordered = placed.sort("direction", along, "minute")
    return ordered.select(
        pl.lit(line.line_id).alias("line_id"),
        pl.lit(service_date.isoformat()).alias("service_date"),
        "direction_id",
        "stop_id",
        "stop_name",
        pl.Series("planned_time", local_iso(service_date, ordered["minute"].to_numpy(), line.time_zone)),
        "minute",
    )


def write_planned(table: pl.DataFrame, path: Path | str) -> None:
    """Write planned passings to a Parquet or CSV file, by its ending; raises HeadwayError for another ending."""
    writers = {".csv": table.write_csv, ".parquet": table.write_parquet}
    writer = writers.get(Path(path).suffix)
    if writer is None:
        raise HeadwayError(f"{path} ends in neither .csv nor .parquet", "one of these", "give it such a name")
    with atomic_path(path) as fresh:
        writer(fresh)
