"""Truth of each origin, the typical headway, and quiet and disturbed conditions."""

from datetime import timedelta
from math import sqrt

import numpy as np
import pytest
import xarray as xr

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.truth import (
    MIN_DISTURBED_IRREGULARITY,
    TypicalHeadway,
    condition_of,
    day_truth,
    irregularity,
)
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, regular_rows
from helpers.trips import history_of, plan_of
from helpers.truths import both_ways


def test_truth_is_the_grid_after_each_origin():
    history = history_of(regular_rows(stations=3, headway=7.0))
    origins = np.array([400, 410])
    truth, day = day_truth(history, MONDAY, origins), history.day(MONDAY)
    assert truth.headway.shape == truth.valid.shape == truth.event.shape == (2, 15, 3, 2)
    for number, origin in enumerate(origins):
        for lead in (1, 8, 15):
            np.testing.assert_array_equal(
                truth.headway[number, lead - 1], day["headway"].values[origin + lead]
            )
            np.testing.assert_array_equal(truth.event[number, lead - 1], day["arrived"].values[origin + lead])
    assert truth.event.any()
    assert not (truth.event & ~truth.valid).any()


def test_an_event_is_a_minute_with_a_passing():
    truth = day_truth(history_of(both_ways(range(400, 600, 10))), MONDAY, np.array([450]))
    # A in direction 0: trains at 460 (lead 10); B in direction 0: at 452 and 462 (leads 2 and 12).
    assert np.flatnonzero(truth.event[0, :, 0, 0]).tolist() == [9]
    assert np.flatnonzero(truth.event[0, :, 1, 0]).tolist() == [1, 11]
    assert (truth.headway == 10).all()


def test_minutes_from_27_hours_on_are_not_scored():
    rows = both_ways(range(1500, 1640, 5))
    truth = day_truth(history_of(rows), MONDAY, np.array([1610]))
    assert truth.valid[0, :9].all()
    assert not truth.valid[0, 9:].any()
    assert not truth.event[0, 9:].any()


def test_truth_has_the_typical_headway_of_its_own_minutes():
    history = history_of(regular_rows(stations=3, headway=7.0))
    medians = np.arange(2 * 54 * 3 * 2, dtype=float).reshape(2, 54, 3, 2)
    truth = day_truth(history, MONDAY, np.array([410]), TypicalHeadway(medians))
    # Minutes 411 to 419 lie in half-hour 13, 420 to 425 in half-hour 14; Monday is a weekday.
    np.testing.assert_array_equal(
        truth.typical[0, :, 2, 1], [medians[0, 13, 2, 1]] * 9 + [medians[0, 14, 2, 1]] * 6
    )
    assert np.isnan(day_truth(history, MONDAY, np.array([410])).typical).all()
    assert truth.cap_mins == 30


DAYS = [MONDAY + timedelta(days=k) for k in range(3)]
SATURDAY = MONDAY + timedelta(days=5)


# Every 12 minutes at station 0 in direction 0, every day of the week.
PLAN = plan_of([(k, 0, 0, 360.0 + 12 * k) for k in range(60)])


def history_of_headways(headways, plan=None):
    """Two stations, on each date at its own headway."""
    rows = [
        row
        for day, headway in headways.items()
        for row in regular_rows(stations=2, headway=headway, days=[day])
    ]
    return history_of(rows, plan)


@pytest.fixture(scope="module")
def history():
    return history_of_headways(dict(zip(DAYS, (6.0, 8.0, 20.0), strict=True)))


def test_the_typical_headway_is_fitted_on_days_before_the_first_scored_one(history):
    typical = TypicalHeadway.before(history, DAYS[1:])
    assert typical.on(history, DAYS[1])[600, 0, 0] == typical.on(history, DAYS[2])[600, 0, 0] == 6
    # Both earlier days: the median of sixes and eights lies between them.
    assert 6 <= TypicalHeadway.before(history, DAYS[2:]).on(history, DAYS[2])[600, 0, 0] <= 8


def test_what_comes_after_the_first_scored_day_changes_nothing(history):
    shorter = history.select(DAYS[:2])
    np.testing.assert_array_equal(
        TypicalHeadway.before(history, [DAYS[1]]).medians, TypicalHeadway.before(shorter, [DAYS[1]]).medians
    )


def test_without_earlier_days_or_a_plan_there_is_no_typical_headway(history):
    typical = TypicalHeadway.before(history, DAYS)
    assert typical.medians is None
    assert np.isnan(typical.on(history, DAYS[0])).all()


def test_without_any_date_nothing_is_fitted(history):
    assert TypicalHeadway.before(history, []).medians is None


def test_where_no_earlier_day_has_a_value_the_plan_is_typical(history):
    planned = history_of_headways({MONDAY: 6.0, SATURDAY: 20.0}, plan=PLAN)
    typical = TypicalHeadway.before(planned, [SATURDAY])
    # No earlier weekend, so that Saturday has its plan; a Monday has what Mondays were like.
    assert typical.on(planned, SATURDAY)[600, 0, 0] == 12
    assert np.isnan(typical.on(planned, SATURDAY)[600, 1, 0])
    assert typical.on(planned, MONDAY)[600, 0, 0] == 6
    assert typical.on(planned, MONDAY).shape == (1620, 2, 2)


