import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.trip_table import NEAR_MINS, SAME_ID_MINS, matched_trips
from helpers.trips import NAN, table

TRIPS = table([10, 12, 14], [20, 22, 24], [NAN, 32, 34], trip_ids=["1", "2", "3"])


def matched(*rows, trip_ids=None):
    """The trip of each of those trains, which stand in the order of their first minutes."""
    return matched_trips(table(*rows, trip_ids=trip_ids), TRIPS).tolist()


def test_a_train_is_the_trip_nearest_in_time_where_it_is_first_seen():
    assert matched([11, 13, 15], [18, 20, 22]) == [0, 1]
    assert matched([NAN, NAN, 24.5]) == [1]  # first seen at the end: 0.5 off, and 1.5 for the other origin


def test_at_most_four_minutes_off():
    assert matched([10 + NEAR_MINS, NAN, NAN]) == [0]
    assert matched([10 + NEAR_MINS + 0.1, NAN, NAN]) == [-1]
    assert matched([NAN, 28, 30]) == [2]
    assert matched([NAN, 27.9, 30]) == [-1]


def test_starting_elsewhere_counts_as_a_minute_and_a_half():
    assert matched([NAN, 14.5, NAN]) == [0]  # 2.5 off plus 1.5
    assert matched([NAN, 14.6, NAN]) == [-1]
    # At 27 minutes trip 1 is 5 + 1.5 off and trip 2, which begins there, 5.
    assert matched([NAN, 27, NAN]) == [-1]


def test_a_trip_is_taken_once_by_the_train_seen_first():
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


def test_a_train_first_seen_where_its_trip_does_not_pass_is_known_by_its_id_alone():
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
