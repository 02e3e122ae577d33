"""Truths, forecasts and small days for the tests of scores."""

from datetime import date

import numpy as np

from headway_prediction.evaluation.truth import Truth
from headway_prediction.forecasters.base import Forecast
from helpers.lines import train

DAY = date(2025, 9, 29)
LEVELS = (0.1, 0.5, 0.9)


def truth_of(headway, valid=None, event=None, origins=(600,), irregularity=None):
    headway = np.asarray(headway, dtype=np.float32)
    valid = np.ones(headway.shape, bool) if valid is None else valid
    event = valid if event is None else event & valid
    uneven = np.full(len(origins), np.nan) if irregularity is None else np.asarray(irregularity)
    return Truth(DAY, np.array(origins), headway, valid, event, np.full(headway.shape, 8.0), uneven, 30.0)


def three_cells(values):
    """Cells (1, 15, 1, 2) that hold three values at leads 1, 6 and 15 of direction 0, and NaN elsewhere."""
    cells = np.full((1, 15, 1, 2), np.nan)
    cells[0, [0, 5, 14], 0, 0] = values
    return cells


def random_case(seed, origins=4, stations=3):
    random = np.random.default_rng(seed)
    shape = (origins, 15, stations, 2)
    truth = truth_of(
        random.uniform(0, 30, shape),
        random.random(shape) < 0.8,
        random.random(shape) < 0.3,
        np.arange(500, 500 + 10 * origins, 10),
        random.choice([0.2, 0.9, np.nan], origins),
    )
    quantiles = dict(zip(LEVELS, np.sort(random.uniform(0, 30, (3, *shape)), axis=0), strict=True))
    mean = np.where(random.random(shape) < 0.9, random.uniform(0, 30, shape), np.nan)
    return truth, Forecast(DAY, truth.origins, mean, quantiles)


def both_ways(minutes, stops="AB", run=2.0):
    """Trains that leave both ends at the same minutes."""
    return [
        row
        for k, minute in enumerate(minutes)
        for direction, path in enumerate((stops, stops[::-1]))
        for row in train(f"{direction}{k}", path, minute, direction=direction, run=run)
    ]
