"""Backtest: which origins and dates are scored, and one forecast per date."""

from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest, scored_origins, select_test_dates
from headway_prediction.forecasters.baselines import Persistence
from helpers.lines import MONDAY, regular_rows, train
from helpers.trips import history_of
from helpers.truths import both_ways

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]


@pytest.fixture(scope="module")
def history():
    """Three irregular days between A, B and C, and a fourth with a single train."""
    rows = regular_rows(stations=3, headway=8, days=DAYS[:3], noise=2.0)
    return history_of(rows + train("x", "ABC", 400, day=DAYS[3]))


def test_origins_are_the_tens_between_thirty_after_the_first_and_fifteen_before_the_last_busy_minute():
    # Trains at 400, 410, … 590: A and B have a headway from 410 and 412 on; the log ends with the passing at 592.
    history = history_of(both_ways(range(400, 600, 10)))
    # Over half of the four platforms are valid from 412 to 592: tens in [442, 577).
    assert scored_origins(history, MONDAY).tolist() == list(range(450, 580, 10))


def test_the_last_origin_lies_before_not_at_fifteen_minutes_from_the_end():
    # The last passing is at B at 595: the bound is 580, which is excluded.
    rows = both_ways([*range(400, 590, 10), 593])
    assert scored_origins(history_of(rows), MONDAY)[-1] == 570
    assert scored_origins(history_of(both_ways([*range(400, 590, 10), 594])), MONDAY)[-1] == 580


def test_half_the_cells_are_half_of_the_platforms_that_exist():
    # Only direction 0 runs, between A and B: two valid cells are not over half of four platforms, but of three.
    rows = [row for k in range(20) for row in train(f"a{k}", "AB", 400 + 10 * k)]
    history = history_of([*rows, *train("back", "CA", 100, direction=1)])
    assert history.line.platforms().height == 4
    assert len(scored_origins(history, MONDAY)) == 0
    history = history_of([*rows, *train("back", "A", 100, direction=1)])
    assert history.line.platforms().height == 3
    assert scored_origins(history, MONDAY).tolist() == list(range(450, 580, 10))


def test_a_day_that_never_runs_has_no_origins():
    tuesday = MONDAY + timedelta(days=1)
    history = history_of([*both_ways(range(400, 600, 10)), *train("x", "AB", 400, day=tuesday)])
    assert scored_origins(history, tuesday).tolist() == []


def test_a_date_that_is_not_in_the_grid_is_refused():
    with pytest.raises(HeadwayError, match="no service date 2024-01-01"):
        scored_origins(history_of(both_ways(range(400, 600, 10))), date(2024, 1, 1))


def test_a_backtest_forecasts_every_scored_origin_of_every_date_that_has_some(history):
    forecasts = list(backtest(history, Persistence.fit(history), DAYS))
    assert [forecast.service_date for forecast in forecasts] == DAYS[:3]
    for forecast in forecasts:
        np.testing.assert_array_equal(forecast.origins, scored_origins(history, forecast.service_date))


def test_test_dates_are_those_without_training_and_validation_dates(history):
    days = {"training": DAYS[:1], "validation": DAYS[1:2], "test": DAYS[2:3]}
    assert select_test_dates(history, days) == DAYS[2:]
    assert select_test_dates(history, days, [DAYS[3], DAYS[2]]) == DAYS[2:]
    with pytest.raises(HeadwayError, match="2025-09-30 was used to train or validate"):
        select_test_dates(history, days, DAYS[1:])
    with pytest.raises(HeadwayError, match="every service date"):
        select_test_dates(history.select(DAYS[:2]), days)
