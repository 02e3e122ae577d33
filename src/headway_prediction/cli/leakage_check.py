"""canary: does any method know what it cannot know?"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.framework import load_framework

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headway_prediction.evaluation.leakage.oracle import OracleComparison
    from headway_prediction.forecasters.base import Forecaster
    from headway_prediction.grid.history import LineHistory

FEWEST_DAYS = 6


def canary(
    grid: Annotated[Path, typer.Option(help="Grid that holds the days to judge and those to fit on.")],
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Bundle whose methods are judged, on days it never saw. Default: the simple methods, fitted on the "
            "first half of the days and judged on the second."
        ),
    ] = None,
    origins: Annotated[int, typer.Option(min=1, help="Moments from which peeking is looked for.")] = 12,
) -> None:
    """Fail when a method peeks, or is better with the plan than told the truth.

    Each method is compared with itself: its forecasts from the whole grid with those from what was known, bit for bit, and
    its error with the plan with that when it is told the departures that really happened. Ends with status 1 and a
    sentence for each alarm.

    \b
    Example:
      headway canary --grid line/grid.zarr --bundle line/bundle
    """
    from headway_prediction.evaluation.leakage.lookahead import find_leaks, spread_origins
    from headway_prediction.evaluation.leakage.oracle import compare_with_oracle, observed_plan_alarm
    from headway_prediction.grid.store import read_history

    history = read_history(grid)
    methods, training, judged = _judged_methods(history, bundle)
    say(f"{len(judged)} service days are judged, {judged[0]} to {judged[-1]}; {', '.join(methods)}")
    alarms = [observed_plan_alarm(history, judged)]
    alarms += find_leaks(history, methods, spread_origins(history, judged, origins)).values()
    for result in compare_with_oracle(history, methods, training, judged):
        say(_described(result))
        alarms.append(result.alarm)
    sung = [alarm for alarm in alarms if alarm]
    if len(judged) < FEWEST_DAYS:
        say(
            f"{len(judged)} days cannot tell noise from a method that is worse with the truth; {FEWEST_DAYS} can"
        )
    if sung:
        print("\n".join(sung))
        raise typer.Exit(1)
    say("no alarm")


def _judged_methods(
    history: "LineHistory", bundle: Path | None
) -> "tuple[Mapping[str, Forecaster], Sequence[date], Sequence[date]]":
    """The methods, the dates they were fitted on and the dates they are judged on."""
    from headway_prediction.forecasters.registry import fit_simple_methods
    from headway_prediction.grid.splits import split_service_days

    if bundle is None:
        dates = history.service_dates
        days = split_service_days(dates, 0, (len(dates) + 1) // 2)
        return fit_simple_methods(history.select(days.training)), days.training, days.test
    from headway_prediction.bundle.bundle import Bundle

    load_framework()
    loaded = Bundle.load(bundle)
    loaded.check_fits(history)
    methods = {name: loaded.method(name) for name in loaded.methods_on(history)}
    return methods, loaded.training_dates, loaded.select_test_dates(history)


def _described(result: "OracleComparison") -> str:
    difference = result.difference
    return (
        f"{result.method}: MAE {result.with_plan:.3f} min with the plan, {result.with_oracle:.3f} with its own oracle "
        f"({difference.low:+.3f} to {difference.high:+.3f})"
    )
