"""forecast: the next minutes of every platform, from a bundle and an arrival log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from headway_prediction.cli.common import (
    AtOption,
    Format,
    GtfsOption,
    LineFileOption,
    PlannedOption,
    RouteOption,
    StopOption,
    TimeZoneOption,
    joined,
    parse_moment,
)
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.grid.history import LineHistory
    from headway_prediction.transit.line import Line

WIDTH = 110
MAX_NAME_LENGTH = 30


class LineOptions(NamedTuple):
    """The options about a line, which a multi-line bundle does not hold."""

    gtfs: Path | None
    planned: Path | None
    time_zone: str | None
    route: str | None
    stop: list[str] | None
    line: Path | None


def forecast(
    bundle: Annotated[Path, typer.Option(help="Bundle that `headway train` wrote.")],
    arrivals: Annotated[Path, typer.Option(help="Arrival log that reaches up to the moment.")],
    at: AtOption = None,
    method: Annotated[str, typer.Option(help="Method of the bundle.")] = "st-convnet",
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.TABLE,
    gtfs: GtfsOption = None,
    planned: PlannedOption = None,
    time_zone: TimeZoneOption = None,
    route: RouteOption = None,
    stop: StopOption = None,
    line: LineFileOption = None,
) -> None:
    """Forecast the next minutes (15 unless trained for more) from a log.

    Prints the headway at the end of each minute, for every station and direction. A bundle of one line holds its line and
    its plan. A multi-line bundle holds neither: it reads the line from the log (the more days, the better) and from the
    options --gtfs to --line, which serve such a bundle alone.

    \b
    Example:
      headway forecast --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30
    """
    from headway_prediction.bundle.bundle import Bundle

    loaded = Bundle.load(bundle)
    options = LineOptions(gtfs, planned, time_zone, joined(route), stop, line)
    its_line, source = _source(loaded, arrivals, options)
    _print(loaded.predict(source, parse_moment(at), method), its_line, format)


def _source(bundle: "Bundle", arrivals: Path, options: LineOptions) -> "tuple[Line, Path | LineHistory]":
    if bundle.is_single_line:
        _refuse_line_options(options)
        return bundle.line, arrivals
    from headway_prediction.grid.build import read_line_files

    history = read_line_files(
        arrivals,
        options.gtfs,
        options.planned,
        options.time_zone,
        options.route,
        options.stop,
        bundle.cap_mins,
        options.line,
    )
    return history.line, history


def _refuse_line_options(options: LineOptions) -> None:
    given = [name for name, value in options._asdict().items() if value is not None]
    if given:
        raise HeadwayError(
            f"--{given[0].replace('_', '-')} was given with the bundle of one line",
            "no option about the line, since the bundle holds the line and its plan",
            "leave it out",
        )


def _print(rows: "pl.DataFrame", line: "Line", format: Format) -> None:
    if format is Format.TABLE:
        _print_tables(rows, line)
    else:
        print(rows.write_csv() if format is Format.CSV else rows.write_json(), end="")


def _print_tables(rows: "pl.DataFrame", line: "Line") -> None:
    """Print one table per direction: a row per station in travel order, a column per lead, minutes."""
    from rich.console import Console

    from headway_prediction.transit.line import DIRECTIONS

    console = Console(width=WIDTH)
    t0, first = (rows.sort("lead_min")[name][0] for name in ("t0", "valid_time"))
    console.print(f"{line.line_id}: headways in minutes; known to the end of {t0}, +1 is {first[11:16]}")
    for direction in DIRECTIONS:
        console.print(_direction_table(rows.filter(rows["direction_id"] == direction), line, direction))


def _direction_table(rows: "pl.DataFrame", line: "Line", direction: int) -> "Table":
    from rich.table import Table

    order = line.travel_order(direction)
    title = f"\ndirection {direction}: {line.stations[order[0]].name} to {line.stations[order[-1]].name}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("station", no_wrap=True, max_width=MAX_NAME_LENGTH)
    for lead in rows["lead_min"].unique().sort():
        table.add_column(f"+{lead}", justify="right", no_wrap=True)
    by_stop = rows.sort("lead_min").partition_by("stop_id", as_dict=True)
    for station in order:
        at_stop = by_stop[(line.stop_ids(direction)[station],)]
        table.add_row(line.stations[station].name, *(f"{minutes:.1f}" for minutes in at_stop["headway_p50"]))
    return table
