from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, regular_rows, train
from helpers.trips import history_of, plan_of

DAYS = [MONDAY + timedelta(days=k) for k in range(5)]
TRAINING, TODAY = DAYS[:4], DAYS[4]
EVERY_TEN = plan_of(
    [(k, d, 3 * d, 360.0 + 10 * (k % 50)) for d in (0, 1) for k in range(50 * d, 50 * d + 36)]
)


def fitted(history):
    return TripPropagation.fit(history.select(TRAINING))


@pytest.mark.parametrize("plan", [None, EVERY_TEN])
@pytest.mark.parametrize("trip_ids", [True, False])
def test_a_perfectly_regular_line_is_forecast_exactly(plan, trip_ids):
    history = history_of(regular_rows(days=DAYS, trip_ids=trip_ids), plan)
    origins = np.arange(390, 690, 7)
    found = fitted(history).forecast(history, TODAY, origins)
    truth = history.day(TODAY)["headway"].values[origins[:, None] + np.arange(1, 16)]
    np.testing.assert_allclose(found.mean, truth, atol=1e-4)
    typical = Propagation.fit(history.select(TRAINING)).forecast(history, TODAY, origins)
    np.testing.assert_allclose(found.mean, typical.mean, atol=1e-4)


def uneven_rows(days=DAYS, gaps=(4, 16, 10, 5, 15), late=()):
    """Trains at uneven gaps, the same each day; `late` trains of the last day (by number) leave 5 minutes late."""
    starts = 360 + np.cumsum(np.tile(gaps, 6))
    return [
        row
        for day in days
        for direction, stops in enumerate(("ABCD", "DCBA"))
        for k, start in enumerate(starts.tolist())
        for row in train(
            f"{direction}-{k}", stops, start + 5 * (day == TODAY and k in late), day=day, direction=direction
        )
    ]


def test_uneven_trains_that_come_each_day_are_forecast_exactly_where_propagation_is_not():
    history = history_of(uneven_rows())
    origins = np.arange(390, 640, 7)
    truth = history.day(TODAY)["headway"].values[origins[:, None] + np.arange(1, 16)]
    method = fitted(history)
    assert [trip_source.source for trip_source in method.prior.trips] == ["typical", "typical"]
    np.testing.assert_allclose(method.forecast(history, TODAY, origins).mean, truth, atol=1e-4)
    typical = Propagation.fit(history.select(TRAINING)).forecast(history, TODAY, origins).mean
    assert np.abs(typical - truth).max() > 3


def test_a_late_train_disturbs_only_its_own_forecast():
    # Trains leave A at 364, 380, 390, 395, 410 …; today the third leaves at 395.
    history = history_of(uneven_rows(late=[2]))
    found = fitted(history).forecast(history, TODAY, np.array([392])).mean[0, :, 0, 0]
    # As of minute 392 it leaves at once, at 393, 13 after the one before; the next ones at 395 and 410 as planned.
    np.testing.assert_allclose(found, [13] * 2 + [2] * 13)


def test_before_the_first_train_and_at_its_platform_nothing_is_known_but_ten_minutes():
    history = history_of(regular_rows(days=DAYS))
    early = fitted(history).forecast(history, TODAY, np.array([100])).mean
    assert (early == FALLBACK_HEADWAY_MINS).all()


def test_headways_are_capped():
    history = history_of(
        [*regular_rows(days=TRAINING), *train("a", "ABCD", 400, day=TODAY), *train("b", "A", 450, day=TODAY)]
    )
    ahead = fitted(history).forecast(history, TODAY, np.array([450])).mean[0]
    assert ahead[:3, 0, 0].tolist() == [30, 30, 30]
    assert ahead.max() == 30


@pytest.mark.parametrize("plan", [None, EVERY_TEN])
@pytest.mark.parametrize("rows", [regular_rows(days=DAYS, noise=1.5), uneven_rows(late=[3, 7])])
def test_an_hour_ahead_begins_with_the_15_minute_forecast_bit_for_bit(plan, rows):
    history = history_of(rows, plan)
    method, origins = fitted(history), np.arange(380, 600, 13)
    short = method.forecast(history, TODAY, origins).mean
    long = replace(method, leads=60).forecast(history, TODAY, origins).mean
    assert long.shape == (len(origins), 60, 4, 2)
    assert long[:, :15].tobytes() == short.tobytes()


def test_the_fit_survives_storage():
    history = history_of(uneven_rows(late=[3]))
    method, origins = fitted(history), np.arange(380, 600, 13)
    again = TripPropagation.from_state({name: values.copy() for name, values in method.state().items()})
    found, expected = (m.forecast(history, TODAY, origins).mean for m in (again, method))
    assert found.tobytes() == expected.tobytes()


def mean_absolute_error(method, history, days):
    errors = []
    for day in days:
        origins = scored_origins(history, day)
        truth = day_truth(history, day, origins)
        found = method.forecast(history, day, origins).mean
        filled = np.where(np.isfinite(found), found, FALLBACK_HEADWAY_MINS)
        errors.append(np.abs(filled - truth.headway)[truth.valid])
    return np.concatenate(errors).mean()


def test_where_trains_skip_and_turn_it_is_better_than_propagation_by_a_third(real_line):
    log = read_arrivals(real_line("sydney-t4") / "arrivals.parquet")
    history = history_from_log(log, Line.from_arrivals(log, "Australia/Sydney"))
    *training, second_last, last = history.service_dates
    errors = {
        method.name: mean_absolute_error(method.fit(history.select(training)), history, [second_last, last])
        for method in (Propagation, TripPropagation)
    }
    assert errors["trip-propagation"] < 2 / 3 * errors["propagation"]
