"""The trains of the time-space diagram: their past passings, and the expected ones as in the network's features."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals, inputs_width
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import ForecastOrigin
from headway_prediction.service.live.line_state import train_paths
from helpers.lines import MONDAY, regular_rows
from helpers.trips import history_of

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]
ROWS = regular_rows(stations=4, headway=10.0, days=DAYS, noise=0.5, seed=0)
TODAY, T0 = DAYS[3], 500


@pytest.fixture(scope="module")
def history():
    return history_of(ROWS)


@pytest.fixture(scope="module")
def prior(history):
    return fit_prior(history.select(DAYS[:3]))


def paths(history, prior, arrival_residuals):
    known = ForecastOrigin(history, TODAY, T0).as_known()
    return train_paths(FittedPrior(prior, arrival_residuals), known)


def correcting(biases, by_input=None):
    """Arrival residuals with these biases (minutes, spreads, logit), and weights `by_input` (inputs,) of the minutes."""
    weights = np.zeros((inputs_width(4), 4))
    if by_input is not None:
        weights[:, 0] = by_input
    return ArrivalResiduals(4, ((weights, np.array(biases)),))


def test_expected_times_are_corrected_by_the_arrival_residuals(history, prior):
    plain, later = (
        {
            (path.direction, path.passed): path
            for path in paths(history, prior, arrival_residuals)
            if path.passed
        }
        for arrival_residuals in (ArrivalResiduals.none(), correcting([2.0, 0, 0, 5.0]))
    )
    assert plain.keys() == later.keys()
    under_way = [key for key, path in plain.items() if path.expected]
    assert len(under_way) > 1
    for key in under_way:
        np.testing.assert_allclose(later[key].expected, np.add(plain[key].expected, [0, 2]))


def test_improbable_trains_are_not_expected(history, prior):
    found = paths(history, prior, correcting([0.0, 0, 0, -1.0]))
    assert found and not any(path.expected for path in found)


def test_expected_times_are_monotone_along_a_trip(history, prior):
    random = np.random.default_rng(0).normal(0, 5, inputs_width(4))
    found = paths(history, prior, correcting([0.0, 0, 0, 5.0], random))
    minutes = [[minute for _, minute in path.expected] for path in found]
    assert max(map(len, minutes)) == 4
    assert all(first <= second for of_train in minutes for first, second in pairwise(of_train))
