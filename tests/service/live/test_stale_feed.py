"""How old the feed's news are decides what is said, and a long silence leaves a hole in what is known."""

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.outages import outages_on
from headway_prediction.service.live.published import Level, Status
from headway_prediction.service.live.stale_feed import FeedOutages, continue_from, join_leads, status_of

NOON = datetime.fromisoformat("2026-01-13T12:00:00-06:00").timestamp()
ZONE, TODAY = "America/Chicago", date(2026, 1, 13)
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
def test_the_age_of_the_news_sets_the_level(age, level):
    status = status_of(NOON, NOON - age, NOON - 7200)
    assert status.level is level and status.data_age_secs == age
    assert bool(status.reasons) == (level is not Level.LIVE)


def test_what_was_known_on_another_service_date_is_nothing_to_go_on_from():
    levels = [status_of(NOON, NOON - age, NOON - 7200, same_service_date=False).level for age in (120, 121)]
    assert levels == [Level.LIVE, Level.CLIMATOLOGY]


def test_nothing_known_of_the_data_is_not_taken_for_fresh_data():
    assert Status(Level.WITHHELD).data_age_secs != Status(Level.WITHHELD).data_age_secs  # NaN


def test_the_first_half_hour_is_marked_and_then_it_is_not():
    levels = [status_of(NOON + mins * 60, NOON + mins * 60, NOON).level for mins in (0, 29, 30, 60)]
    assert levels == [Level.STARTING, Level.STARTING, Level.LIVE, Level.LIVE]


def test_a_feed_that_never_spoke_leaves_the_usual_headways():
    status = status_of(NOON, None, None)
    assert status.level is Level.CLIMATOLOGY and status.data_age_secs != status.data_age_secs


def test_news_from_a_clock_ahead_are_not_younger_than_now():
    assert status_of(NOON, NOON + 3600, NOON - 7200).data_age_secs == 0


def test_an_hour_of_silence_is_unknown_to_the_minute_it_began_and_ended_in():
    silences = FeedOutages()
    for moment in (NOON - 60, NOON, NOON + 3600.5):
        silences.record(moment)
    assert silences.ended == [(NOON, NOON + 3600.5)] and silences.known_since == NOON + 3600.5
    assert outages_on(silences.attributes(NOON + 3700, ZONE), TODAY) == [(720, 781)]


def test_a_silence_that_lasts_is_unknown_up_to_now():
    silences = FeedOutages()
    silences.record(NOON)
    assert silences.attributes(NOON + 600, ZONE) == {}
    assert outages_on(silences.attributes(NOON + 660, ZONE), TODAY) == [(720, 732)]


def test_a_silence_over_the_change_of_service_dates_is_in_both():
    silences = FeedOutages()
    silences.record(NOON + 12 * 3600)
    silences.record(NOON + 16 * 3600)
    attributes = silences.attributes(NOON + 16 * 3600, ZONE)
    assert outages_on(attributes, TODAY) == [(24 * 60, 36 * 60)]
    assert outages_on(attributes, date(2026, 1, 14)) == [(0, 4 * 60 + 1)]


def test_old_news_change_nothing_and_old_silences_are_forgotten():
    silences = FeedOutages()
    for moment in (NOON, NOON + 3600, NOON + 1800):
        silences.record(moment)
    assert silences.content_at == NOON + 3600 and len(silences.ended) == 1
    silences.record(NOON + 60 * 3600)
    assert silences.ended == [(NOON + 3600, NOON + 60 * 3600)]


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
    both = join_leads(near, far)
    np.testing.assert_array_equal(both.mean[:, :15], near.mean)
    np.testing.assert_array_equal(both.quantiles[0.9][:, 15:], far.quantiles[0.9][:, 15:])
