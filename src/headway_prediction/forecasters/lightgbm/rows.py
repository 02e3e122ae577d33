"""Rows to learn from: a random share of the valid cells of training days, seen as a new day would be seen."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, valid_minutes
from headway_prediction.forecasters.lightgbm.features import FEATURES, cell_features
from headway_prediction.forecasters.physics.cross_fit import cross_fit_priors
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

ORIGIN_STEP_MINS = 3
"""Neighbouring origins tell almost the same; days take turns in which minutes they start from."""
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class TrainingCells:
    """`features` (rows, FEATURES), the `headway` that came and the `prior_headway` of it in minutes, and whether a train
    passed in the cell's own minute (`event`), each (rows,)."""

    features: np.ndarray
    headway: np.ndarray
    prior_headway: np.ndarray
    event: np.ndarray


def training_cells(training: LineHistory, max_rows: int = MAX_ROWS) -> TrainingCells:
    """Return at most about `max_rows` rows; first guesses are those of days the guess was not fitted on.

    Raises HeadwayError when no cell is valid.
    """
    chosen = _chosen(training, max_rows)
    count = sum(int(cells.sum()) for cells in chosen.values())
    if not count:
        raise HeadwayError(
            "no minute of the training days has a valid headway",
            "days on which trains follow one another within an hour",
            "bring more days",
        )
    # Filled day by day: joining the days at the end would need twice the memory.
    rows = TrainingCells(
        np.empty((count, len(FEATURES)), np.float32),
        *(np.empty(count, np.float32) for _ in "ab"),
        np.empty(count, bool),
    )
    priors, start = cross_fit_priors(training), 0
    for number, (day, cells) in enumerate(chosen.items()):
        known = cell_features(priors[day], training, day, _origins(number))
        here = slice(start, start + int(cells.sum()))
        rows.features[here], rows.prior_headway[here] = known.rows(cells), known.prior_headway[cells]
        rows.headway[here], rows.event[here] = (
            _ahead(training, day, number, name)[cells] for name in ("headway", "arrived")
        )
        start = here.stop
    return rows


def _origins(number: int) -> np.ndarray:
    return np.arange(number % ORIGIN_STEP_MINS, SCORED_DAY_MINS - LEADS, ORIGIN_STEP_MINS)


def _ahead(training: LineHistory, service_date: date, number: int, name: str) -> np.ndarray:
    """A variable of the grid at every lead of a day's origins: (origins, leads, stations, directions)."""
    return training.day(service_date)[name].values[valid_minutes(_origins(number))]


def _chosen(training: LineHistory, max_rows: int) -> dict[date, np.ndarray]:
    """The cells to learn from, by service date: (origins, leads, stations, directions)."""
    days = training.service_dates
    valid = {day: _ahead(training, day, number, "valid") for number, day in enumerate(days)}
    share = min(1.0, max_rows / max(sum(int(cells.sum()) for cells in valid.values()), 1))
    random = np.random.default_rng(0)
    return {day: cells & (random.random(cells.shape) < share) for day, cells in valid.items()}
