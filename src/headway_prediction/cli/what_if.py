"""what-if: the effect of changed terminal departures on the next hour."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import AtOption, Format, parse_moment
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.what_if.request import Edit, Strategy
    from headway_prediction.what_if.result import WhatIfResult


def what_if(
    bundle: Annotated[Path, typer.Option(help="Bundle of one line that `headway train` wrote.")],
    arrivals: Annotated[Path, typer.Option(help="Arrival log that reaches up to the moment.")],
    at: AtOption = None,
    hold: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME+MINUTES: the departure leaves later. Repeatable.")
    ] = None,
    move: Annotated[
        list[str] | None,
        typer.Option(help="DIRECTION@TIME=TIME: the departure leaves at another time. Repeatable."),
    ] = None,
    cancel: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME: the departure does not run. Repeatable.")
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option(help="DIRECTION@TIME: one more train leaves. Repeatable.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="even-headways, hold-next or fill-gap, in --direction.")
    ] = None,
    search: Annotated[
        bool,
        typer.Option("--search", help="Search for the best holds in --direction, within the limits below."),
    ] = False,
    direction: Annotated[
        int, typer.Option(min=0, max=1, help="Direction of the strategy or the search.")
    ] = 0,
    mins: Annotated[float, typer.Option(min=0, help="Minutes of hold-next and fill-gap.")] = 2.0,
    max_hold: Annotated[float, typer.Option(min=0, help="Search: maximum hold in minutes.")] = 4.0,
    min_turnaround: Annotated[
        float, typer.Option(min=0, help="Search: minimum turnaround at a terminal in minutes.")
    ] = 3.0,
    format: Annotated[Format, typer.Option(help="Output format.")] = Format.TABLE,
) -> None:
    """Forecast the effect of changed terminal departures.

    Departures of the next 60 minutes, and overdue ones, are held, moved, cancelled or added. TIME is the planned time, HH:MM
    of the service day (25:10 is ten past one at night); --hold counts from it. Without any change the departures are listed.
    The table has the departures, a passenger's expected wait before and after, and the headways that change most. CSV has
    the headways of every platform and minute before and after; JSON has everything, as the service responds.

    \b
    Example:
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --at 2026-01-13T08:30 --hold 0@08:35+3
      headway what-if --bundle line/bundle --arrivals line/arrivals.parquet --cancel 0@08:40 --strategy even-headways
    """
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.what_if.request import Request, Search
    from headway_prediction.what_if.result import run_what_if

    edits = [
        *(_hold(text) for text in hold or ()),
        *(_move(text) for text in move or ()),
        *(_cancel(text) for text in cancel or ()),
        *(_add(text) for text in add or ()),
    ]
    request = Request(
        tuple(edits),
        None if strategy is None else _strategy(strategy, direction, mins),
        Search(direction, max_hold, min_turnaround) if search else None,
    )
    loaded = Bundle.load_single_line(bundle)
    _print(run_what_if(request, loaded, loaded.origin_now(arrivals, parse_moment(at))), format)


def _print(result: "WhatIfResult", format: Format) -> None:
    from headway_prediction.cli.what_if_table import print_result
    from headway_prediction.what_if.schema import WhatIfForecast, headway_table

    match format:
        case Format.JSON:
            print(WhatIfForecast.of(result).model_dump_json())
        case Format.CSV:
            print(headway_table(result).write_csv(float_precision=2), end="")
        case Format.TABLE:
            print_result(result)


def _strategy(name: str, direction: int, mins: float) -> "Strategy":
    from headway_prediction.what_if.request import Strategy, StrategyName

    names = [known.replace("_", "-") for known in StrategyName]
    if name not in names:
        raise HeadwayError(f"--strategy is {name!r}", f"one of {', '.join(names)}", "choose one of these")
    return Strategy(StrategyName(name.replace("-", "_")), direction, mins)


def _hold(text: str) -> "Edit":
    from headway_prediction.what_if.request import Hold

    return Hold(*_parsed("--hold", text, "+"))


def _move(text: str) -> "Edit":
    from headway_prediction.what_if.request import Move

    return Move(*_parsed("--move", text, "="))


def _cancel(text: str) -> "Edit":
    from headway_prediction.what_if.request import Cancel

    return Cancel(*_parsed("--cancel", text)[:2])


def _add(text: str) -> "Edit":
    from headway_prediction.what_if.request import Add

    return Add(*_parsed("--add", text)[:2])


def _parsed(option: str, text: str, sign: str = "") -> tuple[int, float, float]:
    """Parse DIRECTION@TIME and, after `sign`, minutes (+) or another time (=)."""
    from headway_prediction.transit.clock import gtfs_minutes

    example = {"+": "0@08:35+3", "=": "0@08:35=08:37", "": "0@08:35"}[sign]
    try:
        direction, _, when = text.partition("@")
        time, found, amount = when.partition(sign) if sign else (when, "", "0")
        if direction not in ("0", "1") or found != sign:
            raise ValueError
        value = gtfs_minutes(amount) if sign == "=" else float(amount)
        return int(direction), gtfs_minutes(time), value
    except (ValueError, HeadwayError) as error:
        raise HeadwayError(f"{option} is {text!r}", f"something like {example}", "correct it") from error
