"""Trip tables, pairs of equal trips, and trains matched with trips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.match_trains import DirectionPassings
from headway_prediction.forecasters.physics.trip_table import (
    FAR_APART_MINS,
    NEAR_MINS,
    SAME_ID_MINS,
    TripTable,
    matched_trips,
    misfits,
    nearest_pairs,
    trip_table,
    trips_of_passings,
)
from helpers.trips import NAN, table


def passings_of(*rows):
    """One direction's passings of a day from (train, position, minute)."""
    trains, positions, minutes = np.array(rows, dtype=float).reshape(-1, 3).T
    ids = np.array([f"t{train}" for train in range(10)])
    return DirectionPassings(positions.astype(int), minutes, trains.astype(int), ids)


def test_trips_stand_in_the_order_of_their_first_minutes():
    trips = table([30, 32, NAN], [NAN, 20, 22], [NAN, NAN, NAN], [10, NAN, 14], trip_ids=["7", "", "8", "9"])
    np.testing.assert_array_equal(trips.minutes, [[10, NAN, 14], [NAN, 20, 22], [30, 32, NAN]])
    assert trips.first_minutes.tolist() == [10, 20, 30]
    assert trips.first_positions.tolist() == [0, 1, 0]
    assert trips.row_of_id == {"9": 0, "7": 2}
    assert trips.ids_by_row == [["9"], [], ["7"]]
    assert trips.id_of_row.tolist() == ["9", "", "7"]


def test_a_trip_may_have_several_ids():
    trips = trip_table(np.array([[5.0], [1.0]]), [["4", "3"], ["2"]])
    assert trips.ids_by_row == [["2"], ["3", "4"]]
    assert trips.row_of_id == {"2": 0, "3": 1, "4": 1}


def test_there_may_be_no_trips():
    for empty in (trip_table(np.empty((0, 3)), []), trips_of_passings(passings_of(), 3)):
        assert empty.minutes.shape == (0, 3)
        assert empty.first_minutes.shape == empty.first_positions.shape == (0,)
        assert empty.row_of_id == {} and empty.ids_by_row == []


def test_the_first_position_is_that_of_the_earliest_passing():
    """Polled times may run backwards: what is known first decides, whatever is logged later for platforms before."""
    assert table([NAN, 12, 10, 14]).first_positions.tolist() == [2]


def test_passings_become_a_table():
    trips = trips_of_passings(passings_of((5, 0, 20), (5, 1, 22), (3, 1, 12), (-9, 2, 16), (3, 2, 14)), 3)
    np.testing.assert_array_equal(trips.minutes, [[NAN, 12, 14], [NAN, NAN, 16], [20, 22, NAN]])
    assert trips.ids_by_row == [["t3"], [], ["t5"]]


def test_trips_may_run_later_and_keep_their_ids():
    later = table([10, 12], [20, NAN], trip_ids=["1", "2"]).later(np.array([[1, 3], [0, 5]]))
    np.testing.assert_array_equal(later.minutes, [[11, 15], [20, NAN]])
    assert later.row_of_id == {"1": 0, "2": 1}


def test_a_table_survives_storage():
    trips = table([10, NAN], [3, 5], trip_ids=["4", ""])
    again = TripTable.from_state(trips.state("typical_0"), "typical_0")
    np.testing.assert_array_equal(again.minutes, trips.minutes)
    assert again.row_of_id == trips.row_of_id
    assert TripTable.from_state(trips.state("typical_0"), "typical_1") is None


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_the_order_of_the_passings_does_not_matter(order):
    rows = [(5, 0, 20), (5, 1, 22), (3, 1, 22.5)]
    trips = trips_of_passings(passings_of(*(rows[k] for k in order)), 2)
    np.testing.assert_array_equal(trips.minutes, [[20, 22], [NAN, 22.5]])


def apart(first, second):
    return misfits(np.array([first], dtype=float), np.array([second], dtype=float))[0, 0]


def test_the_misfit_of_two_trips_is_their_median_distance():
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


TRIPS = table([10, 12, 14], [20, 22, 24], [NAN, 32, 34], trip_ids=["1", "2", "3"])


def matched(*rows, trip_ids=None):
    """The trip of each of those trains, which stand in the order of their first minutes."""
    return matched_trips(table(*rows, trip_ids=trip_ids), TRIPS).tolist()


