"""line: from a GTFS route to a line that a person can look through and edit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.dates import given_date

if TYPE_CHECKING:
    from headway_prediction.feeds.gtfs.line import RoutePatterns
    from headway_prediction.feeds.gtfs.tables import Schedule
    from headway_prediction.transit.route_line import RouteLine

STATIONS = "names or stop ids, with commas"

Route = Annotated[
    str | None,
    typer.Option(
        help="Route, by id or short name, where the zip holds several; or routes of one line, with commas."
    ),
]


def line(
    gtfs: Annotated[Path, typer.Argument(help="GTFS zip with the planned service.")],
    route: Route = None,
    out: Annotated[Path | None, typer.Option(help="TOML file to write the line to.")] = None,
    branch: Annotated[
        str | None,
        typer.Option(help=f"Of a route that forks: the branch with these stations ({STATIONS}), or trunk."),
    ] = None,
    terminals: Annotated[
        str | None, typer.Option(help="Cut the line at these two stations, with a comma.")
    ] = None,
    stops: Annotated[str | None, typer.Option(help=f"Keep only these stations ({STATIONS}).")] = None,
    exclude: Annotated[str | None, typer.Option(help=f"Leave these stations out ({STATIONS}).")] = None,
    line_id: Annotated[str | None, typer.Option(help="The line's own id. Default: the route's.")] = None,
    edited: Annotated[
        Path | None, typer.Option("--line", help="TOML file of a line, edited: hold it against the zip.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--date", help="Service date of the planned trains. Default: the busiest.")
    ] = None,
    planned: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file for the planned passings of that date.")
    ] = None,
) -> None:
    """Find the stations of a GTFS route in order.

    Prints the stations, how many trains are planned at each, and whatever was chosen on the way: branches, short turns,
    trains that skip stations, platforms of one station, directions that the schedule does not say. `--out` writes the line
    as a TOML file to edit, which `headway grid --line` reads, and `headway line --line` shows again.

    \b
    Example:
      headway line gtfs.zip --route A --out line.toml
      headway line gtfs.zip --route A,C --line-id 8th-avenue --out line.toml
    """
    from headway_prediction.feeds.gtfs.line import route_patterns
    from headway_prediction.feeds.gtfs.tables import open_schedule

    schedule = open_schedule(gtfs)
    if edited is None:
        patterns = route_patterns(schedule, route)
        found = _found(schedule, patterns, _words(branch))
        found = _changed(found, _words(stops), _words(exclude), _words(terminals), line_id)
    else:
        found = _read(edited, [branch, terminals, stops, exclude, line_id])
        patterns = route_patterns(schedule, route or found.route_id)
    _show(schedule, patterns, found, on, planned)
    if out is not None:
        _write(found, out)


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()] if text else []


def _found(schedule: "Schedule", patterns: "RoutePatterns", branch: list[str]) -> "RouteLine":
    from headway_prediction.feeds.gtfs.line import line_of_route

    return line_of_route(schedule, patterns, branch)


def _changed(
    found: "RouteLine", stops: list[str], exclude: list[str], terminals: list[str], line_id: str | None
) -> "RouteLine":
    from headway_prediction.transit import route_line

    found = route_line.cut_at_terminals(found, terminals) if terminals else found
    found = route_line.keep_stations(found, stops) if stops else found
    found = route_line.exclude(found, exclude) if exclude else found
    return route_line.with_line_id(found, line_id) if line_id else found


def _read(path: Path, changes: list[str | None]) -> "RouteLine":
    from headway_prediction.errors import HeadwayError
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
    from headway_prediction.cli.line_table import print_line
    from headway_prediction.feeds.gtfs.line_notes import describe_choices
    from headway_prediction.feeds.gtfs.service_date import busiest_date, planned_table, write_planned
    from headway_prediction.feeds.gtfs.timetable import timetable_of

    timetable = timetable_of(schedule, found.line, patterns.route_id)
    service_date = given_date(on) or busiest_date(timetable)
    table = planned_table(timetable, found.line, service_date)
    print_line(found, table, service_date, describe_choices(schedule, patterns, found))
    if planned is not None:
        write_planned(table, planned)
        say(f"wrote {planned}")


def _write(found: "RouteLine", out: Path) -> None:
    from headway_prediction.transit.line_toml import write_line_toml

    write_line_toml(found, out)
    say(f"wrote {out}")
