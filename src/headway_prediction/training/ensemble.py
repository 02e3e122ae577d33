"""Training the networks of one line or several: members that each leave out a share of the days, and their calibration."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from pathlib import Path

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.validation_forecasts import ValidationForecasts
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, folds_of
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import RolloutCalibration
from headway_prediction.grid.history import LineHistory
from headway_prediction.guided_dataset import LineWindows, PriorWindows, example, windows_per_line
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.trainer import ModelTrainer
from headway_prediction.training.arrival_residuals import train_arrival_residuals
from headway_prediction.training.line_windows import day_number, line_windows
from headway_prediction.transit.clock import day_type_of

MEMBER_SEED_STEP = 100


@dataclass(frozen=True)
class TrainingLine:
    """A line to train on: its history, the dates to learn from, those left out by each member, and a first guess of each
    date that knows nothing of it."""

    history: LineHistory
    dates: tuple[date, ...]
    left_out: tuple[tuple[date, ...], ...]
    priors: Mapping[date, FittedPrior]


@dataclass(frozen=True)
class TrainedEnsemble:
    """Where the networks lie, the calibration of what they say, and how training went (one entry per member)."""

    network_paths: tuple[Path, ...]
    calibration: Calibration
    rollout: RolloutCalibration
    epochs: list[dict[str, list[float]]]
    validation_scores: list[dict[str, float]]


def fold_line(
    history: LineHistory, training: Sequence[date], validation: Sequence[date], members: int
) -> TrainingLine:
    """Deal the days: with one member its validation days are left out, with several each leaves out a share of all."""
    dates = (*training, *validation)
    left_out = [list(validation)] if members == 1 else folds_of(dates, members)
    priors = cross_fit_priors(history.select(dates))
    sources = {day: FittedPrior(prior) for day, prior in priors.items()}
    return TrainingLine(history, tuple(dates), tuple(map(tuple, left_out)), sources)


def with_arrival_residuals(line: TrainingLine, seed: int) -> tuple[TrainingLine, ArrivalResiduals]:
    """Return the line with guesses that know how its trains really arrive, and what all its days teach of that."""
    priors = {day: source.prior for day, source in line.priors.items()}
    arrival_residuals, by_day = train_arrival_residuals(line.history.select(line.dates), priors, seed)
    sources = {day: FittedPrior(prior, by_day[day]) for day, prior in priors.items()}
    return replace(line, priors=sources), arrival_residuals


def train_ensemble(
    lines: Sequence[TrainingLine], config: AppConfig, run_dir: Path, quiet: bool = False
) -> TrainedEnsemble:
    """Train `config.members` networks, each on the days it does not leave out, and calibrate on those that it does.

    Lines with fewer days than members leave none out for the last ones; all lines bring equally many windows. Each member
    keeps its state in a folder of `run_dir`; a run that was killed goes on from its last finished epoch.
    """
    windows = [line_windows(line.history, _of_one_line(config, len(lines)), line.priors) for line in lines]
    all_left_out = list(zip_longest(*(line.left_out for line in lines), fillvalue=()))
    trained, networks = [], []
    for member, left_out in enumerate(all_left_out):
        own = replace(config, seed=config.seed + MEMBER_SEED_STEP * member)
        folder = run_dir / f"member_{member + 1}"
        trainer = ModelTrainer(untrained_network(own, windows[0]), own, folder, quiet=quiet)
        trainer.console.print(f"network {member + 1} of {len(all_left_out)}")
        trained.append(_train(trainer, *_data_sets(windows, left_out, own), folder / "network.keras"))
        networks.append(trainer.model)
    held_out = ValidationForecasts(config)
    for line in lines:
        telling = days_of_known_kinds([day for days in line.left_out for day in days], line.dates)
        for member, days in enumerate(line.left_out):
            priors = {day: line.priors[day] for day in days if day in telling}
            held_out.add(networks, member, line.history, priors)
    paths, epochs, scores = zip(*trained, strict=True)
    return TrainedEnsemble(paths, held_out.calibration(), held_out.rollout(), list(epochs), list(scores))


def days_of_known_kinds(days: Sequence[date], dates: Sequence[date]) -> list[date]:
    """Return those of the `days` of whose kind (see `day_kinds`) there is another one among `dates`; all if there are none.

    A day whose kind no other day has is forecast without its trips when it is left out, and with them later on: how wrong
    forecasts of it are says nothing of how wide intervals must be.
    """
    kinds = Counter(map(day_type_of, dates))
    return [day for day in days if kinds[day_type_of(day)] > 1] or list(days)


def _train(
    trainer: ModelTrainer, training: PriorWindows, validation: PriorWindows, path: Path
) -> tuple[Path, dict[str, list[float]], dict[str, float]]:
    epochs = trainer.train(training, validation)
    trainer.save_model(path)
    return path, epochs, trainer.evaluate(validation)


def _of_one_line(config: AppConfig, lines: int) -> AppConfig:
    return replace(config, epoch_windows=windows_per_line(config.epoch_windows, lines))


def _data_sets(
    windows: Sequence[LineWindows], left_out: Sequence[Sequence[date]], config: AppConfig
) -> tuple[PriorWindows, PriorWindows]:
    share = windows_per_line(config.validation_windows, len(windows))
    training, validation = [], []
    for line, days in zip(windows, left_out, strict=True):
        numbers = [day_number(day) for day in days]
        training.append(line.of_days(np.setdiff1d(line.service_days, numbers)))
        validation.append(line.of_days(numbers).thin_to(share))
    return (
        PriorWindows(config, _not_empty(training, "to train on"), shuffled=True),
        PriorWindows(config, _not_empty(validation, "left out to validate on"), shuffled=False),
    )


def _not_empty(lines: Sequence[LineWindows], use: str) -> list[LineWindows]:
    kept = [line for line in lines if len(line.first_rows)]
    if not kept:
        raise HeadwayError(
            f"the days {use} hold no unbroken run of usable minutes",
            "at least one such run",
            "bring fuller days, or set other members or validation_days",
        )
    return kept


def untrained_network(
    config: AppConfig, line: LineWindows, network: type[ProbabilisticSTConvNet] = ProbabilisticSTConvNet
) -> ProbabilisticSTConvNet:
    """Return an untrained network for lines with as many channels as `line`, of any length."""
    (headway_in, schedule_in, _), _ = example(config, line, np.arange(1))
    _, lookback, _, directions, channels = headway_in.shape
    return network(config, (lookback, None, directions, channels), schedule_in.shape[1:])
