"""Persistence, climatology and schedule on lines computed by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.forecasters.baselines import Climatology, Persistence, Schedule, by_minute
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.clock import is_weekend
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train
from helpers.trips import plan_of


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def test_the_held_headway_stays_at_every_lead():
    rows = train("a", "AB", 400) + train("b", "AB", 407.5) + train("c", "BA", 400, direction=1)
    history = history_of(rows)
    forecast = Persistence.fit(history).forecast(history, MONDAY, np.array([408, 409]))
    assert forecast.mean.shape == (2, 15, 2, 2)
    assert forecast.mean.dtype == np.float32
    assert (forecast.mean[:, :, 0, 0] == 7.5).all()
    # At the end of minute 408 the second train (409.5) is not known at B; a platform without a headway is forecast as 10.
    assert (forecast.mean[0, :, 1, 0] == 10).all()
    assert (forecast.mean[1, :, 1, 0] == 7.5).all()
    assert (forecast.mean[:, :, :, 1] == 10).all()
    assert forecast.quantiles[0.5] is forecast.mean
    assert forecast.origins.tolist() == [408, 409]


def test_long_headways_are_held_capped_and_after_service_too():
    rows = train("a", "AB", 400) + train("b", "AB", 450) + train("c", "BA", 400, direction=1)
    history = history_of(rows)
    assert (
        Persistence.fit(history).forecast(history, MONDAY, np.array([460, 600])).mean[:, :, 0, 0] == 30
    ).all()


def test_nothing_is_known_at_the_first_minute_and_the_last_still_forecasts():
    history = history_of(regular_rows(stations=2))
    forecast = Persistence.fit(history).forecast(history, MONDAY, np.array([0, 1619]))
    assert (forecast.mean[0] == 10).all()
    assert (forecast.mean[1] == 10).all()
    assert forecast.mean.shape == (2, 15, 2, 2)


def test_it_holds_for_as_many_leads_as_are_asked_for():
    history = history_of(regular_rows(stations=2))
    long = Persistence(leads=60).forecast(history, MONDAY, np.array([400, 500])).mean
    assert long.shape == (2, 60, 2, 2)
    assert (long == Persistence().forecast(history, MONDAY, np.array([400, 500])).mean[:, :1]).all()


SATURDAY, SUNDAY = date(2025, 10, 4), date(2025, 10, 5)


def one_headway(day, headway, start=400):
    """Two trains, `headway` apart: valid from the second one's minute to an hour after it, or the day's last passing."""
    return [
        row
        for trip, minute in (("a", start), ("b", start + headway))
        for row in train(trip, "AB", minute, day=day)
    ]


@pytest.fixture(scope="module")
def history():
    rows = []
    for k, headway in enumerate([6, 8, 20]):
        day = MONDAY + timedelta(days=k)
        rows += (
            one_headway(day, headway)
            + train("end", "AB", 480, day=day)
            + train("down", "BA", 400, day=day, direction=1)
        )
    rows += one_headway(SATURDAY, 15) + train("end", "AB", 480, day=SATURDAY)
    return history_of(rows)


def test_the_median_over_days_and_minutes_of_a_half_hour(history):
    fitted = Climatology.fit(history)
    # 07:00 to 07:30: 30 minutes each of 6, 8 and 20 on weekdays.
    assert fitted.medians[0, 14, 0, 0] == 8
    assert fitted.medians[1, 14, 0, 0] == 15
    # 06:30 to 07:00 at A: 6 from minute 406 on (14 minutes), 8 from 408 (12 minutes), 20 not before 420.
    assert fitted.medians[0, 13, 0, 0] == 6
    # A headway of more than an hour (480 - 406) is not valid and does not count; nothing is known in direction 1.
    assert np.isnan(fitted.medians[:, :, :, 1]).all()


def test_the_forecast_is_the_median_of_each_valid_time(history):
    forecast = Climatology.fit(history).forecast(history, MONDAY, np.array([409]))
    # Leads 1 to 10 are minutes 410 to 419, lead 11 is 07:00.
    assert forecast.mean[0, :, 0, 0].tolist() == [6] * 10 + [8] * 5
    assert (forecast.mean[..., 1] == 10).all()
    assert Climatology.fit(history).forecast(history, SUNDAY, np.array([420])).mean[0, 0, 0, 0] == 15


def test_an_even_number_of_samples_takes_the_middle_between_two():
    tuesday = MONDAY + timedelta(days=1)
    rows = one_headway(MONDAY, 6) + one_headway(tuesday, 9) + train("down", "BA", 400, direction=1)
    rows += train("end", "AB", 450) + train("end", "AB", 450, day=tuesday)
    assert Climatology.fit(history_of(rows)).medians[0, 14, 0, 0] == 7.5


def test_without_weekends_in_training_weekends_are_forecast_as_ten():
    history = history_of(regular_rows(stations=2, headway=6.0))
    forecast = Climatology.fit(history).forecast(history, SUNDAY, np.array([500]))
    assert (forecast.mean == 10).all()


def test_medians_equal_numpy_on_a_noisy_line():
    days = [MONDAY + timedelta(days=k) for k in range(3)]
    history = history_of(regular_rows(stations=3, days=days, noise=1.5))
    cells = np.where(history.grid["valid"], history.grid["headway"], np.nan).reshape(3, 54, 30, 3, 2)
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        expected = np.nanmedian(cells, axis=(0, 2))
    np.testing.assert_allclose(Climatology.fit(history).medians[0], expected, rtol=1e-6)


def test_the_end_of_the_day_is_forecast_too(history):
    assert np.isfinite(Climatology.fit(history).forecast(history, MONDAY, np.array([1619])).mean).all()


def test_weekend():
    assert [is_weekend(MONDAY + timedelta(days=k)) for k in range(7)] == [False] * 5 + [True] * 2


CLOCK_CHANGE_SUNDAY = date(2025, 10, 5)


def history_with_plan(planned, cap_mins=30.0):
    """A regular line whose plan holds (direction, station, minute) on weekdays."""
    log = log_of(regular_rows(stations=2, days=(MONDAY, CLOCK_CHANGE_SUNDAY)))
    plan = plan_of([(k, *passing) for k, passing in enumerate(planned)], range(5))
    return history_from_log(log, Line.from_arrivals(log, ZONE), plan, cap_mins=cap_mins)


def test_the_headway_of_the_latest_planned_passing_is_held():
    history = history_with_plan([(0, 0, 400.0), (0, 0, 412.5), (0, 0, 418.0), (0, 0, 500.0)])
    mean = Schedule.fit(history).forecast(history, MONDAY, np.array([408, 600])).mean
    # Leads 1 to 3 are minutes 409 to 411; the passing at 412.5 falls in minute 412, that at exactly 418 in minute 418.
    np.testing.assert_array_equal(mean[0, :, 0, 0], [np.nan] * 3 + [12.5] * 6 + [5.5] * 6)
    assert (mean[1, :, 0, 0] == 30).all()
    assert np.isnan(mean[:, :, 1, :]).all()


def test_the_cap_is_the_grids():
    history = history_with_plan([(1, 0, 400.0), (1, 0, 450.0)], cap_mins=45.0)
    assert (Schedule.fit(history).forecast(history, MONDAY, np.array([500])).mean[..., 0, 1] == 45).all()


def test_a_day_or_a_line_without_a_plan_is_not_forecast():
    history = history_with_plan([(0, 0, 400.0), (0, 0, 410.0)])
    assert np.isnan(Schedule.fit(history).forecast(history, CLOCK_CHANGE_SUNDAY, np.array([420])).mean).all()
    log = log_of(regular_rows(stations=2))
    bare = history_from_log(log, Line.from_arrivals(log, ZONE))
    assert np.isnan(Schedule.fit(bare).forecast(bare, MONDAY, np.array([420])).mean).all()


def test_leads_past_27_00_take_the_last_minute():
    history = history_with_plan([(0, 0, 1600.0), (0, 0, 1615.0)])
    assert (Schedule.fit(history).forecast(history, MONDAY, np.array([1619])).mean[0, :, 0, 0] == 15).all()


def test_values_of_half_hours_are_interpolated_between_their_middles():
    half_hours = np.array([6.0, 4.0, 10.0, np.nan, 8.0])[:, None]
    minutes = by_minute(half_hours)[:, 0]
    assert minutes[0] == 6.0 and minutes[45] == pytest.approx(4.0 + 6 / 60)
    assert np.abs(np.diff(minutes[:90])).max() == pytest.approx(6 / 30)  # no jump at 30 and 60
    assert minutes[60] == pytest.approx(7.0 + 0.1)
    assert (minutes[75:90] == 10.0).all() and np.isnan(minutes[90:120]).all() and (minutes[120:] == 8.0).all()
