"""Arrival residuals: a small network of how much later than expected trains arrive, and whether they do.

The training framework is imported where a network is fitted, not by the process that hands out the tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from headway_prediction.forecasters.physics.arrival_residuals import TAIL, ArrivalResiduals
from headway_prediction.forecasters.physics.fit_prior import fold_numbers
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.passings import HAS_TRIP_ID
from headway_prediction.training.arrival_samples import ArrivalSamples, arrival_samples
from headway_prediction.training.processes import Runner, run_here
from headway_prediction.transit.line import DIRECTIONS

MIN_ROWS = 2000
MAX_ERROR_RATIO = 0.99
"""Residuals are used where they leave less than this share of the error on days that they were not fitted on."""
UNITS, DROPOUT, EPOCHS, BATCH, LEARNING_RATE = 64, 0.1, 4, 512, 3e-3
MIN_STEPS = 600
"""With few rows, more epochs make up so many steps."""
ARRIVAL_LOSS_WEIGHT = 0.3


def train_arrival_residuals(
    training: LineHistory, priors: Mapping[date, PhysicsPrior], seed: int = 0, run: Runner = run_here
) -> tuple[ArrivalResiduals, dict[date, ArrivalResiduals]]:
    """Return the residuals fitted on all days, for new days, and for each training day those fitted on the other folds.

    The prior of each day was fitted on other days; days with the same prior are a fold. The residuals are none (see
    `ArrivalResiduals.none`) with few trains, with trains that have no ids in the log, or where they do not clearly lower the
    error on days that they were not fitted on. The fits are tasks for `run`.
    """
    nothing = ArrivalResiduals.none(), dict.fromkeys(priors, ArrivalResiduals.none())
    if training.passings.filter(HAS_TRIP_ID).height < len(training.passings) / 2:
        # Trains without ids are matched by order alone: on nyc-1 residuals improved the prior but not the network.
        return nothing
    folds = fold_numbers(priors)
    if max(folds.values()) == 0:
        return nothing
    positions = max(len(training.line.travel_order(direction)) for direction in DIRECTIONS)
    samples = arrival_samples(training, priors, folds, positions)
    if len(samples.late) < MIN_ROWS:
        return nothing
    numbers = range(max(folds.values()) + 1)
    with TemporaryDirectory(prefix="headway-arrival-samples-") as name:
        samples.write(Path(name))
        tasks = [FitTask(Path(name), positions, seed, number) for number in (*numbers, None)]
        *by_fold, on_all = run(fit_residuals, tasks)
    if not _is_better(by_fold, samples):
        return nothing
    return on_all, {day: by_fold[fold] for day, fold in folds.items()}


@dataclass(frozen=True)
class FitTask:
    """Samples to fit residuals to: those in a `folder`, of a line with so many `positions`, without those of a fold."""

    folder: Path
    positions: int
    seed: int
    without_fold: int | None


def _is_better(by_fold: Sequence[ArrivalResiduals], samples: ArrivalSamples) -> bool:
    left = 0.0
    for number, arrival_residuals in enumerate(by_fold):
        own = samples.where(samples.fold == number)
        left += float(np.abs(own.late - arrival_residuals.predict(own.inputs).late)[own.arrived].sum())
    return left < MAX_ERROR_RATIO * float(np.abs(samples.late).sum())


def fit_residuals(task: FitTask) -> ArrivalResiduals:
    """Fit the median and the tails of the residuals, and the probability that a train arrives."""
    import keras

    from headway_prediction.trainer import make_deterministic

    samples = ArrivalSamples.read(task.folder)
    if task.without_fold is not None:
        samples = samples.where(samples.fold != task.without_fold)
    make_deterministic(task.seed)
    layers = [keras.layers.Dense(UNITS, activation="relu") for _ in range(2)]
    layers.append(keras.layers.Dense(4, kernel_initializer="zeros"))
    dropout = keras.layers.Dropout(DROPOUT)
    network = keras.Sequential([keras.Input((samples.inputs.shape[1],)), *layers[:-1], dropout, layers[-1]])
    batches = -(-len(samples.late) // BATCH)
    epochs = max(EPOCHS, -(-MIN_STEPS // batches))
    falling = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * batches)
    network.compile(keras.optimizers.Adam(falling), loss=_loss)
    network.fit(
        samples.inputs,
        np.stack([samples.late, samples.arrived], axis=-1),
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    )
    weights = [[np.asarray(part, np.float32) for part in layer.get_weights()] for layer in layers]
    return ArrivalResiduals(task.positions, tuple((kernel, bias) for kernel, bias in weights))


def _loss(target: Any, outputs: Any) -> Any:
    """Absolute error of the median and pinball losses (Koenker & Bassett 1978) of the tails over trains that arrived, and
    cross entropy of the arrival over all."""
    from keras import ops

    late, arrived = target[:, :1], target[:, 1:]
    short = late - outputs[:, :1]
    earlier, later = short + ops.softplus(outputs[:, 1:2]), short - ops.softplus(outputs[:, 2:3])
    lower = ops.maximum(TAIL * earlier, (TAIL - 1) * earlier)
    upper = ops.maximum((1 - TAIL) * later, -TAIL * later)
    cross_entropy = ops.softplus(outputs[:, 3:]) - arrived * outputs[:, 3:]
    return arrived * (ops.abs(short) + lower + upper) + ARRIVAL_LOSS_WEIGHT * cross_entropy
