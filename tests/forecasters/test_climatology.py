from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.clock import is_weekend
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train

SATURDAY, SUNDAY = date(2025, 10, 4), date(2025, 10, 5)


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


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


def test_without_weekends_in_training_weekends_are_said_to_have_ten():
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