def test_a_train_matches_the_nearest_trip_at_its_first_position():
    assert matched([11, 13, 15], [18, 20, 22]) == [0, 1]
    assert matched([NAN, NAN, 24.5]) == [
        1
    ]  # first observed at the end: 0.5 off, and 1.5 for the other origin


def test_a_train_matches_no_trip_more_than_four_minutes_away():
    assert matched([10 + NEAR_MINS, NAN, NAN]) == [0]
    assert matched([10 + NEAR_MINS + 0.1, NAN, NAN]) == [-1]
    assert matched([NAN, 28, 30]) == [2]
    assert matched([NAN, 27.9, 30]) == [-1]


def test_starting_elsewhere_counts_as_a_minute_and_a_half():
    assert matched([NAN, 14.5, NAN]) == [0]  # 2.5 off plus 1.5
    assert matched([NAN, 14.6, NAN]) == [-1]
    # At 27 minutes trip 1 is 5 + 1.5 off and trip 2, which begins there, 5.
    assert matched([NAN, 27, NAN]) == [-1]


def test_a_trip_matches_once_the_train_observed_first():
    assert matched([9, 11, 13], [10, 12, 14]) == [0, -1]
    assert matched([14, 16, 18], [17, 19, 21]) == [0, 1]


def test_a_train_with_an_id_is_its_trip_however_late():
    assert matched([25, 27, 29], trip_ids=["1"]) == [0]
    assert matched([20, 22, 24], trip_ids=["1"]) == [0]  # though trip 2 leaves that very minute


def test_two_late_trains_with_ids_are_not_confused():
    # Trip 1 is 11 minutes late, a minute behind the time of trip 2, which itself is 9 minutes late.
    assert matched([21, 23, 25], [29, 31, 33], trip_ids=["1", "2"]) == [0, 1]
    assert matched([21, 23, 25], [29, 31, 33]) == [1, -1]  # without their ids they are


def test_an_id_an_hour_away_was_given_to_another_trip():
    far = 10 + SAME_ID_MINS
    assert matched([far, far + 2, NAN], trip_ids=["1"]) == [0]
    assert matched([far + 0.1, far + 2, NAN], trip_ids=["1"]) == [-1]


def test_of_trips_that_share_an_id_a_train_is_the_nearest():
    shared = table([10, 12, 14], [40, 42, 44], trip_ids=["1", "1"])
    assert matched_trips(table([12, 14, 16], [47, 49, 51], trip_ids=["1", ""]), shared).tolist() == [0, -1]
    assert matched_trips(table([45, 47, 49], trip_ids=["1"]), shared).tolist() == [1]


def test_a_train_first_observed_off_its_trip_is_matched_by_id_alone():
    assert matched([31, NAN, 35], trip_ids=["3"]) == [2]
    assert matched([31, NAN, 35]) == [-1]


def test_there_may_be_no_trains_or_no_trips():
    assert matched_trips(table(positions=3), TRIPS).shape == (0,)
    assert matched_trips(table([10, 12, 14]), table(positions=3)).tolist() == [-1]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.lists(st.one_of(st.none(), st.integers(0, 6)), min_size=3, max_size=3).filter(any),
        st.sampled_from(["", "1", "2", "3"]),
    ),
    min_size=1,
    max_size=12,
)


def drawn(rows):
    """Trains from (start, minutes after it by position or None, id); an id is had by the first that asks for it."""
    ids = [
        trip_id if trip_id not in [r[2] for r in rows[:k]] else "" for k, (_, _, trip_id) in enumerate(rows)
    ]
    minutes = [[NAN if lag is None else start + lag for lag in lags] for start, lags, _ in rows]
    return table(*minutes, trip_ids=ids)


@given(ROWS, st.integers(0, 100))
def test_what_comes_later_changes_no_earlier_match(rows, moment):
    trains = drawn(rows)
    past = np.where(trains.minutes < moment, trains.minutes, NAN)
    begun = int((trains.first_minutes < moment).sum())
    trip_ids = trains.id_of_row.tolist()
    known = table(*past[:begun], trip_ids=trip_ids[:begun], positions=3)
    assert matched_trips(known, TRIPS).tolist() == matched_trips(trains, TRIPS)[:begun].tolist()


@given(ROWS)
def test_no_trip_is_two_trains(rows):
    found = matched_trips(drawn(rows), TRIPS)
    taken = found[found >= 0].tolist()
    assert len(taken) == len(set(taken))
