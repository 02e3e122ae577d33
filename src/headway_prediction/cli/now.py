"""forecast and info: what a bundle says now, and what a bundle, grid or log holds."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.framework import load_framework


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
) -> None:
    """Forecast the next 15 minutes from a log.

    Prints the headway that will be held at the end of each minute, for every station and direction.

    \b
    Example:
      headway forecast --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30
    """
    from headway_prediction.bundle import Bundle

    load_framework()
    loaded = Bundle.load(bundle)
    rows = loaded.predict(arrivals, _moment(at), method)
    if format is Format.TABLE:
        from headway_prediction.cli.tables import print_forecast

        print_forecast(rows, loaded.line)
    else:
        print(rows.write_csv() if format is Format.CSV else rows.write_json(), end="")


def info(
    path: Annotated[Path, typer.Argument(help="A bundle, a grid or an arrival log.")],
) -> None:
    """Say what a bundle, grid or log holds.

    \b
    Example:
      headway info line/bundle
    """
    from headway_prediction.cli.tables import describe

    print("\n".join(describe(path)))


def _moment(text: str | None) -> datetime | None:
    from headway_prediction.errors import HeadwayError

    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise HeadwayError(f"--at is {text!r}", "a time such as 2026-01-13T08:30", "correct it") from error
