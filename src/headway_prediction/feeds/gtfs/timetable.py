"""GTFS schedules: the planned passings of a line, as its Timetable."""

from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.directions import directions_along
from headway_prediction.feeds.gtfs.stop_times import planned_passings
from headway_prediction.feeds.gtfs.tables import Schedule, open_schedule, the_route
from headway_prediction.files import atomic_path
from headway_prediction.transit.clock import local_iso
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable


def read_timetable(path: Path | str, line: Line, route_id: str | None = None) -> Timetable:
    """Read the planned passings at the platforms of `line` from a GTFS zip (calendar, calendar_dates, frequencies).

    Those of one route, by its id or short name, of several joined with commas, or of all. A trip without direction_id runs
    as it passes the stations of the line. Raises HeadwayError for a file that is no GTFS zip, an unknown
    route, or a schedule that serves no platform of the line.
    """
    return timetable_of(open_schedule(path), line, route_id)


def timetable_of(schedule: Schedule, line: Line, route_id: str | None = None) -> Timetable:
    """Return the planned passings at the platforms of `line`; raises HeadwayError as `read_timetable`."""
    route = None if route_id is None else the_route(schedule, route_id)
    passings = planned_passings(schedule, route, directions_along(schedule, route, line))
    at_platforms = _once_per_trip(passings.join(line.stops(), on=["direction_id", "stop_id"], how="inner"))
    if at_platforms.is_empty():
        raise HeadwayError(
            f"{schedule.path} has no planned passing at any platform of {line.line_id}",
            f"stop ids such as {line.stop_ids(0)[line.first_station(0)]} with direction_id 0 and 1",
            "give the schedule of this line, or map its stop ids",
        )
    names = sorted(at_platforms["service_id"].unique())
    services = tuple(Service(name, schedule.dates_of_service.get(name, frozenset())) for name in names)
    planned = at_platforms.with_columns(
        service=pl.col("service_id").replace_strict(names, list(range(len(names)))),
        trip_id=_names_of_runs(at_platforms),
    )
    return Timetable(
        services, planned.select(pl.col(name).cast(kind) for name, kind in PLANNED_COLUMNS.items())
    )


def _once_per_trip(at_platforms: pl.DataFrame) -> pl.DataFrame:
    """Keep one passing of a trip per station: the first of direction 0, the last of direction 1, as `read_route_line` does.

    A trip that goes round a loop, or changes its platform within a station, passes there once on its way along the line.
    """
    ordered = at_platforms.sort("direction_id", "trip_id", "stop_sequence")
    ways: tuple[tuple[int, Literal["first", "last"]], ...] = ((0, "first"), (1, "last"))
    return pl.concat(
        ordered.filter(direction_id=direction).unique(["trip_id", "station"], keep=keep, maintain_order=True)
        for direction, keep in ways
    )


def _names_of_runs(planned: pl.DataFrame) -> pl.Series:
    """Trip ids as logs name them: a schedule that puts `service_id-` before them does so to keep its own ids apart."""
    prefix = pl.col("service_id") + "-"
    own = pl.col("trip_id").str.strip_prefix(prefix)
    return planned.select(pl.when(own == "").then("trip_id").otherwise(own))["trip_id"]


def read_time_zone(path: Path | str) -> str:
    """Return the agency's time zone from a GTFS zip."""
    return open_schedule(path).time_zone


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
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise HeadwayError(f"{path} ends in neither .csv nor .parquet", "one of these", "give it such a name")
    with atomic_path(path) as temporary:
        table.write_csv(temporary) if suffix == ".csv" else table.write_parquet(temporary)
