"""Learning how much later than expected trains arrive: a small network, fitted to the median of what training days show."""

from collections.abc import Mapping, Sequence
from datetime import date

import keras
import numpy as np

from headway_prediction.forecasters.arrivals import Arrivals
from headway_prediction.forecasters.first_guess import FirstGuess
from headway_prediction.forecasters.seen_arrivals import SeenArrivals, seen_arrivals
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import DIRECTIONS
from headway_prediction.trainer import make_deterministic
from headway_prediction.trip_keys import UNKNOWN

FEWEST_ROWS = 2000
CLEARLY_BETTER = 0.99
"""A correction is believed when it leaves less than this share of the error on days that did not teach it."""
UNITS, DROPOUT, EPOCHS, BATCH, LEARNING_RATE = 64, 0.1, 8, 512, 3e-3


def train_arrivals(
    training: LineHistory, guesses: Mapping[date, FirstGuess], seed: int = 0
) -> tuple[Arrivals, dict[date, Arrivals]]:
    """Return what all days taught, for new days, and for each training day what the days of other folds taught.

    `guesses` of a day know nothing of it; days that share one are a fold. Nothing is learned (see `Arrivals.none`) of few
    trains, of trains that the log does not name, or where days that did not teach it are not told better.
    """
    nothing = Arrivals.none(), dict.fromkeys(guesses, Arrivals.none())
    if (training.passings["train"] != UNKNOWN).sum() < len(training.passings) / 2:
        # Such trains are told apart by their order alone: on nyc-1 the guess gained by a correction and the network lost.
        return nothing
    folds = {id(guess): number for number, guess in enumerate({id(g): g for g in guesses.values()}.values())}
    if len(folds) < 2:
        return nothing
    positions = max(len(training.line.travel_order(direction)) for direction in DIRECTIONS)
    seen = seen_arrivals(training, guesses, folds, positions)
    if len(seen.late) < FEWEST_ROWS:
        return nothing
    by_fold = [_learned(seen.where(seen.fold != number), positions, seed) for number in folds.values()]
    if not _is_better(by_fold, seen):
        return nothing
    by_day = {day: by_fold[folds[id(guess)]] for day, guess in guesses.items()}
    return _learned(seen, positions, seed), by_day


def _is_better(by_fold: Sequence[Arrivals], seen: SeenArrivals) -> bool:
    left = 0.0
    for number, arrivals in enumerate(by_fold):
        own = seen.where(seen.fold == number)
        left += float(np.abs(own.late - arrivals.late(own.inputs)).sum())
    return left < CLEARLY_BETTER * float(np.abs(seen.late).sum())


def _learned(seen: SeenArrivals, positions: int, seed: int) -> Arrivals:
    """Fit the network to the median of what was seen."""
    make_deterministic(seed)
    layers = [keras.layers.Dense(UNITS, activation="relu") for _ in range(2)]
    layers.append(keras.layers.Dense(1, kernel_initializer="zeros"))
    dropout = keras.layers.Dropout(DROPOUT)
    network = keras.Sequential([keras.Input((seen.inputs.shape[1],)), *layers[:-1], dropout, layers[-1]])
    steps = EPOCHS * -(-len(seen.late) // BATCH)
    falling = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    network.compile(keras.optimizers.Adam(falling), loss="mean_absolute_error")
    network.fit(seen.inputs, seen.late, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    learned = (tuple(np.asarray(part, np.float32) for part in layer.get_weights()) for layer in layers)
    return Arrivals(positions, tuple(learned))
