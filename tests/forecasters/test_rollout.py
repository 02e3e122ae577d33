from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.calibration import Calibration, ValidationCells
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import (
    ForecastRequest,
    Rollout,
    RolloutCalibration,
    expected_history,
)
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import ForecastOrigin, history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.small_network import small_network_forecaster

DAYS = [MONDAY + timedelta(days=k) for k in range(3)]
TODAY = DAYS[2]
ORIGINS = np.array([400, 455, 610])


def history_of(noise: float):
    log = log_of(regular_rows(stations=5, headway=9.0, days=DAYS, first=300, last=880, noise=noise))
    return history_from_log(log, Line.from_arrivals(log, ZONE))


@pytest.fixture(scope="module")
def punctual():
    """A line on which every train runs as on the days before."""
    return history_of(0.0)


def method_of(history, prior=None) -> STConvNetForecaster:
    return small_network_forecaster(prior or fit_prior(history.select(DAYS[:2])))


def test_the_first_block_is_the_methods_own_forecast(punctual):
    method = method_of(punctual)
    near, far = (m.forecast(punctual, TODAY, ORIGINS) for m in (method, Rollout(method)))
    assert far.mean.shape == (3, 60, 5, 2)
    assert far.mean[:, :15].tobytes() == near.mean.tobytes()
    for level, values in near.quantiles.items():
        assert far.quantiles[level][:, :15].tobytes() == values.tobytes()


def test_punctual_trains_are_expected_when_they_pass(punctual):
    prior = fit_prior(punctual.select(DAYS[:2]))
    ahead = expected_history(prior, ForecastOrigin(punctual, TODAY, 455), 500)
    expected, actual = (h.day(TODAY).isel(time=slice(456, 501)) for h in (ahead, punctual))
    np.testing.assert_allclose(expected["headway"].values, actual["headway"].values, atol=1e-4)
    np.testing.assert_array_equal(expected["arrived"].values, actual["arrived"].values)
    later = ahead.passings.filter(pl.col("minute") >= 501)
    assert later.is_empty()


def test_a_rollout_is_accurate_on_a_line_without_noise(punctual):
    forecast = Rollout(method_of(punctual)).forecast(punctual, TODAY, ORIGINS)
    truth = day_truth(punctual, TODAY, ORIGINS, leads=60)
    errors = np.abs(forecast.quantiles[0.5] - truth.headway)[truth.valid]
    assert np.median(errors) < 0.5


def test_nothing_after_the_origin_matters():
    history = history_of(1.5)
    method = Rollout(method_of(history))
    together = method.forecast(history, TODAY, ORIGINS)
    for place, t0 in enumerate(ORIGINS):
        alone = method.forecast(history.as_of(TODAY, int(t0)), TODAY, ORIGINS[place : place + 1])
        assert alone.mean[0].tobytes() == together.mean[place].tobytes()


def cells(mean, truth, typical, lead) -> ValidationCells:
    mean, truth, typical = (np.asarray(part, dtype=float) for part in (mean, truth, typical))
    quantiles = np.stack([mean - 1, mean, mean + 1], axis=-1)
    count = len(mean)
    return ValidationCells(
        mean=mean,
        quantiles=quantiles,
        truth=truth,
        event=np.ones(count, dtype=bool),
        typical=typical,
        held=np.full(count, np.nan),
        arrives_in=np.full(count, 60.0),
        lead=np.asarray(lead),
    )


def test_the_mean_is_shrunk_towards_the_typical_headway_by_least_squares():
    # Lead 1 is always right; at lead 2 the forecast is 4 above the typical headway and the truth 1 above: weight 1/4;
    # at lead 3 the truth lies on the other side: weight 0; lead 4 has no cells.
    found = RolloutCalibration.fit((0.1, 0.5, 0.9), 4, cells([8, 10, 10], [8, 7, 5], [6, 6, 6], [1, 2, 3]))
    assert found.mean_weight.tolist() == pytest.approx([1, 0.25, 0, 1])


def test_a_calibration_is_carried_by_its_state(punctual):
    intervals = Calibration(np.array([0.1, 0.5, 0.9]), np.full((60, 3), 2.0), np.array(3.0))
    fitted = RolloutCalibration(np.linspace(1, 0.2, 60), intervals)
    again = RolloutCalibration.from_state({name: np.array(value) for name, value in fitted.state().items()})
    method = method_of(punctual)
    one, other = (Rollout(method, c).forecast(punctual, TODAY, ORIGINS) for c in (fitted, again))
    assert one.mean.tobytes() == other.mean.tobytes()
    plain = Rollout(method).forecast(punctual, TODAY, ORIGINS)
    width, wide = (f.quantiles[0.9] - f.quantiles[0.1] for f in (plain, one))
    assert wide.mean() > width.mean()


def test_forecasts_made_side_by_side_are_those_made_alone():
    one, other = history_of(0.0), history_of(1.5)
    priors = [fit_prior(history.select(DAYS[:2])) for history in (one, other)]
    method = Rollout(method_of(one, priors[0]))
    requests = [
        ForecastRequest(FittedPrior(prior), history, TODAY, ORIGINS[: 1 + place])
        for place, (prior, history) in enumerate(zip(priors, (one, other), strict=True))
    ]
    for forecast, single in zip(method.forecast_each(requests), requests, strict=True):
        alone = Rollout(method_of(one, single.prior.physics)).forecast(single.history, TODAY, single.origins)
        assert forecast.mean.tobytes() == alone.mean.tobytes()
        assert all(forecast.quantiles[q].tobytes() == alone.quantiles[q].tobytes() for q in alone.quantiles)
