"""what-if: what a change of terminal departures does to the next hour."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import Format, load_framework, parse_moment

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.what_if.request import Edit, Request, Strategy


Bundled = Annotated[Path, typer.Option(help="Bundle of one line that `headway train` wrote.")]
Arrivals = Annotated[Path, typer.Option(help="Arrival log that reaches up to the moment.")]
At = Annotated[
    str | None,
    typer.Option(help="Moment (ISO 8601; the line's own time when without offset). Default: end of the log."),
]
Holds = Annotated[list[str] | None, typer.Option(help="DIRECTION@TIME+MINUTES: that departure leaves later.")]
Moves = Annotated[list[str] | None, typer.Option(help="DIRECTION@TIME=TIME: it leaves at another time.")]
Cancels = Annotated[list[str] | None, typer.Option(help="DIRECTION@TIME: that departure does not run.")]
Adds = Annotated[list[str] | None, typer.Option(help="DIRECTION@TIME: one more train leaves then.")]
StrategyOption = Annotated[
    str | None, typer.Option(help="even-headways, hold-next or fill-gap, in --direction.")
]
Searching = Annotated[
    bool, typer.Option("--search", help="Look for the best holds in --direction, within the limits below.")
]
Direction = Annotated[int, typer.Option(min=0, max=1, help="Of the strategy or the search.")]
StrategyMins = Annotated[float, typer.Option(min=0, help="Minutes of hold-next and fill-gap.")]
MaxHold = Annotated[float, typer.Option(min=0, help="Search: the longest hold, in minutes.")]
MinTurnaround = Annotated[
    float, typer.Option(min=0, help="Search: minutes that a train needs to turn round.")
]
Printed = Annotated[Format, typer.Option(help="How to print: table or json.")]


def what_if(
    bundle: Bundled,
    arrivals: Arrivals,
    at: At = None,
    hold: Holds = None,
    move: Moves = None,
    cancel: Cancels = None,
    add: Adds = None,
    strategy: StrategyOption = None,
    search: Searching = False,
    direction: Direction = 0,
    mins: StrategyMins = 2.0,
    max_hold: MaxHold = 4.0,
    min_turnaround: MinTurnaround = 3.0,
    format: Printed = Format.TABLE,
) -> None:
    """Say what a change of terminal departures does.

    Departures of the next 60 minutes, and overdue ones, are held, moved, cancelled or added; TIME is that of the plan, HH:MM
    of the service day (25:10 is ten past one at night); --hold counts from it. Without any change the departures are listed.
    Prints what becomes of them, what a passenger waits before and after, and where the headways change most; or all of it as
    JSON.

    \b
    Example:
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30 --hold 0@08:35+3
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --cancel 0@08:40 --strategy even-headways
    """
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.what_if.request import Request, Search

    _refuse_csv(format)
    edits = [
        _edit(text, option, sign)
        for option, sign, given in (
            ("--hold", "+", hold),
            ("--move", "=", move),
            ("--cancel", "", cancel),
            ("--add", "", add),
        )
        for text in given or ()
    ]
    asked = Request(
        tuple(edits),
        None if strategy is None else _strategy(strategy, direction, mins),
        Search(direction, max_hold, min_turnaround) if search else None,
    )
    load_framework()
    _print_what_if(Bundle.load_single_line(bundle), arrivals, at, asked, format)


def _print_what_if(
    loaded: "Bundle", arrivals: Path, at: str | None, asked: "Request", format: Format
) -> None:
    from headway_prediction.bundle.forecast import origin_now
    from headway_prediction.cli.what_if_table import print_result
    from headway_prediction.what_if.result import run_what_if
    from headway_prediction.what_if.schema import WhatIfForecast

    found = run_what_if(asked, loaded, origin_now(loaded, arrivals, parse_moment(at)))
    if format is Format.JSON:
        print(WhatIfForecast.of(found).model_dump_json())
    else:
        print_result(found)


def _refuse_csv(format: Format) -> None:
    from headway_prediction.errors import HeadwayError

    if format is Format.CSV:
        raise HeadwayError("--format is csv", "table or json", "choose one of these")


def _strategy(name: str, direction: int, mins: float) -> "Strategy":
    from headway_prediction.errors import HeadwayError
    from headway_prediction.what_if.request import Strategy, StrategyName

    names = [known.replace("_", "-") for known in StrategyName]
    if name not in names:
        raise HeadwayError(f"--strategy is {name!r}", f"one of {', '.join(names)}", "choose one of these")
    return Strategy(StrategyName(name.replace("-", "_")), direction, mins)


def _edit(text: str, option: str, sign: str) -> "Edit":
    """Read DIRECTION@TIME and, after `sign`, minutes (+) or another time (=)."""
    from headway_prediction.errors import HeadwayError
    from headway_prediction.transit.clock import gtfs_minutes
    from headway_prediction.what_if.request import Add, Cancel, Hold, Move

    shape = {"+": "0@08:35+3", "=": "0@08:35=08:37", "": "0@08:35"}[sign]
    try:
        direction, _, when = text.partition("@")
        time, found, amount = when.partition(sign) if sign else (when, sign, "")
        if direction not in ("0", "1") or found != sign:
            raise ValueError
        way, departure = int(direction), gtfs_minutes(time)
        mins = float(amount) if sign == "+" else 0.0
    except (ValueError, HeadwayError) as error:
        raise HeadwayError(f"{option} is {text!r}", f"something like {shape}", "correct it") from error
    return {
        "--hold": lambda: Hold(way, departure, mins),
        "--move": lambda: Move(way, departure, gtfs_minutes(amount)),
        "--cancel": lambda: Cancel(way, departure),
        "--add": lambda: Add(way, departure),
    }[option]()
