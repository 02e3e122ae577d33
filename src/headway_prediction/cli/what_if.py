"""what-if: what a change of terminal departures does to the next hour."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.framework import load_framework
from headway_prediction.cli.now import Format, moment_of

if TYPE_CHECKING:
    from headway_prediction.bundle import Bundle
    from headway_prediction.what_if.edits import Edit
    from headway_prediction.what_if.request import Strategy


def what_if(
    bundle: Annotated[Path, typer.Option(help="Bundle of one line that `headway train` wrote.")],
    arrivals: Annotated[Path, typer.Option(help="Arrival log that reaches up to the moment.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="Moment (ISO 8601; the line's own time when without offset). Default: end of the log."
        ),
    ] = None,
    hold: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME+MINUTES: that departure leaves later.")
    ] = None,
    move: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME=TIME: that departure leaves at another time.")
    ] = None,
    cancel: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME: that departure does not run.")
    ] = None,
    add: Annotated[list[str] | None, typer.Option(help="DIRECTION@TIME: one more train leaves then.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="even-headways, hold-next or fill-gap, in --direction.")
    ] = None,
    search: Annotated[
        bool,
        typer.Option("--search", help="Look for the best holds in --direction, within the limits below."),
    ] = False,
    direction: Annotated[int, typer.Option(min=0, max=1, help="Of the strategy or the search.")] = 0,
    mins: Annotated[float, typer.Option(min=0, help="Minutes of hold-next and fill-gap.")] = 2.0,
    most_hold: Annotated[float, typer.Option(min=0, help="Search: the longest hold, in minutes.")] = 4.0,
    least_turn: Annotated[
        float, typer.Option(min=0, help="Search: minutes that a train needs to turn round.")
    ] = 3.0,
    format: Annotated[Format, typer.Option(help="How to print: table or json.")] = Format.TABLE,
) -> None:
    """Say what a change of terminal departures does.

    Departures of the next 60 minutes are held, moved, cancelled or added; TIME is that of the plan, HH:MM of the service
    day (25:10 is ten past one at night). Without any change the departures are listed. Prints what becomes of them, what a
    passenger waits before and after, and where the headways change most; or all of it as JSON.

    \b
    Example:
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30 --hold 0@08:35+3
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --cancel 0@08:40 --strategy even-headways
    """
    from headway_prediction.bundle import Bundle
    from headway_prediction.forecast_now import known_now
    from headway_prediction.what_if.answer import answer
    from headway_prediction.what_if.plain import answer_plain
    from headway_prediction.what_if.request import Request, Search

    _refuse_csv(format)
    load_framework()
    loaded = _of_one_line(Bundle.load(bundle))
    edits = [
        *(_edit(text, "--hold", "+") for text in hold or ()),
        *(_edit(text, "--move", "=") for text in move or ()),
        *(_edit(text, "--cancel", "") for text in cancel or ()),
        *(_edit(text, "--add", "") for text in add or ()),
    ]
    asked = Request(
        tuple(edits),
        None if strategy is None else _strategy(strategy, direction, mins),
        Search(direction, most_hold, least_turn) if search else None,
    )
    found = answer(asked, loaded, *known_now(loaded, arrivals, moment_of(at)))
    if format is Format.JSON:
        print(json.dumps(answer_plain(found)))
        return
    from headway_prediction.cli.what_if_table import print_answer

    print_answer(found)


def _of_one_line(loaded: "Bundle") -> "Bundle":
    from headway_prediction.bundle import Bundle
    from headway_prediction.errors import HeadwayError

    if not isinstance(loaded, Bundle):
        raise HeadwayError(
            "the bundle is of several lines",
            "the bundle of one line, which holds its plan",
            "train one for the line",
        )
    return loaded


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
    from headway_prediction.clock import gtfs_minutes
    from headway_prediction.errors import HeadwayError
    from headway_prediction.what_if.edits import Add, Cancel, Hold, Move

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
