"""Rollout to 60 minutes, scored at leads 15, 30, 45 and 60 on the test days of a real line.

    python benchmarks/rollout.py --grid line.zarr --bundle line-bundle [--origin-step 4]

All methods are scored on the same rows: the valid cells at one lead, from every n-th scored origin. In minutes.
"""

import argparse
from pathlib import Path

import numpy as np
from horizons import HORIZONS

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.evaluation.backtest import scored_origins, select_test_dates
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecaster
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.store import read_history

MINS = max(HORIZONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--origin-step", type=int, default=4, help="every n-th scored origin")
    args = parser.parse_args()
    history, bundle = read_history(args.grid), Bundle.load(args.bundle)
    bundle.check_fits(history)
    days = select_test_dates(history, bundle.days)
    names = [f"{column} {horizon}" for horizon in HORIZONS for column in ("MAE", "RMSE")]
    cover = [f"{column} {horizon}" for horizon in HORIZONS for column in ("ev_cover", "width")]
    print(f"| method | {' | '.join(names + cover)} |\n| --- |{' ---: |' * len(names + cover)}")
    for method in methods_of(bundle):
        print(f"| {method.name} | {' | '.join(row(history, method, days, args.origin_step))} |")


def methods_of(bundle: Bundle) -> list[Forecaster]:
    simple = bundle.statistics.methods
    return [
        Persistence(leads=MINS),
        Propagation(simple["propagation"].runs, leads=MINS),
        TripPropagation(simple["trip-propagation"].prior, leads=MINS),
        bundle.method("st-convnet-60"),
    ]


def row(history: LineHistory, method: Forecaster, days: list, step: int) -> list[str]:
    parts = {horizon: [] for horizon in HORIZONS}
    for day in days:
        origins = scored_origins(history, day)[::step]
        forecast, truth = method.forecast(history, day, origins), day_truth(history, day, origins, leads=MINS)
        for horizon, found in parts.items():
            found.append(cells(forecast, truth, horizon - 1))
    joined = {horizon: np.concatenate(found) for horizon, found in parts.items()}
    points = [f"{score:.2f}" for c in joined.values() for score in (mae(c), rmse(c))]
    return points + [text for c in joined.values() for text in interval(c)]


def cells(forecast, truth, at: int) -> np.ndarray:
    """Columns truth, event, mean, p10, p50, p90 of the valid cells at one lead; point methods give no p10 and p90."""
    valid = truth.valid[:, at]
    levels = [forecast.quantiles.get(level, np.full_like(forecast.mean, np.nan)) for level in (0.1, 0.5, 0.9)]
    columns = [truth.headway, truth.event, forecast.mean, *levels]
    found = np.stack([column[:, at][valid] for column in columns], axis=1).astype(np.float64)
    found[:, [2, 4]] = np.where(np.isfinite(found[:, [2, 4]]), found[:, [2, 4]], FALLBACK_HEADWAY_MINS)
    return found


def mae(c: np.ndarray) -> float:
    return float(np.abs(c[:, 4] - c[:, 0]).mean())


def rmse(c: np.ndarray) -> float:
    return float(np.sqrt(((c[:, 2] - c[:, 0]) ** 2).mean()))


def interval(c: np.ndarray) -> tuple[str, str]:
    """Coverage of [p10, p90] at event cells and its mean width there."""
    event = c[c[:, 1] > 0]
    if np.isnan(event[:, 3]).all():
        return "–", "–"
    inside = (event[:, 3] <= event[:, 0]) & (event[:, 0] <= event[:, 5])
    return f"{inside.mean():.1%}", f"{(event[:, 5] - event[:, 3]).mean():.2f}"


if __name__ == "__main__":
    main()
