"""No method sees the future: its forecast from the whole log is, bit for bit, that from what was known at t0."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.evaluation.leakage.lookahead import with_random_future
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.lightgbm.model import LightGBM
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals, inputs_width
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import SIMPLE_METHODS
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import HEADWAY_CHANNELS, SCHEDULE_CHANNELS
from helpers.ragged_line import DAYS, assert_bitwise_equal, ragged_history
from helpers.small_network import as_onnx

TODAY = DAYS[3]
ORIGINS = [0, 295, 311, 404, 450, 613, 700, 899, 930, 1619]
# The network reads `valid`, which is false after the last logged minute: only the whole log shows which minute that is.
NETWORK_ORIGINS = [295, 450, 700]


@pytest.fixture(scope="module", params=["all", "none", "late"])
def trip_ids(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def history(trip_ids) -> LineHistory:
    return ragged_history(trip_ids, DAYS)


class QuickLightGBM(LightGBM):
    """Few rows and trees."""

    @classmethod
    def fit(cls, training):
        return super().fit(training, max_rows=20_000, max_rounds=20)


needs_lightgbm = pytest.mark.skipif(
    find_spec("lightgbm") is None, reason="the extra lightgbm is not installed"
)
FITTED = [*SIMPLE_METHODS.values(), pytest.param(QuickLightGBM, marks=needs_lightgbm)]


@pytest.fixture(scope="module", params=FITTED, ids=lambda method: method.name)
def method(request, history):
    return request.param.fit(history.select(DAYS[:2]))


@pytest.mark.parametrize("t0", ORIGINS)
def test_the_forecast_equals_the_one_from_the_known_past(history, method, t0):
    origins = np.array([t0])
    whole = method.forecast(history, TODAY, origins)
    assert_bitwise_equal(whole, method.forecast(history.as_of(TODAY, t0), TODAY, origins))
    assert_bitwise_equal(whole, method.forecast(with_random_future(history, TODAY, t0), TODAY, origins))


def test_origins_do_not_see_each_other(history, method):
    together = method.forecast(history, TODAY, np.array(ORIGINS))
    for index, t0 in enumerate(ORIGINS):
        alone = method.forecast(history, TODAY, np.array([t0]))
        assert together.mean[index].tobytes() == alone.mean[0].tobytes()


def test_what_was_fitted_is_carried_by_its_state(history, method):
    state = {name: np.array(values) for name, values in method.state().items()}
    again = type(method).from_state(state)
    assert_bitwise_equal(
        again.forecast(history, TODAY, np.array(ORIGINS)), method.forecast(history, TODAY, np.array(ORIGINS))
    )


def test_every_method_forecasts_the_same_cells(history, method):
    forecast = method.forecast(history, TODAY, np.array(ORIGINS))
    assert forecast.mean.shape == (len(ORIGINS), 15, 5, 2)
    assert forecast.mean.dtype == np.float32
    finite = forecast.mean[np.isfinite(forecast.mean)]
    assert (finite >= 0).all()
    assert (finite <= history.grid.attrs["cap_mins"]).all()


def test_nothing_is_fitted_on_other_days(history, method, trip_ids):
    alone = type(method).fit(ragged_history(trip_ids, DAYS[:2])).state()
    assert alone.keys() == method.state().keys()
    for name, values in method.state().items():
        np.testing.assert_array_equal(alone[name], values)


def random_arrivals(history):
    """A correction that is minutes large and depends on all that is known of a train."""
    positions, random = len(history.line.stations), np.random.default_rng(0)
    sizes = [(inputs_width(positions), 8), (8, 4)]
    layers = (random.normal(0, 0.5, size).astype(np.float32) for size in sizes)
    return ArrivalResiduals(
        positions, tuple((weights, np.zeros(weights.shape[1], np.float32)) for weights in layers)
    )


@pytest.fixture(scope="module")
def ensemble(history):
    """Two networks with random weights, a prior fitted on the training days and a calibration with effect in every part."""
    import keras

    from headway_prediction.forecasters.calibration import Calibration
    from headway_prediction.forecasters.st_convnet import STConvNetForecaster
    from headway_prediction.model import ProbabilisticSTConvNet

    config = AppConfig(
        encoder_filters=(4, 4), encoder_step_mins=10, schedule_units=4, decoder_filters=4, head_units=8
    )
    shapes = (30, None, 2, len(HEADWAY_CHANNELS)), (15, 2, len(SCHEDULE_CHANNELS))
    networks = []
    for seed in range(2):
        networks.append(ProbabilisticSTConvNet(replace(config, seed=seed), *shapes))
        for variable in networks[-1].trainable_variables:
            variable.assign(variable + keras.random.normal(variable.shape, stddev=0.1, seed=seed))
    stretch = np.linspace([1.2, 1.0, 1.5], [2.0, 1.0, 2.5], 15)
    calibration = Calibration(np.array([0.1, 0.5, 0.9]), stretch, np.array(2.0))
    prior = FittedPrior(fit_prior(history.select(DAYS[:2])), random_arrivals(history))
    return STConvNetForecaster([as_onnx(network) for network in networks], config, prior, calibration)


def test_calibrated_networks_with_a_prior_see_no_future_either(history, ensemble):
    together = ensemble.forecast(history, TODAY, np.array(NETWORK_ORIGINS))
    assert list(together.quantiles) == [0.1, 0.5, 0.9]
    assert min(map(np.ptp, (together.mean, *together.quantiles.values()))) > 1
    kept = together.quantiles[0.1] == together.quantiles[0.9]
    assert (
        0.02 < kept.mean() < 0.98
    )  # some cells are points, where nothing can change by then, and some are not
    for index, t0 in enumerate(NETWORK_ORIGINS):
        rows = slice(index, index + 1)
        quantiles = {level: values[rows] for level, values in together.quantiles.items()}
        expected = Forecast(TODAY, together.origins[rows], together.mean[rows], quantiles)
        for known in (history.as_of(TODAY, t0), with_random_future(history, TODAY, t0)):
            assert_bitwise_equal(ensemble.forecast(known, TODAY, np.array([t0])), expected)


def test_the_test_can_fail(history):
    """A method that looks one minute ahead is caught."""
    t0 = int(history.passings_on(TODAY).filter(pl.col("minute") > 600)["minute"].min()) - 1
    leak = lambda known: known.day(TODAY)["headway"].values[t0 + 1]  # noqa: E731
    assert leak(history).tobytes() != leak(history.as_of(TODAY, t0)).tobytes()
