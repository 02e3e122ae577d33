"""Propagation on every service day of a grid, five-fold: as fitted, following the plan, and at typical headways.

python benchmarks/propagation_folds.py line.zarr [--step 1]
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.store import read_history
from headway_prediction.reporting.score_tables import markdown_scores

FOLDS = 5


def variants(fitted: Propagation) -> dict[str, Propagation]:
    """Return propagation as fitted, always following the plan, and never following it."""
    plan, typical = (
        Propagation(tuple(replace(runs, follows_plan=np.array(keeps)) for runs in fitted.runs))
        for keeps in (True, False)
    )
    return {"as fitted": fitted, "following the plan": plan, "at typical headways": typical}


def folds(history: LineHistory) -> Iterator[tuple[list, Propagation]]:
    """Yield test days of consecutive service dates, and propagation fitted on the others."""
    for test_days in np.array_split(np.array(history.service_dates), FOLDS):
        training = [day for day in history.service_dates if day not in test_days]
        yield test_days.tolist(), Propagation.fit(history.select(training))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grid")
    parser.add_argument("--step", type=int, default=1, help="use every n-th service date")
    args = parser.parse_args()
    whole = read_history(args.grid)
    history = whole.select(whole.service_dates[:: args.step])
    forecasts: dict[str, dict] = {}
    for test_days, fitted in folds(history):
        for name, method in variants(fitted).items():
            days = {forecast.service_date: forecast for forecast in backtest(history, method, test_days)}
            forecasts.setdefault(name, {}).update(days)
    print(markdown_scores(score_methods(history, history.service_dates, forecasts)))


if __name__ == "__main__":
    main()
