"""Scores at single horizons: identities, and cells worked out by hand."""

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.benchmark_modules import load_benchmark
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

horizons = load_benchmark("horizons")
HORIZONS, horizon_metrics = horizons.HORIZONS, horizons.horizon_metrics
horizon_sums, origins_for = horizons.horizon_sums, horizons.origins_for
PEAK = range(500, 560)


@pytest.fixture(scope="module")
def history():
    log = log_of(regular_rows(stations=3, headway=9.0, noise=1.5))
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def forecast_of(history, change) -> Forecast:
    """The truth an hour ahead of every origin, changed by `change(minutes, headways)`."""
    origins = origins_for(PEAK)
    minutes = origins[:, None] + np.arange(1, 61)
    truth = history.day(MONDAY)["headway"].values[minutes]
    return Forecast.of_points(MONDAY, origins, change(minutes[:, :, None, None], truth))


def scored(history, change, **options):
    return horizon_metrics(horizon_sums(history, [forecast_of(history, change)], PEAK, **options))


def test_origins_reach_every_minute_of_the_peak_at_every_horizon():
    origins = origins_for(PEAK)
    for horizon in HORIZONS:
        assert set(PEAK) <= set((origins + horizon).tolist())
    assert (origins[0] + 60, origins[-1] + 15) == (500, 559)
    assert origins_for(PEAK, step=20).tolist() == [440, 460, 480, 500, 520, 540]


def test_the_truth_has_no_error_and_its_mean_explains_nothing(history):
    perfect = scored(history, lambda _, truth: truth)
    assert (perfect["rmse_secs"] == 0).all() and (perfect["r2"] == 1).all()
    truth = history.day(MONDAY)["headway"].values[
        list(PEAK)
    ]  # every minute of the peak once, at every horizon
    constant = scored(history, lambda _, truth_: truth_ * 0 + truth.mean(axis=(0, 1)))
    np.testing.assert_allclose(constant["r2"], 0, atol=1e-6)
    for direction in (0, 1):
        spread = 60 * truth[..., direction].std()
        np.testing.assert_allclose(constant["spread_secs"].sel(direction=direction), spread, rtol=1e-5)
        np.testing.assert_allclose(constant["rmse_secs"].sel(direction=direction), spread, rtol=1e-5)


def test_a_horizon_is_one_lead_and_a_direction_one_direction(history):
    def half_a_minute_off_at_lead_30_southbound(_, truth):
        wrong = truth.copy()
        wrong[:, 29, :, 1] += 0.5
        return wrong

    rmse = scored(history, half_a_minute_off_at_lead_30_southbound)["rmse_secs"]
    np.testing.assert_allclose(rmse.values, [[0, 0], [0, 30], [0, 0], [0, 0]], atol=1e-4)


def test_only_the_minutes_of_the_peak_count(history):
    late = scored(history, lambda minutes, truth: truth + 5 * ((minutes < 500) | (minutes >= 560)))
    assert (late["rmse_secs"] == 0).all()
    within = scored(history, lambda minutes, truth: truth + (minutes == 500))
    np.testing.assert_allclose(within["rmse_secs"], 60 / np.sqrt(len(PEAK)), rtol=1e-5)


def test_a_missing_forecast_is_ten_minutes(history):
    gone, ten = (scored(history, lambda _, truth, v=value: truth * 0 + v) for value in (np.nan, 10.0))
    np.testing.assert_array_equal(gone["rmse_secs"], ten["rmse_secs"])


def test_a_forecast_that_ends_too_early_is_refused(history):
    short = Persistence().forecast(history, MONDAY, origins_for(PEAK))
    with pytest.raises(HeadwayError, match=r"ends 15 minutes ahead.*reaches 60"):
        horizon_sums(history, [short], PEAK)
