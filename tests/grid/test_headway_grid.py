from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.grid.headway_grid import CAP_MINS, day_grid, held_headways, last_logged_minutes
from headway_prediction.grid.passings import without_duplicates
from headway_prediction.transit.clock import SCORED_DAY_MINS
from helpers.lines import MONDAY

NAN = np.nan


def passings_of(rows):
    """Passings of one day from (direction, station, minute), as grid.passings leaves them."""
    table = pl.DataFrame(
        rows, {"direction": pl.Int8, "station": pl.Int16, "minute": pl.Float64}, orient="row"
    )
    return without_duplicates(
        table.with_columns(service_date=pl.lit(MONDAY), trip_id=pl.lit("", pl.Categorical()))
    )


def grid_of(minutes, until=None, **options):
    """The grid of one platform (station 0, direction 0) that trains pass at `minutes`, one array per variable."""
    passings = passings_of([(0, 0, minute) for minute in minutes])
    last = int(max(minutes)) if until is None else until
    return {name: cells[:, 0, 0] for name, cells in day_grid(passings, 1, last, **options).items()}


def at(grid, *minutes):
    return {name: cells[list(minutes)].tolist() for name, cells in grid.items()}


def test_a_headway_is_held_until_the_next_passing_and_never_counted_up():
    grid = grid_of([100, 107.5, 120.25])
    assert grid["headway"][107:120].tolist() == [7.5] * 13
    assert grid["headway"][120] == 12.75
    assert grid["elapsed"][[107, 108, 119, 120]].tolist() == [0.5, 1.5, 12.5, 0.75]
    assert np.flatnonzero(grid["arrived"]).tolist() == [107, 120]


def test_the_first_passing_of_a_day_has_no_headway():
    grid = grid_of([100, 110])
    assert np.isnan(grid["headway"][:110]).all()
    assert np.isnan(grid["elapsed"][:100]).all()
    assert grid["elapsed"][100:110].tolist() == list(range(1, 11))
    assert not grid["valid"][:110].any()
    assert not grid["arrived"][100]


def test_a_passing_at_exactly_the_next_minute_is_not_known_yet():
    grid = grid_of([100, 110, 125], until=200)
    assert at(grid, 124)["headway"] == [10]
    assert at(grid, 125) == {"headway": [15], "elapsed": [1], "arrived": [True], "valid": [True]}
    assert grid_of([100, 110, 125 - 1 / 3600], until=200)["arrived"][124]


def test_headways_are_capped_but_stay_valid_up_to_an_hour():
    grid = grid_of([100, 145, 205, 266], until=300)
    assert at(grid, 145, 205)["headway"] == [30, 30]
    assert at(grid, 145, 205)["valid"] == [True, True]
    assert at(grid, 145, 205)["arrived"] == [True, True]  # 45 and 60 minutes
    assert at(grid, 266) == {
        "headway": [30],
        "elapsed": [1],
        "arrived": [False],
        "valid": [False],
    }  # 61 minutes
    assert CAP_MINS == 30


