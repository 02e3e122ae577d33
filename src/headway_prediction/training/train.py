"""From the histories of lines to a bundle: split by service day, train the networks, fit the simple methods."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.statistics import FittedStatistics, RollingStatistics, TrainedLine, check_cap
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, FittableForecaster
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, plan_kind
from headway_prediction.grid.windows import DaySplit, split_service_days
from headway_prediction.training.ensemble import (
    TrainedEnsemble,
    fold_line,
    train_ensemble,
    with_arrival_residuals,
)
from headway_prediction.training.processes import process_count, training_processes
from headway_prediction.training.warm_start import WarmStart


def train_line(
    history: LineHistory,
    config: AppConfig,
    run_dir: Path,
    quiet: bool = False,
    extra: Sequence[type[FittableForecaster]] = (),
    processes: int | None = None,
    start: WarmStart | None = None,
) -> Bundle:
    """Train the networks, fit the simple methods and the `extra` ones on the training days; return the bundle, unsaved.

    Several ensemble members have no common validation days: each validates on its own fold, so that together they learn
    from all days. `run_dir` keeps the state of the training: a run that was killed goes on from its last finished epoch.
    `processes` and `start` are those of `train_ensemble`; see `process_count` for None. Raises HeadwayError for fewer
    service days than the split needs, and where networks to start from have seen the days to validate or test on.
    """
    _check_extra(extra, config)
    days = split_days(history, config)
    if start is not None:
        _check_start(start, history, days)
    if processes is None:
        processes = process_count(config, [len(days.training) + len(days.validation)])
    training = history.select(days.training)
    methods = fit_simple_methods(training, config.forecast_mins)
    climatology, trips = methods[Climatology.name], methods[TripPropagation.name]
    assert isinstance(climatology, Climatology) and isinstance(trips, TripPropagation)
    methods[Climatology.name] = climatology.with_spread(training)
    with training_processes(processes) as run:
        folded = fold_line(history, days.training, days.validation, config.ensemble_members, start)
        line, arrival_residuals = with_arrival_residuals(folded, config.seed, run)
    trained = train_ensemble([line], config, run_dir, quiet, processes, start)
    prior = FittedPrior(trips.prior, arrival_residuals)
    methods |= {method.name: method.fit(training) for method in extra}
    return Bundle(
        config=config,
        cap_mins=float(history.grid.attrs["cap_mins"]),
        lines=(TrainedLine(history.line, days._asdict(), line.folds), *_lines_before(start)),
        network_paths=trained.network_paths,
        calibration=trained.calibration,
        rollout=trained.rollout,
        prior=prior,
        statistics=FittedStatistics(history.line, history.timetable, methods),
        details=training_details(trained, config)
        | {"grid": _sources(history), "plan": str(plan_kind(history))},
    )


def train_lines(
    histories: Sequence[LineHistory],
    config: AppConfig,
    run_dir: Path,
    quiet: bool = False,
    processes: int | None = None,
    start: WarmStart | None = None,
) -> Bundle:
    """Train the networks on several lines, of any lengths, at once; return the multi-line bundle, unsaved.

    Each line's days are split as `train_line` does; the intervals are calibrated on the folds of all lines together. Raises
    HeadwayError for a line with fewer service days than the split needs, with another cap than the first one's, or with
    observed departures as its plan.
    """
    cap_mins = float(histories[0].grid.attrs["cap_mins"])
    for history in histories:
        check_cap(history, cap_mins)
        _check_not_oracle(history)
    days = [split_days(history, config) for history in histories]
    pairs = list(zip(histories, days, strict=True))
    if start is not None:
        for history, own in pairs:
            _check_start(start, history, own)
    lines = [
        fold_line(history, own.training, own.validation, config.ensemble_members, start)
        for history, own in pairs
    ]
    if processes is None:
        processes = process_count(config, [len(line.dates) for line in lines])
    trained = train_ensemble(lines, config, run_dir, quiet, processes, start)
    rolling = RollingStatistics(config.forecast_mins)
    trained_lines = [
        TrainedLine(history.line, own._asdict(), line.folds)
        for (history, own), line in zip(pairs, lines, strict=True)
    ]
    grids = [_sources(history) | {"plan": str(plan_kind(history))} for history in histories]
    return Bundle(
        config=config,
        cap_mins=cap_mins,
        lines=(*trained_lines, *_lines_before(start)),
        network_paths=trained.network_paths,
        calibration=trained.calibration,
        rollout=trained.rollout,
        prior=rolling.prior,
        statistics=rolling,
        details=training_details(trained, config) | {"grids": grids},
    )


def split_days(history: LineHistory, config: AppConfig) -> DaySplit:
    """Return the service dates by use; the folds of several ensemble members are training days too."""
    if config.ensemble_members == 1:
        return split_service_days(history.service_dates, config.days_to_validate, config.test_days)
    days = split_service_days(history.service_dates, 1, config.test_days)
    return DaySplit((*days.training, *days.validation), (), days.test)


def _check_start(start: WarmStart, history: LineHistory, days: DaySplit) -> None:
    check_cap(history, start.cap_mins)
    start.check_unseen(history.line, days.test, "test")
    start.check_unseen(history.line, days.validation, "validate")


def _lines_before(start: WarmStart | None) -> tuple[TrainedLine, ...]:
    """The lines that the networks had seen before: no backtest of the new bundle may use their days either."""
    return () if start is None else start.lines


def training_details(trained: TrainedEnsemble, config: AppConfig) -> dict[str, object]:
    """Return what a bundle records of a training."""
    return {
        "validation_scores": {
            name: float(np.mean([scores[name] for scores in trained.validation_scores]))
            for name in trained.validation_scores[0]
        },
        "epochs": trained.epochs,
        "backend": trained.backend,
        "seed": config.seed,
    }


def _check_extra(extra: Sequence[type[FittableForecaster]], config: AppConfig) -> None:
    if extra and config.forecast_mins != LEADS:
        raise HeadwayError(
            f"forecast_mins is {config.forecast_mins} with the extra model {extra[0].name}",
            f"{LEADS}, for which extra models are fitted",
            "leave the extra model out, or set forecast_mins = 15",
        )


def _check_not_oracle(history: LineHistory) -> None:
    if plan_kind(history) is PlanKind.ORACLE:
        raise HeadwayError(
            f"the plan of the grid of {history.line.line_id} is the observed departures (oracle)",
            "grids with their planned service or none",
            "give the grid that `headway grid` wrote without --oracle",
        )


def _sources(history: LineHistory) -> dict[str, object]:
    return {name: value for name, value in history.grid.attrs.items() if name in ("sources", "code_version")}
