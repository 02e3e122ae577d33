"""Learning how much later than expected trains arrive, and which do not: a small network, fitted to training days."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import keras
import numpy as np
from keras import ops

from headway_prediction.forecasters.physics.arrival_residuals import TAIL, ArrivalResiduals
from headway_prediction.forecasters.physics.fit_prior import fold_numbers
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.passings import HAS_TRIP_ID
from headway_prediction.trainer import make_deterministic
from headway_prediction.training.arrival_samples import ArrivalSamples, arrival_samples
from headway_prediction.transit.line import DIRECTIONS

MIN_ROWS = 2000
MAX_ERROR_RATIO = 0.99
"""A correction is believed when it leaves less than this share of the error on days that did not teach it."""
UNITS, DROPOUT, EPOCHS, BATCH, LEARNING_RATE = 64, 0.1, 8, 512, 3e-3
MIN_STEPS = 600
"""Few rows are gone over more often."""
ARRIVAL_LOSS_WEIGHT = 0.3


def train_arrival_residuals(
    training: LineHistory, priors: Mapping[date, PhysicsPrior], seed: int = 0
) -> tuple[ArrivalResiduals, dict[date, ArrivalResiduals]]:
    """Return what all days taught, for new days, and for each training day what the days of other folds taught.

    `priors` of a day know nothing of it; days that share one are a fold. Nothing is learned (see `ArrivalResiduals.none`)
    of few trains, of trains that the log does not name, or where days that did not teach it are not told better.
    """
    nothing = ArrivalResiduals.none(), dict.fromkeys(priors, ArrivalResiduals.none())
    if training.passings.filter(HAS_TRIP_ID).height < len(training.passings) / 2:
        # Such trains are told apart by their order alone: on nyc-1 the guess gained by a correction and the network lost.
        return nothing
    folds = fold_numbers(priors)
    if max(folds.values()) == 0:
        return nothing
    positions = max(len(training.line.travel_order(direction)) for direction in DIRECTIONS)
    seen = arrival_samples(training, priors, folds, positions)
    if len(seen.late) < MIN_ROWS:
        return nothing
    others = [seen.where(seen.fold != fold) for fold in range(max(folds.values()) + 1)]
    by_fold = [_learned(rows, positions, seed) for rows in others]
    if not _is_better(by_fold, seen):
        return nothing
    return _learned(seen, positions, seed), {day: by_fold[fold] for day, fold in folds.items()}


def _is_better(by_fold: Sequence[ArrivalResiduals], seen: ArrivalSamples) -> bool:
    left = 0.0
    for number, arrival_residuals in enumerate(by_fold):
        own = seen.where(seen.fold == number)
        left += float(
            np.abs(own.late - arrival_residuals.predict(own.inputs).late)[own.actual_arrivals].sum()
        )
    return left < MAX_ERROR_RATIO * float(np.abs(seen.late).sum())


def _learned(seen: ArrivalSamples, positions: int, seed: int) -> ArrivalResiduals:
    """Fit the network to how late trains came, median and tails, and to whether they came."""
    make_deterministic(seed)
    layers = [keras.layers.Dense(UNITS, activation="relu") for _ in range(2)]
    layers.append(keras.layers.Dense(4, kernel_initializer="zeros"))
    dropout = keras.layers.Dropout(DROPOUT)
    network = keras.Sequential([keras.Input((seen.inputs.shape[1],)), *layers[:-1], dropout, layers[-1]])
    batches = -(-len(seen.late) // BATCH)
    epochs = max(EPOCHS, -(-MIN_STEPS // batches))
    falling = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * batches)
    network.compile(keras.optimizers.Adam(falling), loss=_loss)
    network.fit(
        seen.inputs,
        np.stack([seen.late, seen.actual_arrivals], axis=-1),
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    )
    learned: list[tuple[np.ndarray, np.ndarray]] = []
    for layer in layers:
        weights, biases = (np.asarray(part, np.float32) for part in layer.get_weights())
        learned.append((weights, biases))
    return ArrivalResiduals(positions, tuple(learned))


def _loss(seen: Any, outputs: Any) -> Any:
    """Of trains that came the absolute error of the median and the pinball losses (Koenker & Bassett 1978) of the tails; of
    all the cross entropy of whether they did."""
    late, actual_arrivals = seen[:, :1], seen[:, 1:]
    short = late - outputs[:, :1]
    earlier, later = short + ops.softplus(outputs[:, 1:2]), short - ops.softplus(outputs[:, 2:3])
    lower = ops.maximum(TAIL * earlier, (TAIL - 1) * earlier)
    upper = ops.maximum((1 - TAIL) * later, -TAIL * later)
    surprise = ops.softplus(outputs[:, 3:]) - actual_arrivals * outputs[:, 3:]
    return actual_arrivals * (ops.abs(short) + lower + upper) + ARRIVAL_LOSS_WEIGHT * surprise
