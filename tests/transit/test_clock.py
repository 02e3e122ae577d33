from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import (
    SCORED_DAY_MINS,
    gtfs_minutes,
    instant,
    local_instants,
    local_iso,
    service_date_and_minute,
    service_dates,
    service_day_start,
    service_minutes,
    time_zone,
)

DUBLIN, NEW_YORK = "Europe/Dublin", "America/New_York"
ZONES = st.sampled_from([DUBLIN, NEW_YORK, "Australia/Sydney", "UTC", "Asia/Kolkata"])
DATES = st.dates(date(2015, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        (date(2025, 9, 29), DUBLIN, "2025-09-29T00:00:00+01:00"),
        (date(2025, 10, 26), DUBLIN, "2025-10-26T01:00:00+01:00"),  # 25 hours: noon GMT - 12 h = 00:00 GMT
        (date(2025, 3, 30), DUBLIN, "2025-03-29T23:00:00+00:00"),  # 23 hours: noon IST - 12 h = 00:00 IST
        (date(2017, 11, 5), NEW_YORK, "2017-11-05T01:00:00-04:00"),
        (date(2018, 3, 11), NEW_YORK, "2018-03-10T23:00:00-05:00"),
    ],
)
def test_a_service_day_starts_twelve_hours_before_noon(day, zone, start):
    assert service_day_start(day, zone) == datetime.fromisoformat(start)
    assert instant(day, 720, zone).strftime("%H:%M") == "12:00"


def test_minutes_keep_their_length_on_the_day_the_clocks_go_back():
    day = date(2025, 10, 26)
    assert local_iso(day, np.array([0, 30, 60, 120, 1440]), DUBLIN) == [
        "2025-10-26T01:00:00+01:00",
        "2025-10-26T01:30:00+01:00",
        "2025-10-26T01:00:00+00:00",
        "2025-10-26T02:00:00+00:00",
        "2025-10-27T00:00:00+00:00",
    ]


def test_minutes_run_past_midnight():
    assert local_iso(date(2025, 9, 29), np.array([[1439.5], [1500]]), DUBLIN) == [
        "2025-09-29T23:59:30+01:00",
        "2025-09-30T01:00:00+01:00",
    ]


@given(DATES, st.integers(0, 36 * 3600 - 1), ZONES)
def test_instants_and_service_minutes_are_each_others_inverse(day, second, zone):
    moment = instant(day, second / 60, zone)
    assert moment.tzinfo == ZoneInfo(zone)
    minutes = service_minutes(pl.Series([moment.astimezone(UTC)]), pl.Series([day]), zone)
    assert minutes[0] == pytest.approx(second / 60, abs=1e-6)
    if second % 60 == 0:
        assert minutes[0] == second // 60  # a whole minute is whole: it decides in which row a passing falls


def test_service_minutes_of_several_days_at_once():
    days = [date(2025, 10, 25), date(2025, 10, 26), date(2025, 10, 25)]
    noons = [
        datetime(2025, 10, 25, 11, tzinfo=UTC),
        datetime(2025, 10, 26, 12, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
    ]
    assert service_minutes(pl.Series(noons), pl.Series(days), DUBLIN).to_list() == [720, 720, 1590]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2025-09-29T03:00:00+01:00", (date(2025, 9, 29), 180)),
        ("2025-09-29T02:59:00+01:00", (date(2025, 9, 28), 1619)),
        ("2025-09-29T00:00:00+01:00", (date(2025, 9, 28), 1440)),
        ("2025-09-28T23:00:00Z", (date(2025, 9, 28), 1440)),
        # On the night the clocks go back the day before reaches its 27:00 at 02:00, an hour early by the clock.
        ("2025-10-26T01:59:00+00:00", (date(2025, 10, 25), 1619)),
        ("2025-10-26T02:30:00+00:00", (date(2025, 10, 26), 150)),
        # When they go forward it reaches 27:00 at 04:00.
        ("2025-03-30T03:30:00+01:00", (date(2025, 3, 29), 1590)),
        ("2025-03-30T04:00:00+01:00", (date(2025, 3, 30), 240)),
    ],
)
def test_a_moment_belongs_to_the_day_before_until_its_27_00(moment, expected):
    assert service_date_and_minute(datetime.fromisoformat(moment), DUBLIN) == expected


@given(DATES, st.integers(0, 1439), ZONES)
def test_every_moment_falls_inside_the_grid_of_its_service_day(day, minute, zone):
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    service_date, found = service_date_and_minute(moment, zone)
    assert 0 <= found < SCORED_DAY_MINS
    assert instant(service_date, found, zone) == moment


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(HeadwayError, match=r"is unknown; expected an IANA name such as Europe/Dublin; pass"):
        time_zone(name)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("00:00:00", 0),
        ("5:07:30", 307.5),
        (" 08:00:00 ", 480),
        ("08:05", 485),
        ("24:00:00", 1440),
        ("27:59:59", 1679 + 59 / 60),
    ],
)
def test_gtfs_times_may_pass_midnight(text, minutes):
    assert gtfs_minutes(text) == pytest.approx(minutes)


@pytest.mark.parametrize(
    "text", ["", "8", "08:61:00", "08:00:60", "-1:00:00", "08:00:00 PM", "8h30", "1:2:3:4", "٠٨:٠٠:٠٠"]
)
def test_anything_else_is_no_gtfs_time(text):
    with pytest.raises(HeadwayError, match="expected H:MM:SS"):
        gtfs_minutes(text)


def test_service_dates_are_those_of_service_moment_on_every_hour_of_the_clock_changes():
    zone = "America/New_York"
    hours = [datetime(2024, 3, 9, tzinfo=UTC) + timedelta(minutes=30 * k) for k in range(120)]
    hours += [datetime(2024, 11, 2, tzinfo=UTC) + timedelta(minutes=30 * k) for k in range(120)]
    assert service_dates(pl.Series(hours), zone).to_list() == [
        service_date_and_minute(hour, zone)[0] for hour in hours
    ]


def test_a_local_time_that_comes_twice_or_never_is_no_instant():
    local = pl.Series([datetime(2024, 3, 10, 2, 30), datetime(2024, 11, 3, 1, 30), datetime(2024, 7, 1, 8)])
    assert local_instants(local, "America/New_York").to_list() == [
        None,
        None,
        datetime(2024, 7, 1, 12, tzinfo=UTC),
    ]
