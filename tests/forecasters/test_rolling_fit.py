"""Rolling fit: methods are fitted on the line's own earlier passings, and on nothing later."""

from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.evaluation.leakage.lookahead import with_random_future
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.registry import SIMPLE_METHODS
from headway_prediction.forecasters.rolling_fit import (
    ROLLING_FIT_DAYS,
    RollingFit,
    RollingPrior,
    history_before,
)
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from helpers.lines import MONDAY, noisy_history
from helpers.ragged_line import DAYS, assert_bitwise_equal, ragged_history

ORIGINS = np.array([930, 295, 359, 360, 404, 700, 0, 1619])  # in no order; 359 is the last minute of an hour


@pytest.fixture(scope="module", params=["all", "none"])
def history(request) -> LineHistory:
    return ragged_history(request.param, DAYS)


@pytest.fixture(scope="module")
def nightly() -> LineHistory:
    """A line whose trains run until 26:00, two hours into the next service date."""
    return noisy_history("nightly", 4, 3, first=1200, last=1560)


def alone(method, history, day, t0):
    """The forecasts of one origin from what was known and from another future, each by a method that knows nothing yet."""
    for known in (history.as_of(day, int(t0)), with_random_future(history, day, int(t0))):
        yield method(known, day, np.array([t0]))


@pytest.mark.parametrize("day", [DAYS[0], DAYS[1], DAYS[3]])
@pytest.mark.parametrize("name", SIMPLE_METHODS)
def test_the_forecast_is_the_one_from_what_was_known(history, name, day):
    together = RollingFit(SIMPLE_METHODS[name]).forecast(history, day, ORIGINS)
    for index, t0 in enumerate(ORIGINS):
        for forecast in alone(RollingFit(SIMPLE_METHODS[name]).forecast, history, day, t0):
            assert forecast.mean[0].tobytes() == together.mean[index].tobytes()


@pytest.mark.parametrize("day", [DAYS[0], DAYS[3]])
def test_the_prior_uses_only_the_known_passings(history, day):
    together = RollingPrior(RollingFit(TripPropagation)).channels(history, day, ORIGINS)
    assert np.isfinite(together).all()
    for index, t0 in enumerate(ORIGINS):
        for channels in alone(RollingPrior(RollingFit(TripPropagation)).channels, history, day, t0):
            assert channels[0].tobytes() == together[index].tobytes()


@pytest.mark.parametrize("name", ["climatology", "propagation", "trip-propagation"])
def test_the_night_before_is_known_only_as_far_as_it_went(nightly, name):
    tuesday = MONDAY + timedelta(days=1)
    past = history_before(nightly, tuesday, 0)
    assert 1400 < past.passings["minute"].max() < 1440 < nightly.passings_on(MONDAY)["minute"].max()
    origins = np.array([5, 40, 100, 1300])
    together = RollingFit(SIMPLE_METHODS[name]).forecast(nightly, tuesday, origins)
    for index, t0 in enumerate(origins):
        for forecast in alone(RollingFit(SIMPLE_METHODS[name]).forecast, nightly, tuesday, t0):
            assert forecast.mean[0].tobytes() == together.mean[index].tobytes()


@pytest.mark.parametrize("name", SIMPLE_METHODS)
def test_it_is_the_method_fitted_on_the_days_before(history, name):
    fitted = SIMPLE_METHODS[name].fit(history.select(DAYS[:3]))
    own = RollingFit(SIMPLE_METHODS[name]).forecast(history, DAYS[3], ORIGINS)
    assert_bitwise_equal(own, fitted.forecast(history, DAYS[3], ORIGINS))


def test_the_rolling_prior_is_that_of_trip_propagation(history):
    fitted = FittedPrior(TripPropagation.fit(history.select(DAYS[:3])).prior)
    own = RollingPrior(RollingFit(TripPropagation))
    np.testing.assert_array_equal(
        own.channels(history, DAYS[3], ORIGINS), fitted.channels(history, DAYS[3], ORIGINS)
    )
    state, other = (
        source.fitted(ForecastOrigin(history, DAYS[3], 500)).physics.state() for source in (own, fitted)
    )
    assert state.keys() == other.keys()
    for name, values in state.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_first_date_is_fitted_on_its_own_full_hours(history):
    day = DAYS[0]
    for last_minute, origins in ((659, np.array([659, 660, 718])), (719, np.array([719]))):
        own = RollingFit(Propagation).forecast(history, day, origins)
        fitted = Propagation.fit(history.select([day]).as_of(day, last_minute))
        assert_bitwise_equal(own, fitted.forecast(history, day, origins))


@pytest.mark.parametrize("name", ["climatology", "trip-propagation"])
def test_a_line_that_starts_with_nothing_gets_what_missing_forecasts_count_as(history, name):
    first_minute = history.passings_on(DAYS[0])["minute"].min()
    forecast = RollingFit(SIMPLE_METHODS[name]).forecast(
        history, DAYS[0], np.array([0, int(first_minute) - 1])
    )
    np.testing.assert_array_equal(forecast.mean, FALLBACK_HEADWAY_MINS)


def test_without_observed_trains_all_stations_are_served(history):
    """Before the first full hour of a line nothing is fitted, yet the first train is expected at all stations."""
    day = DAYS[0]
    t0 = int(history.passings_on(day)["minute"].min()) + 1
    channels = RollingPrior(RollingFit(TripPropagation)).channels(history, day, np.array([t0]))
    arrives_in, first = channels[0, :, 0, 0], history.line.travel_order(0)
    assert (np.diff(arrives_in[first][1:]) > 0).all() and arrives_in[first][1:].max() < 15


@pytest.fixture
def counted():
    """A climatology that keeps the dates of every past that it is fitted on, and the list of these."""
    pasts = []

    class Counted(Climatology):
        @classmethod
        def fit(cls, training):
            pasts.append(training.service_dates)
            return super().fit(training)

    return RollingFit(Counted), pasts


def test_each_past_is_fitted_on_once(history, counted):
    own, pasts = counted
    for _ in range(2):
        own.forecast(history, DAYS[2], ORIGINS)
        own.forecast(history.as_of(DAYS[2], 700), DAYS[2], np.array([700]))
    assert pasts == [DAYS[:2]]
    own.forecast(history, DAYS[0], np.array([600, 605, 659, 601]))
    assert pasts[1:] == [[DAYS[0]], [DAYS[0]]]


def test_another_past_of_the_same_dates_has_a_fit_of_its_own(history, counted):
    own, pasts = counted
    mine, theirs = (
        own.forecast(one, DAYS[2], np.array([600])).mean
        for one in (history, noisy_history("toy", 5, 4, seed=9, first=500, last=700))
    )
    assert pasts == [DAYS[:2], DAYS[:2]] and (mine != theirs).any()


def test_the_newest_four_weeks_are_the_past():
    history = noisy_history("long", 3, ROLLING_FIT_DAYS + 4, headway=30.0)
    dates = history.service_dates
    assert history_before(history, dates[-1], 0).service_dates == dates[3:-1]
    assert history_before(history, dates[5], 7).service_dates == dates[:5]
