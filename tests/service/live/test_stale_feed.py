"""The stages of a feed that stops: the level by the age of the data, outages, and the forecasts of each stage."""

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import HALF_HOURS, Climatology
from headway_prediction.grid.headway_grid import outages_on
from headway_prediction.service.live.published import Level, Status
from headway_prediction.service.live.stale_feed import (
    FeedOutages,
    climatology_forecast,
    continue_from,
    join_leads,
    status_of,
)

NOON = datetime.fromisoformat("2026-01-13T12:00:00-06:00").timestamp()
ZONE = "America/Chicago"
TODAY, CAP, LEVELS = date(2026, 1, 13), 30.0, (0.1, 0.5, 0.9)


@pytest.mark.parametrize(
    ("age", "level"),
    [
        (0, Level.LIVE),
        (120, Level.LIVE),
        (121, Level.STALE),
        (600, Level.STALE),
        (601, Level.CLIMATOLOGY),
        (90_000, Level.CLIMATOLOGY),
    ],
)
def test_the_age_of_the_data_sets_the_level(age, level):
    status = status_of(NOON, NOON - age, NOON - 7200)
    assert status.level is level and status.data_age_secs == age
    assert bool(status.reasons) == (level is not Level.LIVE)


def test_a_state_of_another_service_date_is_not_continued():
    levels = [status_of(NOON, NOON - age, NOON - 7200, same_service_date=False).level for age in (120, 121)]
    assert levels == [Level.LIVE, Level.CLIMATOLOGY]


def test_an_unknown_age_of_the_data_is_nan():
    assert Status(Level.WITHHELD).data_age_secs != Status(Level.WITHHELD).data_age_secs  # NaN


def test_the_first_half_hour_is_starting():
    levels = [status_of(NOON + mins * 60, NOON + mins * 60, NOON).level for mins in (0, 29, 30, 60)]
    assert levels == [Level.STARTING, Level.STARTING, Level.LIVE, Level.LIVE]


def test_a_feed_without_any_data_gives_typical_headways():
    status = status_of(NOON, None, None)
    assert status.level is Level.CLIMATOLOGY and status.data_age_secs != status.data_age_secs


def test_data_from_a_clock_ahead_have_the_age_zero():
    assert status_of(NOON, NOON + 3600, NOON - 7200).data_age_secs == 0


def test_an_outage_covers_the_minutes_of_its_start_and_end():
    outages = FeedOutages()
    for moment in (NOON - 60, NOON, NOON + 3600.5):
        outages.record(moment)
    assert outages.ended == [(NOON, NOON + 3600.5)] and outages.known_since == NOON + 3600.5
    assert outages_on(outages.attributes(NOON + 3700, ZONE), TODAY) == [(720, 781)]


def test_an_ongoing_outage_lasts_up_to_now():
    outages = FeedOutages()
    outages.record(NOON)
    assert outages.attributes(NOON + 600, ZONE) == {}
    assert outages_on(outages.attributes(NOON + 660, ZONE), TODAY) == [(720, 732)]


def test_an_outage_over_the_change_of_service_dates_is_in_both():
    outages = FeedOutages()
    outages.record(NOON + 12 * 3600)
    outages.record(NOON + 16 * 3600)
    attributes = outages.attributes(NOON + 16 * 3600, ZONE)
    assert outages_on(attributes, TODAY) == [(24 * 60, 36 * 60)]
    assert outages_on(attributes, date(2026, 1, 14)) == [(0, 4 * 60 + 1)]


def test_older_data_change_nothing_and_old_outages_are_dropped():
    outages = FeedOutages()
    for moment in (NOON, NOON + 3600, NOON + 1800):
        outages.record(moment)
    assert outages.content_at == NOON + 3600 and len(outages.ended) == 1
    outages.record(NOON + 60 * 3600)
    assert outages.ended == [(NOON + 3600, NOON + 60 * 3600)]


def a_forecast(t0: int, leads: int, seed: int) -> Forecast:
    random = np.random.default_rng(seed)
    middle = random.uniform(2, 20, (1, leads, 3, 2))
    low, high = middle - random.uniform(0, 2, middle.shape), middle + random.uniform(0, 4, middle.shape)
    return Forecast(TODAY, np.array([t0]), middle, dict(zip(LEVELS, (low, middle, high), strict=True)))


def width(forecast: Forecast) -> np.ndarray:
    return forecast.quantiles[0.9] - forecast.quantiles[0.1]


@given(st.integers(0, 10), st.integers(0, 1000))
def test_intervals_never_narrow_as_a_silence_lasts(wait, seed):
    then = a_forecast(500, 60, seed)
    shorter, longer = (
        continue_from(then, a_forecast(500 + mins, 15, seed + 1), CAP) for mins in (wait, wait + 1)
    )
    # the same minutes: lead l of the longer silence is lead l + 1 of the shorter
    assert (width(longer) >= width(shorter) - 1e-5).all()
    assert (width(longer) >= width(then)[:, :15] - 1e-5).all()


@given(st.integers(0, 1000))
def test_the_median_is_that_of_the_same_minute_from_the_last_state(seed):
    then = a_forecast(500, 60, seed)
    after = continue_from(then, a_forecast(504, 15, seed), CAP)
    np.testing.assert_array_equal(after.mean, then.mean[:, 4:19])
    np.testing.assert_array_equal(after.quantiles[0.5], then.quantiles[0.5][:, 4:19].astype(np.float32))
    assert after.origins[0] == 504


def test_leads_that_the_last_state_does_not_reach_are_climatology():
    then, climatology = a_forecast(500, 60, 1), a_forecast(507, 60, 2)
    after = continue_from(then, climatology, CAP)
    np.testing.assert_array_equal(after.mean[:, 53:], climatology.mean[:, 53:])
    np.testing.assert_array_equal(after.quantiles[0.1][:, 53:], climatology.quantiles[0.1][:, 53:])
    np.testing.assert_array_equal(after.mean[:, :53], then.mean[:, 7:])


def test_the_first_leads_come_from_the_15_minute_forecast():
    near, far = a_forecast(500, 15, 1), a_forecast(500, 60, 2)
    both = join_leads(near, far)
    np.testing.assert_array_equal(both.mean[:, :15], near.mean)
    np.testing.assert_array_equal(both.quantiles[0.9][:, 15:], far.quantiles[0.9][:, 15:])


def test_typical_headways_and_their_spread_do_not_jump_at_half_hours():
    half_hours = np.arange(HALF_HOURS, dtype=np.float32).reshape(1, -1, 1, 1)
    medians = np.broadcast_to(3 + half_hours / 2, (2, HALF_HOURS, 2, 2))
    climatology = Climatology(medians, np.stack([medians - 1, medians + 1]))
    forecast = climatology_forecast(climatology, (0.1, 0.5, 0.9), 60.0, date(2025, 9, 12), 600, 60)
    for values in (forecast.mean, *forecast.quantiles.values()):
        np.testing.assert_allclose(np.diff(values, axis=1), 0.5 / 30, atol=1e-5)
    low, middle, high = (forecast.quantiles[level] for level in (0.1, 0.5, 0.9))
    np.testing.assert_allclose(middle - low, 1, atol=1e-5)
    np.testing.assert_allclose(high - middle, 1, atol=1e-5)
