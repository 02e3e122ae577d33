"""The contract of a forecaster, for every method: shapes, dtypes, NaN, no look-ahead, determinism, storage."""

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.lightgbm.model import LightGBM
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.registry import EXTRA_METHODS, SIMPLE_METHODS
from headway_prediction.forecasters.rolling_fit import RollingFit
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from helpers.ragged_line import DAYS, assert_bitwise_equal, ragged_history
from helpers.small_network import small_network_forecaster

TRAINING, TODAY = DAYS[:3], DAYS[3]
ORIGINS = np.array([295, 450, 700])
LEADS = {"st-convnet-60": 60}
MAY_BE_NAN = {"schedule", "propagation"}
"""Methods that leave cells without a plan, or without an expected train and a held headway."""

needs_lightgbm = pytest.mark.skipif(
    find_spec("lightgbm") is None, reason="the extra lightgbm is not installed"
)
FITTED = [*SIMPLE_METHODS, pytest.param(LightGBM.name, marks=needs_lightgbm)]
METHODS = [*FITTED, "st-convnet", "st-convnet-60", "rolling climatology", "rolling trip-propagation"]


@pytest.fixture(scope="module")
def history() -> LineHistory:
    """A noisy line of five stations with a plan and missing passings."""
    return ragged_history("all", DAYS)


def fit(name: str, training: LineHistory) -> Forecaster:
    if name == LightGBM.name:
        return LightGBM.fit(training, max_rows=20_000, max_rounds=20)
    if name in SIMPLE_METHODS:
        return SIMPLE_METHODS[name].fit(training)
    if name.startswith("rolling"):
        return RollingFit(Climatology if name.endswith("climatology") else TripPropagation)
    network = small_network_forecaster(fit_prior(training))
    return Rollout(network) if name == Rollout.name else network


@pytest.fixture(scope="module", params=METHODS)
def method(request, history) -> Forecaster:
    return fit(request.param, history.select(TRAINING))


def test_every_registered_method_is_in_this_contract():
    assert {*SIMPLE_METHODS, *EXTRA_METHODS} == {*SIMPLE_METHODS, LightGBM.name}


def test_shapes_and_dtypes(history, method):
    forecast = method.forecast(history, TODAY, ORIGINS)
    assert forecast.service_date == TODAY and forecast.origins.tolist() == ORIGINS.tolist()
    shape = len(ORIGINS), LEADS.get(method.name, 15), len(history.line.stations), 2
    assert list(forecast.quantiles) == sorted(forecast.quantiles) and 0.5 in forecast.quantiles
    for cells in (forecast.mean, *forecast.quantiles.values()):
        assert cells.shape == shape and cells.dtype == np.float32


def test_cells_are_headways_between_0_and_the_cap_or_nan_together(history, method):
    forecast = method.forecast(history, TODAY, ORIGINS)
    missing = np.isnan(forecast.mean)
    assert not missing.any() or method.name in MAY_BE_NAN
    for cells in (forecast.mean, *forecast.quantiles.values()):
        assert (np.isnan(cells) == missing).all()
        assert ((cells[~missing] >= 0) & (cells[~missing] <= history.grid.attrs["cap_mins"])).all()


def test_quantiles_never_cross(history, method):
    quantiles = list(method.forecast(history, TODAY, ORIGINS).quantiles.values())
    for lower, upper in pairwise(quantiles):
        assert (np.isnan(lower) | (lower <= upper)).all()


def test_a_forecast_uses_nothing_after_its_origin(history, method):
    for t0 in ORIGINS.tolist():
        known = history.as_of(TODAY, t0)
        whole = method.forecast(history, TODAY, np.array([t0]))
        assert_bitwise_equal(method.forecast(known, TODAY, np.array([t0])), whole)


def test_a_second_forecast_is_equal_and_the_arguments_are_unchanged(history, method):
    origins = ORIGINS.copy()
    first = method.forecast(history, TODAY, origins)
    assert_bitwise_equal(first, method.forecast(history, TODAY, origins))
    assert origins.tolist() == ORIGINS.tolist()


def test_origins_are_independent(history, method):
    together = method.forecast(history, TODAY, ORIGINS)
    for index, t0 in enumerate(ORIGINS.tolist()):
        alone = method.forecast(history, TODAY, np.array([t0]))
        assert alone.mean[0].tobytes() == together.mean[index].tobytes()


@pytest.mark.parametrize("name", FITTED)
def test_the_state_survives_storage(history, name, tmp_path):
    fitted = fit(name, history.select(TRAINING))
    np.savez(tmp_path / "state.npz", **fitted.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        again = type(fitted).from_state(dict(stored))
    expected = fitted.forecast(history, TODAY, ORIGINS)
    assert_bitwise_equal(again.forecast(history, TODAY, ORIGINS), expected)
