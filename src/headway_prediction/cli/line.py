"""line: from a GTFS route to the file of a line, which a person can check and edit."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import joined, parse_date, say
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from headway_prediction.feeds.gtfs.line import RoutePatterns
    from headway_prediction.feeds.gtfs.tables import Schedule
    from headway_prediction.transit.line import Line
    from headway_prediction.transit.route_line import RouteLine

WIDTH = 110
MAX_NAME_LENGTH = 34
BY = "name or stop id; repeatable"


def line(
    gtfs: Annotated[Path, typer.Argument(help="GTFS zip with the planned service.")],
    route: Annotated[
        list[str] | None,
        typer.Option(
            help="Route, by id or short name, where the zip holds several; repeat it for the routes of one line."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="TOML file to write the line to.")] = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(help=f"For a route that forks: a station of the branch to take ({BY}), or trunk."),
    ] = None,
    terminal: Annotated[
        list[str] | None, typer.Option(help="Terminal to cut the line at; give it twice, once per end.")
    ] = None,
    stop: Annotated[list[str] | None, typer.Option(help=f"Station to keep ({BY}). Default: all.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help=f"Station to exclude ({BY}).")] = None,
    line_id: Annotated[str | None, typer.Option(help="Id of the line. Default: that of the route.")] = None,
    edited: Annotated[
        Path | None, typer.Option("--line", help="Edited TOML file of a line, to compare with the zip.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--date", help="Service date of the planned trains. Default: the busiest.")
    ] = None,
    planned: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file to write the planned passings of that date to.")
    ] = None,
) -> None:
    """Find the stations of a GTFS route in order.

    Prints the stations, the number of planned trains at each, and every choice that was made: branches, short turns, trains
    that skip stations, several platforms of one station, directions that the schedule does not hold. `--out` writes the
    line as a TOML file to edit, which `headway grid --line` reads, and `headway line --line` shows again.

    \b
    Example:
      headway line gtfs.zip --route A --out line.toml
      headway line gtfs.zip --route A --route C --line-id 8th-avenue --out line.toml
    """
    from headway_prediction.feeds.gtfs.line import line_of_route, route_patterns
    from headway_prediction.feeds.gtfs.tables import open_schedule

    schedule = open_schedule(gtfs)
    if edited is None:
        patterns = route_patterns(schedule, joined(route))
        found = line_of_route(schedule, patterns, branch or [])
        found = _changed(found, stop or [], exclude or [], terminal or [], line_id)
    else:
        found = _read(edited, [branch, terminal, stop, exclude, line_id])
        patterns = route_patterns(schedule, joined(route) or found.route_id)
    _show(schedule, patterns, found, on, planned)
    if out is not None:
        _write(found, out)


def _changed(
    found: "RouteLine", stops: list[str], exclude: list[str], terminals: list[str], line_id: str | None
) -> "RouteLine":
    from headway_prediction.transit import route_line

    found = route_line.cut_at_terminals(found, terminals) if terminals else found
    found = route_line.keep_stations(found, stops) if stops else found
    found = route_line.exclude(found, exclude) if exclude else found
    return route_line.with_line_id(found, line_id) if line_id else found


def _read(path: Path, changes: Sequence[list[str] | str | None]) -> "RouteLine":
    from headway_prediction.transit.line_toml import read_line_toml

    if any(changes):
        raise HeadwayError(
            f"{path} was given together with changes to the line",
            "the line of the file, or one found and changed by options",
            "make the change in the file, or leave --line out",
        )
    return read_line_toml(path)


def _show(
    schedule: "Schedule", patterns: "RoutePatterns", found: "RouteLine", on: str | None, planned: Path | None
) -> None:
    from headway_prediction.feeds.gtfs.line_notes import describe_choices
    from headway_prediction.feeds.gtfs.timetable import (
        busiest_date,
        planned_table,
        timetable_of,
        write_planned,
    )

    timetable = timetable_of(schedule, found.line, patterns.route_id)
    service_date = parse_date(on) or busiest_date(timetable)
    table = planned_table(timetable, found.line, service_date)
    _print_line(found, table, service_date, describe_choices(schedule, patterns, found))
    if planned is not None:
        write_planned(table, planned)
        say(f"wrote {planned}")


def _write(found: "RouteLine", out: Path) -> None:
    from headway_prediction.transit.line_toml import write_line_toml

    write_line_toml(found, out)
    say(f"wrote {out}")


def _print_line(
    found: "RouteLine", planned: "pl.DataFrame", service_date: date, choices: Sequence[str]
) -> None:
    """Print a line, its stations with the planned trains of a date, and the choices that were made."""
    from rich.console import Console

    console, line = Console(width=WIDTH, highlight=False, markup=False), found.line
    route = f" of route {found.route_id}" if found.route_id not in (None, line.line_id) else ""
    console.print(
        f"line {line.line_id}{route}: {len(line.stations)} stations, {line.station_names[0]} to {line.station_names[-1]}, "
        f"{line.time_zone}",
        soft_wrap=True,
    )
    console.print(_stations(line, planned, service_date))
    console.print("\nChoices:")
    for choice in choices:
        console.print(f"- {choice}", soft_wrap=True)


def _stations(line: "Line", planned: "pl.DataFrame", service_date: date) -> "Table":
    from rich.table import Table

    from headway_prediction.transit.line import DIRECTIONS

    table = Table(title=f"\nplanned on {service_date}", title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("station", no_wrap=True, max_width=MAX_NAME_LENGTH)
    for direction in DIRECTIONS:
        table.add_column(f"stop id, direction {direction}", no_wrap=True)
        for name in ("trains", "first", "last"):
            table.add_column(name, justify="right", no_wrap=True)
    minutes = {
        platform: sorted(rows["minute"])
        for platform, rows in planned.partition_by("direction_id", "stop_id", as_dict=True).items()
    }
    for station in line.stations:
        cells = [
            _platform(station.stop_ids[d], minutes.get((d, station.stop_ids[d]), [])) for d in DIRECTIONS
        ]
        table.add_row(station.name, *cells[0], *cells[1])
    return table


def _platform(stop_id: str | None, minutes: Sequence[float]) -> tuple[str, str, str, str]:
    from headway_prediction.transit.clock import gtfs_time

    if stop_id is None or not minutes:
        return stop_id or "-", "0" if stop_id else "", "", ""
    return stop_id, str(len(minutes)), gtfs_time(minutes[0]), gtfs_time(minutes[-1])
