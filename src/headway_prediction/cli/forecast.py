"""forecast and info: what a bundle says now, and what a bundle, grid, log or line holds."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.framework import load_framework

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.bundle.multi_line_bundle import LinesBundle
    from headway_prediction.grid.history import LineHistory
    from headway_prediction.transit.line import Line

OF_LINES = "for a bundle of several lines"


class Format(StrEnum):
    """How a forecast is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def forecast(
    bundle: Annotated[Path, typer.Option(help="Bundle that `headway train` wrote.")],
    arrivals: Annotated[Path, typer.Option(help="Arrival log that reaches up to the moment.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="Moment (ISO 8601; the line's own time when without offset). Default: end of the log."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="Method of the bundle.")] = "st-convnet",
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.TABLE,
    gtfs: Annotated[Path | None, typer.Option(help=f"GTFS zip with the planned service; {OF_LINES}.")] = None,
    planned: Annotated[
        Path | None, typer.Option(help=f"CSV of planned departures, instead of a GTFS zip; {OF_LINES}.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help=f"The line's IANA time zone, where no zip holds it; {OF_LINES}.")
    ] = None,
    route: Annotated[
        str | None, typer.Option(help=f"Route in the GTFS zip, where it holds several; {OF_LINES}.")
    ] = None,
    stops: Annotated[
        str | None, typer.Option(help=f"Stop ids of one branch or of the trunk, with commas; {OF_LINES}.")
    ] = None,
    line: Annotated[
        Path | None, typer.Option(help=f"TOML file of the line that `headway line` wrote; {OF_LINES}.")
    ] = None,
) -> None:
    """Forecast the next 15 minutes from a log.

    Prints the headway that will be held at the end of each minute, for every station and direction. A bundle of several
    lines knows no line and no plan of its own: it reads the line from the log, the more days the better, and is told the
    rest.

    \b
    Example:
      headway forecast --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30
    """
    from headway_prediction.bundle.bundle import Bundle

    load_framework()
    loaded = Bundle.load(bundle)
    told = {"gtfs": gtfs, "planned_departures": planned, "time_zone": time_zone, "route": route}
    told |= {"stops": stops.split(",") if stops else None, "line_toml": line}
    its_line, known = _known(loaded, arrivals, told)
    _print(loaded.predict(known, moment_of(at), method), its_line, format)


def _known(
    bundle: "Bundle | LinesBundle", arrivals: Path, told: "Mapping[str, object]"
) -> "tuple[Line, Path | LineHistory]":
    from headway_prediction.bundle.bundle import Bundle

    if isinstance(bundle, Bundle):
        _refuse_told(told)
        return bundle.line, arrivals
    from headway_prediction.grid.build import read_line_files

    history = read_line_files(arrivals, **told, cap_mins=bundle.cap_mins)
    return history.line, history


def _print(rows: "pl.DataFrame", line: "Line", format: Format) -> None:
    if format is Format.TABLE:
        from headway_prediction.cli.tables import print_forecast

        print_forecast(rows, line)
    else:
        print(rows.write_csv() if format is Format.CSV else rows.write_json(), end="")


def _refuse_told(told: "Mapping[str, object]") -> None:
    from headway_prediction.errors import HeadwayError

    given = [name for name, value in told.items() if value is not None]
    if given:
        raise HeadwayError(
            f"{given[0].replace('_', ' ')} was given with the bundle of one line",
            "nothing about the line, which the bundle holds with its plan",
            "leave it out",
        )


def info(
    path: Annotated[
        Path, typer.Argument(help="A bundle, a grid, an arrival log or the TOML file of a line.")
    ],
) -> None:
    """Say what a bundle, grid, log or line holds.

    \b
    Example:
      headway info line/bundle
    """
    from headway_prediction.cli.tables import describe

    print("\n".join(describe(path)))


def moment_of(text: str | None) -> datetime | None:
    """Read the --at option; raises HeadwayError for what is no ISO time."""
    from headway_prediction.errors import HeadwayError

    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise HeadwayError(f"--at is {text!r}", "a time such as 2026-01-13T08:30", "correct it") from error
