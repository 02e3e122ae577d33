"""Unusual silences: what is one, what is not, and by what evidence; no false outage on days without fault."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.quality.log_rows import platform_rows
from headway_prediction.quality.silences import (
    SILENCE_COLUMNS,
    gaps,
    outages,
    silence_lengths,
    unusual_silences,
)
from headway_prediction.simulate import Scenario, simulate_days
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.trips import timetable_of

WEEK = [MONDAY + timedelta(days=k) for k in range(5)]
STEADY = np.arange(360.5, 720, 5.0)
NO_OUTAGES = pl.DataFrame(schema=SILENCE_COLUMNS)


def without(first, end, minutes=STEADY):
    """The minutes but for those from `first` up to `end`."""
    return minutes[(minutes < first) | (minutes >= end)]


def found(observed, planned=None, min_mins=15):
    silences = unusual_silences(observed, planned or {}, min_mins)
    return [(s.service_date, s.first_minute, s.end_minute, s.evidence) for s in silences]


def test_each_minute_of_a_silence_has_its_length():
    lengths = silence_lengths(np.array([400.5, 405.5, 425.5]))
    assert lengths[[400, 401, 405, 406, 425, 426]].tolist() == [np.inf, 5, 5, 20, 20, np.inf]
    assert np.isinf(silence_lengths(np.empty(0))).all()


def test_identical_days_have_no_unusual_silence():
    assert found(dict.fromkeys(WEEK, STEADY)) == []


def test_an_hour_of_silence_is_found_to_the_minute():
    days = dict.fromkeys(WEEK, STEADY) | {WEEK[2]: without(500, 560)}
    assert found(days) == [(WEEK[2], 496, 560, "other days")]


def test_a_silence_must_be_long_enough_and_three_times_as_long_as_typical():
    days = dict.fromkeys(WEEK, STEADY)
    assert found(days | {WEEK[2]: without(500, 510)}) == []  # 14 minutes without a passing
    assert found(days | {WEEK[2]: without(500, 515)}) == [(WEEK[2], 496, 515, "other days")]
    rare = np.arange(360.5, 720, 20.0)
    days = dict.fromkeys(WEEK, rare)
    assert found(days | {WEEK[2]: without(500, 540, rare)}) == []  # 59 minutes of 20-minute service
    assert found(days | {WEEK[2]: without(500, 560, rare)}) == [(WEEK[2], 481, 560, "other days")]


def test_only_minutes_in_which_trains_typically_run_count():
    days = dict.fromkeys(WEEK, STEADY)
    # A day that begins late and one that ends early, from and to where service usually begins and ends.
    assert found(days | {WEEK[1]: STEADY[STEADY >= 420]}) == [(WEEK[1], 361, 420, "other days")]
    assert found(days | {WEEK[1]: STEADY[STEADY < 600]}) == [(WEEK[1], 596, 716, "other days")]
    assert found(days | {WEEK[1]: np.empty(0)}) == [(WEEK[1], 361, 716, "other days")]
    # A train long before service leaves a silence that is none.
    assert found(days | {WEEK[1]: np.append(200.0, STEADY)}) == []


def test_a_break_that_every_day_has_is_no_outage():
    assert found(dict.fromkeys(WEEK, without(500, 560))) == []


def test_weekends_are_not_compared_with_weekdays():
    saturday = MONDAY + timedelta(days=5)
    assert found(dict.fromkeys(WEEK, STEADY) | {saturday: STEADY[STEADY >= 600]}) == []


def test_without_other_days_a_silence_is_compared_with_the_hours_around_it():
    assert found({MONDAY: without(500, 560)}) == [(MONDAY, 496, 560, "before and after")]
    assert found({MONDAY: without(500, 510)}) == []
    # Neither the ends of the day nor a silence with hardly a train before it can be judged.
    assert found({MONDAY: STEADY[STEADY >= 600]}) == []
    assert found({MONDAY: np.concatenate([[360.0, 365.0], STEADY[STEADY >= 600]])}) == []


def test_a_silence_counts_where_the_plan_and_other_days_have_trains():
    planned = {MONDAY: np.arange(300.0, 900, 5)}
    assert found({MONDAY: without(500, 560)}, planned) == [
        (MONDAY, 300, 360, "plan"), (MONDAY, 496, 560, "plan"), (MONDAY, 716, 895, "plan"),
    ]  # fmt: skip
    days = dict.fromkeys(WEEK, STEADY) | {MONDAY: without(500, 560)}
    assert found(days, dict.fromkeys(WEEK, planned[MONDAY])) == [(MONDAY, 496, 560, "plan and other days")]
    # A holiday on which the plan has no trains before ten.
    holiday = {WEEK[3]: STEADY[STEADY >= 600]}
    assert found(dict.fromkeys(WEEK, STEADY) | holiday, {WEEK[3]: np.arange(600.0, 900, 5)}) == []


def placed(rows):
    log = log_of(rows)
    line = Line.from_arrivals(log, ZONE)
    return platform_rows(log, line), line


def test_a_silent_platform_on_a_running_line_is_a_gap_and_a_silent_line_an_outage():
    rows = regular_rows(days=WEEK, headway=5.0)
    closed = [r for r in rows if not (r[0] == WEEK[1] and r[3] == "B" and r[2] == 0 and 500 <= r[5] < 560)]
    passings, line = placed(closed)
    assert outages(passings, None).is_empty()
    assert gaps(passings, line, None, NO_OUTAGES).rows() == [(0, 1, WEEK[1], 498, 562, "other days")]
    silent = [r for r in rows if not (r[0] == WEEK[1] and 500 <= r[5] < 560)]
    passings, line = placed(silent)
    assert outages(passings, None).drop("evidence").rows() == [(WEEK[1], 500, 560)]
    assert gaps(passings, line, None, outages(passings, None)).is_empty()
    assert gaps(passings, line, None, NO_OUTAGES).height == 8


def test_a_gap_much_longer_than_the_outage_in_it_stays():
    rows = regular_rows(days=WEEK, headway=5.0)
    silent = [r for r in rows if not (r[0] == WEEK[1] and 500 <= r[5] < 530)]
    silent = [r for r in silent if not (r[0] == WEEK[1] and r[3] == "B" and r[2] == 0)]
    passings, line = placed(silent)
    assert gaps(passings, line, None, outages(passings, None)).drop("evidence").rows() == [
        (0, 1, WEEK[1], 362, 717)
    ]


def test_gaps_follow_the_plan_where_it_has_the_platform():
    rows = [r for r in regular_rows(headway=10.0) if not (r[3] == "B" and r[2] == 0)]
    rows += [(MONDAY, "0-360", 0, "B", 1, 362.0), (MONDAY, "0-710", 0, "B", 1, 712.0)]
    passings, line = placed(rows)
    assert gaps(passings, line, None, NO_OUTAGES).is_empty()
    planned = [(0, k, 0, 1, 362.0 + 10 * k) for k in range(36)]
    plan = timetable_of(planned, Service("all", weekdays=frozenset(range(7))))
    assert gaps(passings, line, plan, NO_OUTAGES).rows() == [(0, 1, MONDAY, 363, 712, "plan")]


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), stations=st.integers(4, 10), first=st.integers(0, 20))
def test_there_is_no_false_outage_on_simulated_days(seed, stations, first):
    scenario = Scenario.of_size(stations, start_date=date(2025, 9, 8) + timedelta(days=first))
    log = check_arrivals(simulate_days(scenario, days=4, seed=seed))
    passings = platform_rows(log, Line.from_arrivals(log, scenario.time_zone))
    assert outages(passings, None).is_empty()
