"""What several commands share: remarks, options about a line's files, dates and moments."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.errors import HeadwayError

GtfsOption = Annotated[Path | None, typer.Option(help="GTFS zip with the planned service.")]
PlannedOption = Annotated[Path | None, typer.Option(help="CSV of planned departures, instead of a GTFS zip.")]
TimeZoneOption = Annotated[
    str | None, typer.Option(help="IANA time zone of the line. Default: that of the GTFS zip.")
]
RouteOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Route, where the GTFS zip or the feed holds several; repeat it for the routes of one line."
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Stop id of the branch or trunk to keep, for a line that forks; repeat it for each stop."
    ),
]
LineFileOption = Annotated[
    Path | None,
    typer.Option(
        "--line", help="TOML file of the line, written by `headway line`, instead of the order of the log."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        help="Moment (ISO 8601; local time of the line without an offset). Default: end of the log."
    ),
]


class Format(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def say(remark: str) -> None:
    """Write a remark about progress to standard error; results alone go to standard output."""
    print(remark, file=sys.stderr, flush=True)


def joined(values: Sequence[str] | None) -> str | None:
    """Join the values of a repeated option by commas; None when the option was not given."""
    return ",".join(values) if values is not None else None


def parse_date(text: str | None) -> date | None:
    """Parse a --date option; raises HeadwayError unless it is an ISO date."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise HeadwayError(f"--date is {text!r}", "a date such as 2026-01-13", "correct it") from error


def parse_moment(text: str | None) -> datetime | None:
    """Parse the --at option; raises HeadwayError unless it is an ISO time."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise HeadwayError(f"--at is {text!r}", "a time such as 2026-01-13T08:30", "correct it") from error


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Run the body until Ctrl-C or SIGTERM, which end the body and not the program."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        signal.signal(signal.SIGTERM, before)
