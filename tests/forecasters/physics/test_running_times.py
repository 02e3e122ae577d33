import numpy as np
import pytest

from headway_prediction.forecasters.physics.match_trains import DirectionPassings
from headway_prediction.forecasters.physics.running_times import (
    HOURS,
    modal_running_time,
    rows_of,
    running_times,
)
from headway_prediction.grid.passings import passings_on_line
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, train


def runs_of(rows, stops="ABC", direction=0):
    """The running times of one direction of the line that runs over `stops`."""
    log = log_of([*rows, *train("forward", stops, 30), *train("back", stops[::-1], 30, direction=1)])
    passings, _ = passings_on_line(log, Line.from_arrivals(log, ZONE))
    placed = DirectionPassings.of(passings, Line.from_arrivals(log, ZONE), direction)
    return placed, running_times(rows_of({MONDAY: placed}), len(stops))


def test_positions_count_along_the_travel():
    placed, _ = runs_of(train("x", "CBA", 400, direction=1), direction=1)
    order = np.argsort(placed.minutes)
    assert placed.minutes[order][-3:].tolist() == [400, 402, 404]
    assert placed.positions[order][-3:].tolist() == [0, 1, 2]


def test_the_median_of_each_hour_and_of_all_hours_where_there_are_few():
    rows = [row for k in range(5) for row in train(f"a{k}", "ABC", 420 + 10 * k, run=[2.5, 3, 3.5, 3, 9][k])]
    rows += [row for k in range(4) for row in train(f"b{k}", "ABC", 540 + 10 * k, run=4)]
    _, table = runs_of(rows)
    assert table.shape == (HOURS, 2)
    assert table[7].tolist() == [3, 3]  # five runs between 07:00 and 08:00
    # Of all ten runs (2, 2.5, 3, 3, 3.5, 4, 4, 4, 4, 9) the median is 3.75.
    assert table[9].tolist() == table[26].tolist() == [3.75, 3.75]


def test_skipped_platforms_and_absurd_runs_do_not_count():
    lost = [(MONDAY, "lost", 0, "A", 0, 500), (MONDAY, "lost", 0, "B", 1, 561)]
    rows = [*train("express", "AC", 400, run=20), *lost]
    _, table = runs_of(rows)
    assert np.unique(table).tolist() == [2]


def test_a_pair_that_no_train_runs_takes_two_minutes():
    log = log_of(train("x", "ABC", 400, run=5) + train("y", "CBA", 400, direction=1))
    line = Line.from_arrivals(log, ZONE)
    none = passings_on_line(log, line)[0].clear()
    rows = rows_of({MONDAY: DirectionPassings.of(none, line, 0)})
    assert np.unique(running_times(rows, 3)).tolist() == [2]


@pytest.mark.parametrize("lag", [1.5, 4.0, 12.25])
def test_the_lag_is_found_without_knowing_the_trains(lag):
    random = np.random.default_rng(1)
    upstream = [np.cumsum(random.uniform(3, 15, 60)) for _ in range(3)]
    downstream = [np.sort(minutes + lag + random.normal(0, 0.2, 60)) for minutes in upstream]
    assert modal_running_time(upstream, downstream) == pytest.approx(lag, abs=0.15)


def test_without_any_pair_the_lag_is_two_minutes():
    assert modal_running_time([np.array([100.0])], [np.array([50.0])]) == 2
    assert modal_running_time([np.array([])], [np.array([])]) == 2
    assert modal_running_time([], []) == 2