TUESDAY = MONDAY + timedelta(days=1)


def day_of(passings, open_since=None):
    """A day of one station whose direction 0 has passings {minute: headway}; direction 1 never runs.

    `open_since` is the minute since which the last headway is open.
    """
    cells = {name: np.full((1620, 1, 2), np.nan) for name in ("headway", "elapsed")}
    cells |= {name: np.zeros((1620, 1, 2), bool) for name in ("arrived", "valid")}
    for minute, headway in passings.items():
        cells["headway"][minute:, 0, 0] = headway
        cells["arrived"][minute, 0, 0] = True
    cells["valid"][min(passings) :, 0, 0] = True
    if open_since is not None:
        cells["elapsed"][open_since:, 0, 0] = np.arange(1, 1621 - open_since)
    return xr.Dataset({name: (("time", "station", "direction"), values) for name, values in cells.items()})


TYPICAL = np.full((1620, 1, 2), 10.0)


def test_irregularity_by_hand():
    day = day_of({600: 5, 620: 20})
    # Up to 629 both passings count: deviations 5 and 10 from 10; from 630 on the later one alone; from 650 on none.
    found = irregularity(day, TYPICAL, np.array([599, 600, 629, 630, 649, 650]))
    expected = [np.nan, 0.5, sqrt((25 + 100) / 2) / 10, 1.0, 1.0, np.nan]
    np.testing.assert_allclose(found, expected)


def test_a_line_that_stands_still_is_disturbed_though_nothing_passes():
    day = day_of({600: 10}, open_since=600)
    found = irregularity(day, TYPICAL, np.array([605, 609, 610, 624, 634]))
    # At the end of minute 610 the headway is open for 11 minutes; at 634, for 35, and the passing is forgotten.
    expected = [0, 0, sqrt(1 / 2) / 10, sqrt(15**2 / 2) / 10, 25 / 10]
    np.testing.assert_allclose(found, expected)
    assert condition_of(found).tolist() == [0, 0, 0, 1, 1]


def test_cells_that_are_not_valid_or_have_no_typical_headway_do_not_count():
    day = day_of({600: 5, 620: 20}, open_since=620)
    day["valid"][620:] = False
    assert irregularity(day, TYPICAL, np.array([640])).tolist() == pytest.approx([np.nan], nan_ok=True)
    assert irregularity(day, TYPICAL, np.array([625])).tolist() == [0.5]
    unknown = np.full_like(TYPICAL, np.nan)
    assert np.isnan(irregularity(day, unknown, np.array([625]))).all()


def test_the_first_minutes_of_a_day_look_back_to_its_beginning_only():
    assert irregularity(day_of({0: 5}), TYPICAL, np.array([0, 29, 30])).tolist() == pytest.approx(
        [0.5, 0.5, np.nan], nan_ok=True
    )


def test_conditions_begin_at_the_limit():
    found = condition_of(
        np.array([0.0, MIN_DISTURBED_IRREGULARITY - 1e-9, MIN_DISTURBED_IRREGULARITY, 3.0, np.nan])
    )
    assert found.tolist() == [0, 0, 1, 1, 2]


def test_the_condition_of_an_origin_uses_nothing_after_it():
    history = history_of(regular_rows(days=(MONDAY, TUESDAY), headway=8.0, noise=3.0))
    typical = TypicalHeadway.before(history, [TUESDAY])
    origins = scored_origins(history, TUESDAY)
    whole = day_truth(history, TUESDAY, origins, typical).irregularity
    for origin, value in list(zip(origins, whole, strict=True))[::5]:
        known = history.as_of(TUESDAY, int(origin))
        assert day_truth(known, TUESDAY, [origin], typical).irregularity[0] == value


def test_an_even_service_is_quiet_until_its_trains_stay_away():
    even = regular_rows(days=(MONDAY, TUESDAY), headway=8.0)
    history = history_of([row for row in even if row[0] == MONDAY or not 500 <= row[5] < 540])
    typical = TypicalHeadway.before(history, [TUESDAY])
    origins = np.arange(450, 600, 10)
    found = condition_of(day_truth(history, TUESDAY, origins, typical).irregularity)
    # By 520 most platforms have waited more than twice the typical headway; the long headways that end from 540 on are over
    # half an hour old at 580.
    assert set(range(520, 560, 10)) <= set(origins[found == 1].tolist()) <= set(range(510, 580, 10))
    assert (condition_of(day_truth(history, MONDAY, origins, typical).irregularity) == 0).all()


@pytest.mark.parametrize(
    ("name", "zone"), [("dublin-dart", "Europe/Dublin"), ("sydney-t4", "Australia/Sydney")]
)
def test_real_lines_are_quiet_most_of_the_time_and_disturbed_at_times(real_line, name, zone):
    log = read_arrivals(real_line(name) / "arrivals.parquet")
    history = history_from_log(log, Line.from_arrivals(log, zone))
    day = history.service_dates[-1]
    typical = TypicalHeadway.before(history, [day])
    disturbed = condition_of(day_truth(history, day, scored_origins(history, day), typical).irregularity) == 1
    assert 0.01 < disturbed.mean() < 0.5
