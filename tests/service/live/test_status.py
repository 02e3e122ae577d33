"""How old the feed's news are decides what is said, and a long silence leaves a hole in what is known."""

from datetime import date, datetime

import pytest

from headway_prediction.grid.outages import outages_on
from headway_prediction.service.live.published import Level, Status
from headway_prediction.service.live.silences import FeedOutages
from headway_prediction.service.live.status import status_of

NOON = datetime.fromisoformat("2026-01-13T12:00:00-06:00").timestamp()
ZONE, TODAY = "America/Chicago", date(2026, 1, 13)


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
    levels = [status_of(NOON, NOON - age, NOON - 7200, of_today=False).level for age in (120, 121)]
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
