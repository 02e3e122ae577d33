from datetime import date

import numpy as np

from headway_prediction.forecasters.baselines import Schedule
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.trips import plan_of

SUNDAY = date(2025, 10, 5)


def history_with(planned, cap_mins=30.0):
    """A regular line whose plan holds (direction, station, minute) on weekdays."""
    log = log_of(regular_rows(stations=2, days=(MONDAY, SUNDAY)))
    plan = plan_of([(k, *passing) for k, passing in enumerate(planned)], range(5))
    return history_from_log(log, Line.from_arrivals(log, ZONE), plan, cap_mins=cap_mins)


def test_the_headway_of_the_latest_planned_passing_is_held():
    history = history_with([(0, 0, 400.0), (0, 0, 412.5), (0, 0, 418.0), (0, 0, 500.0)])
    mean = Schedule.fit(history).forecast(history, MONDAY, np.array([408, 600])).mean
    # Leads 1 to 3 are minutes 409 to 411; the passing at 412.5 falls in minute 412, that at exactly 418 in minute 418.
    np.testing.assert_array_equal(mean[0, :, 0, 0], [np.nan] * 3 + [12.5] * 6 + [5.5] * 6)
    assert (mean[1, :, 0, 0] == 30).all()
    assert np.isnan(mean[:, :, 1, :]).all()


def test_the_cap_is_the_grids():
    history = history_with([(1, 0, 400.0), (1, 0, 450.0)], cap_mins=45.0)
    assert (Schedule.fit(history).forecast(history, MONDAY, np.array([500])).mean[..., 0, 1] == 45).all()


def test_a_day_or_a_line_without_a_plan_is_not_forecast():
    history = history_with([(0, 0, 400.0), (0, 0, 410.0)])
    assert np.isnan(Schedule.fit(history).forecast(history, SUNDAY, np.array([420])).mean).all()
    log = log_of(regular_rows(stations=2))
    bare = history_from_log(log, Line.from_arrivals(log, ZONE))
    assert np.isnan(Schedule.fit(bare).forecast(bare, MONDAY, np.array([420])).mean).all()


def test_leads_past_27_00_take_the_last_minute():
    history = history_with([(0, 0, 1600.0), (0, 0, 1615.0)])
    assert (Schedule.fit(history).forecast(history, MONDAY, np.array([1619])).mean[0, :, 0, 0] == 15).all()
