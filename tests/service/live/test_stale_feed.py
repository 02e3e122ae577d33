"""When the feed is silent the interval grows with the silence, minute by minute, and then it is that of usual days."""

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.stale_feed import continue_from, joined

TODAY, CAP, LEVELS = date(2026, 1, 13), 30.0, (0.1, 0.5, 0.9)


def a_forecast(t0: int, leads: int, seed: int) -> Forecast:
    random = np.random.default_rng(seed)
    middle = random.uniform(2, 20, (1, leads, 3, 2))
    low, high = middle - random.uniform(0, 2, middle.shape), middle + random.uniform(0, 4, middle.shape)
    return Forecast(TODAY, np.array([t0]), middle, dict(zip(LEVELS, (low, middle, high), strict=True)))


def width(forecast: Forecast) -> np.ndarray:
    return forecast.quantiles[0.9] - forecast.quantiles[0.1]


@given(st.integers(0, 10), st.integers(0, 1000))
def test_no_cell_of_a_longer_silence_has_a_narrower_interval(wait, seed):
    then = a_forecast(500, 60, seed)
    shorter, longer = (
        continue_from(then, a_forecast(500 + mins, 15, seed + 1), CAP) for mins in (wait, wait + 1)
    )
    # the same minutes: lead l of the longer silence is lead l + 1 of the shorter
    assert (width(longer) >= width(shorter) - 1e-5).all()
    assert (width(longer) >= width(then)[:, :15] - 1e-5).all()


@given(st.integers(0, 1000))
def test_the_middle_is_what_the_last_state_said_of_that_minute(seed):
    then = a_forecast(500, 60, seed)
    after = continue_from(then, a_forecast(504, 15, seed), CAP)
    np.testing.assert_array_equal(after.mean, then.mean[:, 4:19])
    np.testing.assert_array_equal(after.quantiles[0.5], then.quantiles[0.5][:, 4:19].astype(np.float32))
    assert after.origins[0] == 504


def test_what_the_last_state_does_not_reach_is_as_usual():
    then, typical = a_forecast(500, 60, 1), a_forecast(507, 60, 2)
    after = continue_from(then, typical, CAP)
    np.testing.assert_array_equal(after.mean[:, 53:], typical.mean[:, 53:])
    np.testing.assert_array_equal(after.quantiles[0.1][:, 53:], typical.quantiles[0.1][:, 53:])
    np.testing.assert_array_equal(after.mean[:, :53], then.mean[:, 7:])


def test_the_nearer_forecast_goes_before_the_farther():
    near, far = a_forecast(500, 15, 1), a_forecast(500, 60, 2)
    both = joined(near, far)
    np.testing.assert_array_equal(both.mean[:, :15], near.mean)
    np.testing.assert_array_equal(both.quantiles[0.9][:, 15:], far.quantiles[0.9][:, 15:])
