from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.truth import day_truth, scored_origins
from headway_prediction.evaluation.typical_headway import TypicalHeadway
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def both_ways(minutes, stops="AB", run=2.0):
    """Trains that leave both ends at the same minutes."""
    return [
        row
        for k, minute in enumerate(minutes)
        for direction, path in enumerate((stops, stops[::-1]))
        for row in train(f"{direction}{k}", path, minute, direction=direction, run=run)
    ]


def test_origins_are_the_tens_between_thirty_after_the_first_and_fifteen_before_the_last_busy_minute():
    # Trains at 400, 410, … 590: A and B have a headway from 410 and 412 on; the log ends with the passing at 592.
    history = history_of(both_ways(range(400, 600, 10)))
    # Over half of the four platforms are valid from 412 to 592: tens in [442, 577).
    assert scored_origins(history, MONDAY).tolist() == list(range(450, 580, 10))


def test_the_last_origin_lies_before_not_at_fifteen_minutes_from_the_end():
    # The last passing is at B at 595: the bound is 580, which is left out.
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


def test_truth_knows_the_usual_headway_of_its_own_minutes():
    history = history_of(regular_rows(stations=3, headway=7.0))
    medians = np.arange(2 * 54 * 3 * 2, dtype=float).reshape(2, 54, 3, 2)
    truth = day_truth(history, MONDAY, np.array([410]), TypicalHeadway(medians))
    # Minutes 411 to 419 lie in half-hour 13, 420 to 425 in half-hour 14; Monday is a weekday.
    np.testing.assert_array_equal(
        truth.typical[0, :, 2, 1], [medians[0, 13, 2, 1]] * 9 + [medians[0, 14, 2, 1]] * 6
    )
    assert np.isnan(day_truth(history, MONDAY, np.array([410])).typical).all()
    assert truth.cap_mins == 30


def test_a_date_that_is_not_in_the_grid_is_refused():
    with pytest.raises(HeadwayError, match="no service date 2024-01-01"):
        scored_origins(history_of(both_ways(range(400, 600, 10))), date(2024, 1, 1))
