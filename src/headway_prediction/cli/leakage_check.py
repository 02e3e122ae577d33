"""leakage-check: whether a method uses information from after its forecast origin."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headway_prediction.evaluation.leakage.oracle import OracleComparison
    from headway_prediction.forecasters.base import Forecaster
    from headway_prediction.grid.history import LineHistory

MIN_DAYS = 6


def leakage_check(
    grid: Annotated[Path, typer.Option(help="Grid that holds the days to check and those to fit on.")],
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Bundle whose methods are checked, on its test days. Default: the simple methods, fitted on the first half "
            "of the days and checked on the second."
        ),
    ] = None,
    origins: Annotated[int, typer.Option(min=1, help="Forecast origins to check for look-ahead.")] = 12,
) -> None:
    """Check that no method sees the future.

    Compares each method with itself, twice. Its forecasts from the whole grid must equal those from the data known at the
    origin, bit for bit. Its error with the planned departures must not be lower than its error with the observed ones (the
    oracle). Ends with status 1 and one sentence for each leak.

    \b
    Example:
      headway leakage-check --grid line/grid.zarr --bundle line/bundle
    """
    from headway_prediction.evaluation.leakage.lookahead import find_leaks, spread_origins
    from headway_prediction.evaluation.leakage.oracle import compare_with_oracle, observed_plan_alarm
    from headway_prediction.grid.store import read_history

    history = read_history(grid)
    methods, training, checked = _methods_to_check(history, bundle)
    say(f"checking {len(checked)} service days, {checked[0]} to {checked[-1]}; {', '.join(methods)}")
    alarms = [observed_plan_alarm(history, checked)]
    alarms += find_leaks(history, methods, spread_origins(history, checked, origins)).values()
    for result in compare_with_oracle(history, methods, training, checked):
        say(_described(result))
        alarms.append(result.alarm)
    leaks = [alarm for alarm in alarms if alarm]
    if len(checked) < MIN_DAYS:
        say(
            f"{len(checked)} days are too few to separate noise from a method that is worse with the oracle; use {MIN_DAYS}"
        )
    if leaks:
        print("\n".join(leaks))
        raise typer.Exit(1)
    say("no leak found")


def _methods_to_check(
    history: "LineHistory", bundle: Path | None
) -> "tuple[Mapping[str, Forecaster], Sequence[date], Sequence[date]]":
    """Return the methods, the dates they were fitted on and the dates to check."""
    from headway_prediction.forecasters.registry import fit_simple_methods
    from headway_prediction.grid.windows import split_service_days

    if bundle is None:
        dates = history.service_dates
        days = split_service_days(dates, 0, (len(dates) + 1) // 2)
        return fit_simple_methods(history.select(days.training)), days.training, days.test
    from headway_prediction.bundle.bundle import Bundle

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
