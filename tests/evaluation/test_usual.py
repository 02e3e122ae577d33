from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from headway_prediction.evaluation.typical_headway import TypicalHeadway
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

DAYS = [MONDAY + timedelta(days=k) for k in range(3)]
SATURDAY = MONDAY + timedelta(days=5)


# Every 12 minutes at station 0 in direction 0, every day of the week.
PLAN = Timetable(
    (Service("daily", weekdays=frozenset(range(7))),),
    pl.DataFrame([(0, k, 0, 0, 360.0 + 12 * k) for k in range(60)], PLANNED_COLUMNS, orient="row"),
)


def history_of(headways, plan=None):
    """Two stations, on each date at its own headway."""
    rows = [
        row
        for day, headway in headways.items()
        for row in regular_rows(stations=2, headway=headway, days=[day])
    ]
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE), plan)


@pytest.fixture(scope="module")
def history():
    return history_of(dict(zip(DAYS, (6.0, 8.0, 20.0), strict=True)))


def test_only_days_before_the_first_scored_one_say_what_is_usual(history):
    typical = TypicalHeadway.before(history, DAYS[1:])
    assert typical.on(history, DAYS[1])[600, 0, 0] == typical.on(history, DAYS[2])[600, 0, 0] == 6
    # Both earlier days: the median of sixes and eights lies between them.
    assert 6 <= TypicalHeadway.before(history, DAYS[2:]).on(history, DAYS[2])[600, 0, 0] <= 8


def test_what_comes_after_the_first_scored_day_changes_nothing(history):
    shorter = history.select(DAYS[:2])
    np.testing.assert_array_equal(
        TypicalHeadway.before(history, [DAYS[1]]).medians, TypicalHeadway.before(shorter, [DAYS[1]]).medians
    )


def test_without_earlier_days_or_a_plan_nothing_is_usual(history):
    typical = TypicalHeadway.before(history, DAYS)
    assert typical.medians is None
    assert np.isnan(typical.on(history, DAYS[0])).all()


def test_without_any_date_nothing_is_learned(history):
    assert TypicalHeadway.before(history, []).medians is None


def test_where_no_earlier_day_tells_the_plan_does(history):
    planned = history_of({MONDAY: 6.0, SATURDAY: 20.0}, plan=PLAN)
    typical = TypicalHeadway.before(planned, [SATURDAY])
    # No earlier weekend, so that Saturday has its plan; a Monday has what Mondays were like.
    assert typical.on(planned, SATURDAY)[600, 0, 0] == 12
    assert np.isnan(typical.on(planned, SATURDAY)[600, 1, 0])
    assert typical.on(planned, MONDAY)[600, 0, 0] == 6
    assert typical.on(planned, MONDAY).shape == (1620, 2, 2)
