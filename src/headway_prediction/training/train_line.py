"""From the history of a line to a bundle: split by service day, train the networks, fit the simple methods, keep it all."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.config import AppConfig
from headway_prediction.forecasters.base import FittableForecaster
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import plan_kind
from headway_prediction.grid.windows import DaySplit, split_service_days
from headway_prediction.training.ensemble import (
    TrainedEnsemble,
    fold_line,
    train_ensemble,
    with_arrival_residuals,
)


def train_line(
    history: LineHistory,
    config: AppConfig,
    run_dir: Path,
    quiet: bool = False,
    extra: Sequence[type[FittableForecaster]] = (),
) -> Bundle:
    """Train the ST-ConvNet, fit the simple methods and the `extra` ones on the training days; return the bundle, unsaved.

    With several members there are no validation days apart: each member leaves out its own share of the days, so that
    together they learn from all of them. `run_dir` keeps the state of the training: a run that was killed goes on from its
    last finished epoch. Raises HeadwayError for fewer service days than the split needs.
    """
    days = split_days(history, config)
    training = history.select(days.training)
    simple_methods = fit_simple_methods(training)
    simple_methods[Climatology.name] = simple_methods[Climatology.name].with_spread(training)
    dealt = fold_line(history, days.training, days.validation, config.members)
    line, arrival_residuals = with_arrival_residuals(dealt, config.seed)
    trained = train_ensemble([line], config, run_dir, quiet)
    return Bundle(
        line=history.line,
        config=config,
        timetable=history.timetable,
        cap_mins=float(history.grid.attrs["cap_mins"]),
        days=days._asdict(),
        simple_methods=simple_methods | {method.name: method.fit(training) for method in extra},
        arrival_residuals=arrival_residuals,
        network_paths=trained.network_paths,
        calibration=trained.calibration,
        rollout=trained.rollout,
        details=training_details(trained, config) | _grid_details(history),
    )


def split_days(history: LineHistory, config: AppConfig) -> DaySplit:
    """Return the service dates by use; with several members the days that each leaves out are days to learn from too."""
    if config.members == 1:
        return split_service_days(history.service_dates, config.validation_days, config.test_days)
    days = split_service_days(history.service_dates, 1, config.test_days)
    return DaySplit((*days.training, *days.validation), (), days.test)


def training_details(trained: TrainedEnsemble, config: AppConfig) -> dict[str, object]:
    """Return what people may want to know of a training."""
    return {
        "validation_scores": {
            name: float(np.mean([scores[name] for scores in trained.validation_scores]))
            for name in trained.validation_scores[0]
        },
        "epochs": trained.epochs,
        "backend": f"{keras.backend.backend()}, Keras {keras.__version__}",
        "seed": config.seed,
    }


def _grid_details(history: LineHistory) -> dict[str, object]:
    kept = {name: value for name, value in history.grid.attrs.items() if name in ("sources", "code_version")}
    return {"grid": kept, "plan": str(plan_kind(history))}