@given(st.integers(0, 26 * 3600 - 3600))
def test_an_hour_is_an_hour_at_every_second_of_the_day(second):
    first = second / 60
    grid = grid_of([first, (second + 3600) / 60])
    assert grid["valid"][(second + 3600) // 60]
    assert grid["arrived"][(second + 3600) // 60]
    longer = grid_of([first, (second + 3601) / 60])
    assert not longer["valid"].any()


def test_the_cap_is_a_setting():
    assert grid_of([100, 145], cap_mins=40.0)["headway"][145] == 40


def test_a_cell_is_valid_while_less_than_an_hour_has_passed():
    grid = grid_of([100, 110.5], until=400)
    assert at(grid, 169, 170) == {
        "headway": [10.5, 10.5],
        "elapsed": [59.5, 60.5],
        "arrived": [False, False],
        "valid": [True, False],
    }
    assert grid_of([100, 110], until=400)["valid"][[168, 169]].tolist() == [
        True,
        False,
    ]  # 60 at the end of minute 169


def test_two_passings_in_one_minute_leave_the_later_headway():
    grid = grid_of([100, 110.25, 110.75])
    assert at(grid, 110) == {"headway": [0.5], "elapsed": [0.25], "arrived": [True], "valid": [True]}
    # The minute is an event for its first passing, though the later one is out of service.
    assert grid_of([100, 170.2, 170.8])["arrived"][170]


def test_duplicates_do_not_make_headways():
    grid = grid_of([100, 110, 110 + 15 / 60, 120])
    assert grid["headway"][[110, 120]].tolist() == [10, 10]
    assert grid_of([100, 110, 110 + 16 / 60])["headway"][110] == pytest.approx(16 / 60)


def test_minutes_past_midnight_belong_to_the_day_until_27_00():
    grid = grid_of([1430, 1445, 1619, 1620, 1625])
    assert grid["headway"].shape == (27 * 60,)
    assert grid["headway"][[1445, 1618]].tolist() == [15, 15]
    assert not grid["valid"][1619]  # 174 minutes after the one before
    assert np.flatnonzero(grid["arrived"]).tolist() == [1445]


def test_nothing_is_valid_after_the_last_logged_minute():
    grid = grid_of([100, 110, 120], until=130)
    assert grid["valid"][130]
    assert not grid["valid"][131:].any()


def test_platforms_do_not_touch_each_other():
    rows = [(0, 0, 100), (0, 0, 110), (0, 1, 103), (0, 1, 115), (1, 0, 104), (1, 0, 124)]
    cells = day_grid(passings_of(rows), 2, 124)["headway"][124]
    np.testing.assert_array_equal(cells, [[10, 20], [12, NAN]])  # (stations, directions)


def test_a_day_without_passings_is_missing_not_zero():
    grid = day_grid(passings_of([]), 3, -1)
    assert grid["headway"].shape == (SCORED_DAY_MINS, 3, 2)
    assert np.isnan(grid["headway"]).all()
    assert np.isnan(grid["elapsed"]).all()
    assert not grid["valid"].any()
    assert not grid["arrived"].any()


def test_held_headways_are_raw():
    headways, _, arrived = held_headways(np.array([100.0, 190.0]), np.zeros(2, np.int64), 1)
    assert headways[190, 0] == 90
    assert not arrived.any()


def test_last_logged_minutes_by_date():
    passings = passings_of([(0, 0, 100.9), (0, 1, 130.2)]).vstack(
        passings_of([(0, 0, 1700.5)]).with_columns(service_date=pl.lit(date(2025, 9, 30)))
    )
    assert last_logged_minutes(passings) == {MONDAY: 130, date(2025, 9, 30): 1700}


GAPS = st.lists(st.integers(16, 3000), min_size=3, max_size=20)
SECONDS = GAPS.map(lambda gaps: [4 * 3600 + sum(gaps[:k]) for k in range(len(gaps))])


@given(SECONDS, st.integers(1, 200))
def test_shifting_the_log_shifts_the_grid(seconds, shift):
    grid = grid_of([second / 60 for second in seconds])
    moved = grid_of([second / 60 + shift for second in seconds])
    for name in ("arrived", "valid"):
        np.testing.assert_array_equal(moved[name][shift:], grid[name][:-shift])
    for name in ("headway", "elapsed"):
        np.testing.assert_allclose(moved[name][shift:], grid[name][:-shift], rtol=0, atol=1e-4)


@given(SECONDS, st.data())
def test_removing_a_train_merges_two_headways(seconds, data):
    removed = data.draw(st.integers(1, len(seconds) - 2))
    minutes = [second / 60 for second in seconds]
    without = minutes[:removed] + minutes[removed + 1 :]
    grid, merged = grid_of(minutes, cap_mins=10_000.0), grid_of(without, cap_mins=10_000.0)
    following = int(minutes[removed + 1])
    if removed + 2 < len(minutes) and int(minutes[removed + 2]) == following:
        return  # a third passing in the same minute hides the merged headway
    before, after = minutes[removed] - minutes[removed - 1], minutes[removed + 1] - minutes[removed]
    assert merged["headway"][following] == pytest.approx(before + after, abs=1e-3)
    assert grid["headway"][following] == pytest.approx(after, abs=1e-3)
    capped = grid_of(without)["headway"][following]
    assert capped == pytest.approx(min(before + after, CAP_MINS), abs=1e-3)
    np.testing.assert_array_equal(
        grid["headway"][: int(minutes[removed])], merged["headway"][: int(minutes[removed])]
    )


@given(SECONDS)
def test_every_minute_of_the_grid_equals_a_plain_search(seconds):
    grid = grid_of([second / 60 for second in seconds])
    for minute in range(4 * 60, 23 * 60, 7):
        known = [second for second in seconds if second < 60 * (minute + 1)]
        if len(known) >= 2:
            assert grid["headway"][minute] == pytest.approx(min((known[-1] - known[-2]) / 60, 30), abs=1e-4)
            assert grid["elapsed"][minute] == pytest.approx(minute + 1 - known[-1] / 60, abs=1e-3)
        else:
            assert np.isnan(grid["headway"][minute])
