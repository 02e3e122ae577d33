"""Training the networks of one line or several, and calibrating their forecasts on the days that each did not train on."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.dataset import Prior, TimeseriesGenerator
from headway_prediction.evaluation.validation_forecasts import ValidationForecasts
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.onnx_network import load_networks
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, folds_of
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import RolloutCalibration
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import service_days, to_matrices
from headway_prediction.grid.windows import LineWindows
from headway_prediction.training.arrival_residuals import train_arrival_residuals
from headway_prediction.training.members import MemberTask, train_member, write_windows
from headway_prediction.training.processes import IN_THIS_PROCESS, Runner, run_here, training_processes
from headway_prediction.training.warm_start import WarmStart
from headway_prediction.transit.clock import day_type_of

MEMBER_SEED_STEP = 100


@dataclass(frozen=True)
class TrainingLine:
    """A line to train on: its history, the dates used, the `folds` of these that the ensemble members validate on, one each,
    and for each date a prior that was fitted on other dates."""

    history: LineHistory
    dates: tuple[date, ...]
    folds: tuple[tuple[date, ...], ...]
    priors: Mapping[date, FittedPrior]


@dataclass(frozen=True)
class TrainedEnsemble:
    """The ONNX files of the networks, each beside its Keras file; their calibrations, the course of training (one entry per
    member), and the backend that trained them."""

    network_paths: tuple[Path, ...]
    calibration: Calibration
    rollout: RolloutCalibration
    epochs: list[dict[str, list[float]]]
    validation_scores: list[dict[str, float]]
    backend: str


def fold_line(
    history: LineHistory,
    training: Sequence[date],
    validation: Sequence[date],
    members: int,
    start: WarmStart | None = None,
) -> TrainingLine:
    """Split the dates into folds: a single network validates on `validation`, several members each on a share of all.

    The networks of a warm start validate on days that they have not been trained on.
    """
    dates = (*training, *validation)
    folds: Sequence[Sequence[date]] = [validation]
    if members > 1:
        folds = folds_of(dates, members) if start is None else start.folds(history.line, dates)
    priors = cross_fit_priors(history.select(dates))
    sources = {day: FittedPrior(prior) for day, prior in priors.items()}
    return TrainingLine(history, tuple(dates), tuple(map(tuple, folds)), sources)


def with_arrival_residuals(
    line: TrainingLine, seed: int, run: Runner = run_here
) -> tuple[TrainingLine, ArrivalResiduals]:
    """Return the line with arrival residuals in its priors, cross-fitted too, and those fitted on all its dates."""
    priors = {day: source.physics for day, source in line.priors.items()}
    arrival_residuals, by_day = train_arrival_residuals(line.history.select(line.dates), priors, seed, run)
    sources = {day: FittedPrior(prior, by_day[day]) for day, prior in priors.items()}
    return replace(line, priors=sources), arrival_residuals


def train_ensemble(
    lines: Sequence[TrainingLine],
    config: AppConfig,
    run_dir: Path,
    quiet: bool = False,
    processes: int = IN_THIS_PROCESS,
    start: WarmStart | None = None,
) -> TrainedEnsemble:
    """Train a network per fold on the other folds, and calibrate each on its own.

    Of lines with fewer days than members, the last members use all days; all lines bring equally many windows. Each member
    keeps its state in a folder of `run_dir`; a run that was killed goes on from its last finished epoch. `processes`
    networks train at the same time, each in a process of its own. Networks start from those of `start` in place of random
    weights; raises HeadwayError where one of them has no new day to validate on.
    """
    folds = list(zip_longest(*(line.folds for line in lines), fillvalue=()))
    if start is not None:
        start.check_folds(folds)
    with training_processes(min(processes, len(folds))) as run, _emptied(run_dir / "windows") as folder:
        windows = tuple(
            write_windows(line_windows(line, config, len(lines)), folder / str(number))
            for number, line in enumerate(lines)
        )
        tasks = [
            MemberTask(
                config=replace(config, seed=config.seed + MEMBER_SEED_STEP * member),
                folder=run_dir / f"member_{member + 1}",
                windows=windows,
                validation=tuple(tuple(map(day_number, days)) for days in fold),
                title=f"network {member + 1} of {len(folds)}",
                quiet=quiet,
                start=None if start is None else start.networks[member],
            )
            for member, fold in enumerate(folds)
        ]
        trained = run(train_member, tasks)
    networks = load_networks(member.path for member in trained)
    forecasts = ValidationForecasts(config)
    for line in lines:
        calibrating = days_of_known_kinds([day for days in line.folds for day in days], line.dates)
        for member, days in enumerate(line.folds):
            priors = {day: line.priors[day] for day in days if day in calibrating}
            forecasts.add(networks, member, line.history, priors)
    return TrainedEnsemble(
        network_paths=tuple(member.path for member in trained),
        calibration=forecasts.calibration(),
        rollout=forecasts.rollout(),
        epochs=[member.epochs for member in trained],
        validation_scores=[member.scores for member in trained],
        backend=trained[0].backend,
    )


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Give an empty folder and delete it afterwards; a training that was killed may have left files in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def line_windows(line: TrainingLine, config: AppConfig, lines: int = 1) -> LineWindows:
    """Return the windows, with priors, of the dates of a line that is one of so many `lines`."""
    headway, schedule = DataLoader(config).preprocess(*to_matrices(line.history.grid))
    days, used = service_days(line.history.grid), [day_number(day) for day in line.priors]
    prior = prior_of_rows(line.history, line.priors, config.forecast_mins)
    return TimeseriesGenerator(config).find_windows(headway, schedule, days, prior, days=used, lines=lines)


def prior_of_rows(history: LineHistory, priors: Mapping[date, FittedPrior], leads: int) -> Prior:
    """Return the prior as the data sets ask for it: by rows of the grid, in order of time, of the dates of `priors`."""
    minutes, days = history.grid["minute"].values, service_days(history.grid)

    def prior(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        parts = [
            source.channels(history, day, minutes[rows[days[rows] == day_number(day)]], leads)
            for day, source in sorted(priors.items())
        ]
        return np.concatenate(parts)

    return prior


def days_of_known_kinds(days: Sequence[date], dates: Sequence[date]) -> list[date]:
    """Return those of the `days` whose type of day (see `day_type_of`) another one of `dates` has; all if none has.

    A day that is the only one of its type is forecast without its trips in validation, and with them later on: errors of
    these forecasts do not show how wide intervals must be.
    """
    kinds = Counter(map(day_type_of, dates))
    return [day for day in days if kinds[day_type_of(day)] > 1] or list(days)


def day_number(service_date: date) -> int:
    """Return the number that `grid.matrices.service_days` gives a date."""
    return int(np.datetime64(service_date, "D").astype(np.int64))
