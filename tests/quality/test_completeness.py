"""Observed passings against planned ones, and where there is no plan against other days."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.quality.completeness import completeness, matched_passings
from headway_prediction.quality.log_rows import platform_rows
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.trips import timetable_of

COLUMNS = {
    "service_date": pl.Date,
    "direction": pl.Int8,
    "station": pl.Int16,
    "minute": pl.Float64,
    "trip_id": pl.Categorical,
}
WEEK = [MONDAY + timedelta(days=k) for k in range(7)]


def passings(*rows):
    """Passings (train, minute) of one platform."""
    return pl.DataFrame([(MONDAY, 0, 0, minute, train) for train, minute in rows], COLUMNS, orient="row")


def matched(planned, observed, tolerance=5.0):
    late, others = matched_passings(passings(*observed), passings(*planned), tolerance)
    return late["late_mins"].to_list(), others["minute"].to_list()


def test_each_passing_is_matched_to_the_nearest_planned_one_within_the_tolerance():
    assert matched([(1, 400), (2, 410), (3, 420)], [(-1, 401), (-1, 409), (-1, 425)]) == ([1, -1, 5], [])
    assert matched([(1, 400), (2, 410)], [(-1, 405.5), (-1, 416)]) == ([None, -4.5], [416])


def test_a_planned_passing_is_matched_once_and_the_nearest_pair_goes_first():
    assert matched([(1, 400)], [(-1, 399), (-1, 402)]) == ([-1], [402])
    # 404 is nearest to 405; 401 then is left with 400, and 408 with nothing in reach but 412.
    late, others = matched([(1, 400), (2, 405), (3, 412)], [(-1, 401), (-1, 404), (-1, 408)])
    assert (late, others) == ([1, -1, -4], [])


def test_a_train_identified_by_its_id_may_be_very_late_and_an_id_far_off_is_another_trip():
    assert matched([(7, 400), (8, 410)], [(7, 412), (8, 425)]) == ([12, 15], [])
    assert matched([(7, 400)], [(7, 461)]) == ([None], [461])
    assert matched([(7, 400), (8, 410)], [(7, 412)]) == ([12, None], [])


@settings(max_examples=30)
@given(
    planned=st.lists(st.integers(0, 200), max_size=12, unique=True),
    observed=st.lists(st.integers(0, 200), max_size=12, unique=True),
    tolerance=st.sampled_from([0.5, 3.0, 10.0]),
)
def test_matching_equals_taking_the_nearest_unmatched_pair_repeatedly(planned, observed, tolerance):
    # Spread, so that no two pairs are equally near.
    due = [minute + 0.001 * k**2 for k, minute in enumerate(sorted(planned))]
    seen = [minute + 0.0003 * k for k, minute in enumerate(sorted(observed))]
    free_due, free_seen, pairs = set(due), set(seen), {}
    for off, a, b in sorted((abs(b - a), a, b) for a in due for b in seen):
        if off <= tolerance and a in free_due and b in free_seen:
            pairs[a] = b
            free_due.remove(a)
            free_seen.remove(b)
    late, others = matched([(k, m) for k, m in enumerate(due)], [(-1, m) for m in seen], tolerance)
    assert late == [pytest.approx(pairs[a] - a) if a in pairs else None for a in due]
    assert others == sorted(free_seen)


def test_dates_and_platforms_are_matched_apart():
    other = passings((1, 400)).with_columns(station=pl.lit(1, pl.Int16))
    tomorrow = passings((1, 400)).with_columns(service_date=pl.lit(WEEK[1]))
    late, others = matched_passings(pl.concat([other, tomorrow]), passings((1, 400)))
    assert late["late_mins"].to_list() == [None] and others.height == 2


def counted(rows, plan=None):
    log = log_of(rows)
    line = Line.from_arrivals(log, ZONE)
    return completeness([platform_rows(log, line)], line, plan)


def plan_of(rows, weekdays):
    return timetable_of(rows, Service("days", weekdays=frozenset(weekdays)))


def test_a_platform_is_compared_with_the_plan_of_its_date():
    rows = [row for row in regular_rows(first=360, last=420) if row[5] != 380]
    plan = plan_of([(0, k, 0, 0, 360.0 + 10 * k) for k in range(5)], range(5))
    table = counted(rows, plan)
    first = table.row(0, named=True)
    # Planned at A: 360 to 400; observed 360, 370, 390, 400 and, not planned, 410.
    wanted = {
        "passings": 5,
        "planned": 5,
        "planned_observed": 4,
        "unplanned": 1,
        "late_mins": 0,
        "share": 0.8,
    }
    assert {name: first[name] for name in wanted} == wanted
    others = table.filter(pl.col("station") > 0)
    assert others["planned"].is_null().all() and others["share"].is_null().all()


def test_a_date_of_the_plan_without_a_passing_counts_as_missing_and_one_without_a_plan_as_unknown():
    rows = [row for day in (WEEK[0], WEEK[6]) for row in regular_rows(days=[day], first=360, last=420)]
    plan = plan_of([(0, k, 0, 0, 360.0 + 10 * k) for k in range(6)], [0, 1])
    table = counted(rows, plan).filter((pl.col("station") == 0) & (pl.col("direction") == 0))
    assert table["service_date"].to_list() == WEEK
    assert table["share"].to_list() == [1, 0, *[None] * 5]
    assert table["passings"].to_list() == [6, 0, 0, 0, 0, 0, 6]


def test_without_a_plan_the_median_of_three_days_of_a_day_type_is_typical():
    thin = [row for row in regular_rows(days=WEEK[:4]) if not (row[0] == WEEK[1] and row[5] >= 540)]
    table = counted(thin + regular_rows(days=WEEK[5:])).filter(pl.col("station") == 0)
    shares = dict(table.filter(pl.col("direction") == 0).select("service_date", "share").iter_rows())
    assert [shares[day] for day in WEEK] == [1, 0.5, 1, 1, 0, None, None]
