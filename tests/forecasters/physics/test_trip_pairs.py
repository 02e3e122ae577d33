import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.trip_table import FAR_APART_MINS, misfits, nearest_pairs
from helpers.trips import NAN


def apart(first, second):
    return misfits(np.array([first], dtype=float), np.array([second], dtype=float))[0, 0]


def test_trips_are_as_far_apart_as_they_mostly_are():
    assert apart([10, 12, 14], [11, 13, 19]) == 1
    assert apart([10, 12, NAN], [11, 16, 17]) == 2.5  # the median of 1 and 4
    assert apart([10, NAN, NAN], [NAN, 12, 14]) == np.inf
    assert apart([10, 12], [12, 10]) == 2


def test_starting_at_another_station_counts_as_a_minute():
    assert apart([NAN, 12, 14], [10, 12, 14]) == 1


def test_trips_that_are_nowhere_near_are_not_compared():
    assert apart([0, 0, 0], [FAR_APART_MINS, 40, 50]) == 40
    assert apart([0, 0, 0], [FAR_APART_MINS + 1, 40, 50]) == np.inf


def test_the_nearest_pair_up_first_and_each_once():
    found = np.array([[1.0, 2.0], [0.5, 9.0], [0.7, 1.5]])
    assert nearest_pairs(found, 4.0) == [(1, 0), (2, 1)]
    assert nearest_pairs(found, 1.0) == [(1, 0)]
    assert nearest_pairs(np.empty((0, 3)), 4.0) == []


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), max_size=6), st.integers(0, 9))
def test_no_pair_is_left_that_could_still_be_made(rows, limit):
    found = np.array(rows, dtype=float).reshape(-1, 4)
    pairs = nearest_pairs(found, limit)
    taken_rows, taken_columns = [set(part) for part in zip(*pairs, strict=True)] or [set(), set()]
    assert len(taken_rows) == len(taken_columns) == len(pairs)
    assert [found[pair] for pair in pairs] == sorted(found[pair] for pair in pairs)
    for row, column in np.argwhere(found <= limit):
        assert row in taken_rows or column in taken_columns
