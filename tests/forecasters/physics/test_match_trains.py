import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.match_trains import (
    MAX_UNOBSERVED_MINS,
    TOLERANCE_MINS,
    DirectionPassings,
    identify_trains,
    match_first_in_first_out,
    split_vehicle_trips,
)
from headway_prediction.forecasters.physics.trip_table import trips_of_passings
from helpers.trips import line_of

LINE = line_of(5)


def table(rows):
    """One direction's passings from (position, minute, trip id)."""
    named = [(0, *row) for row in rows]
    schema = {"direction": pl.Int8, "station": pl.Int16, "minute": pl.Float64, "trip_id": pl.Categorical}
    return DirectionPassings.of(pl.DataFrame(named, schema, orient="row"), LINE, 0)


def numbered(rows):
    """The same from (position, minute, train), with trip ids that sort as the trains do."""
    positions, minutes, trains = np.array(rows, dtype=float).reshape(-1, 3).T
    ids = np.array([f"t{train}" for train in range(10)])
    return DirectionPassings(positions.astype(int), minutes, trains.astype(int), ids)


def train_of_passing(passings):
    columns = passings.positions, passings.minutes, passings.trains
    return {(p, m): t for p, m, t in zip(*(column.tolist() for column in columns), strict=True)}


def trains_by_passing(passings, lags):
    return train_of_passing(identify_trains(passings, np.array(lags)))


def same_train(trains, *passings):
    return len({trains[passing] for passing in passings}) == 1


def test_each_passing_takes_the_train_nearest_to_the_typical_running_time():
    assert match_first_in_first_out(
        np.array([100.0, 110.0, 120.0]), np.array([102.0, 113.5, 121.0]), 2.0
    ).tolist() == [
        0,
        1,
        2,
    ]


def test_a_train_is_taken_once_and_in_order():
    # The second passing lies nearest to the first train, which is taken: it takes the next one, or none.
    assert match_first_in_first_out(np.array([100.0, 103.0]), np.array([102.0, 103.1]), 2.0).tolist() == [
        0,
        1,
    ]
    assert match_first_in_first_out(np.array([100.0]), np.array([102.0, 102.5]), 2.0).tolist() == [0, -1]


def test_no_passing_matches_a_later_one_or_one_far_from_the_typical_running_time():
    assert match_first_in_first_out(np.array([100.0]), np.array([99.0, 100.0]), 2.0).tolist() == [-1, -1]
    edge = 102.0 + TOLERANCE_MINS
    assert match_first_in_first_out(np.array([100.0]), np.array([edge]), 2.0).tolist() == [0]
    assert match_first_in_first_out(np.array([100.0]), np.array([edge + 0.1]), 2.0).tolist() == [-1]
    assert match_first_in_first_out(np.array([]), np.array([100.0]), 2.0).tolist() == [-1]


def test_a_train_that_turned_short_does_not_shift_the_others():
    upstream, downstream = np.array([100.0, 110.0, 120.0]), np.array([102.0, 122.0])
    assert match_first_in_first_out(upstream, downstream, 2.0).tolist() == [0, 2]


def test_trains_without_trip_ids_are_followed_along_the_line():
    rows = [(p, start + 2 * p, "") for start in (100.0, 110.0) for p in range(3)]
    trains = trains_by_passing(table(rows), [2.0, 2.0])
    assert same_train(trains, (0, 100), (1, 102), (2, 104))
    assert same_train(trains, (0, 110), (1, 112), (2, 114))
    assert len(set(trains.values())) == 2


def test_named_trains_keep_their_names_whatever_the_others_have():
    rows = [(0, 100.0, "x"), (1, 102.0, "x"), (0, 110.0, ""), (1, 112.0, ""), (0, 120.0, ""), (1, 102.5, "")]
    trains = trains_by_passing(table(rows), [2.0])
    assert trains[0, 100] == trains[1, 102] >= 0
    assert same_train(trains, (0, 110), (1, 112))
    assert len(set(trains.values())) == 4
    assert all(train < 0 for (_, minute), train in trains.items() if minute not in (100, 102))


def test_an_empty_table_stays_empty():
    assert len(identify_trains(table([]), np.array([2.0])).trains) == 0


def test_a_train_that_comes_round_again_is_another_one():
    rows = [(0, 20.0, 5), (1, 22.0, 5), (0, 80.0, 5), (1, 82.0, 5), (2, 84.0, 5), (1, 142.0, 5), (0, 21.0, 6)]
    trains = train_of_passing(split_vehicle_trips(numbered(rows)))
    assert trains[0, 20] == trains[1, 22] == 5
    assert same_train(trains, (0, 80), (1, 82), (2, 84))
    assert len(set(trains.values())) == 4 and trains[0, 21] == 6
    assert trains[0, 80] < 0 and trains[1, 142] < 0


def test_a_train_not_observed_for_too_long_is_another_one():
    back = 20 + MAX_UNOBSERVED_MINS
    for minute, trains in ((back, 1), (back + 0.1, 2)):
        apart = split_vehicle_trips(numbered([(0, 20.0, 5), (1, minute, 5), (2, minute + 2, 5)]))
        assert len(set(apart.trains.tolist())) == trains
    assert train_of_passing(apart)[0, 20] == 5


MINUTES = st.lists(st.integers(0, 600), min_size=1, max_size=25, unique=True).map(
    lambda m: [x / 2 for x in sorted(m)]
)


@given(MINUTES, MINUTES, st.floats(0.5, 5), st.integers(0, 300))
def test_what_comes_later_changes_no_match(upstream, downstream, lag, moment):
    whole = match_first_in_first_out(np.array(upstream), np.array(downstream), lag)
    known = [m for m in downstream if m < moment]
    early = match_first_in_first_out(np.array([m for m in upstream if m < moment]), np.array(known), lag)
    np.testing.assert_array_equal(early, whole[: len(known)])


@given(MINUTES, MINUTES, st.floats(0.0, 5))
def test_every_match_is_the_nearest_that_is_left(upstream, downstream, lag):
    partner, free = match_first_in_first_out(np.array(upstream), np.array(downstream), lag), 0
    for found, minute in zip(partner, downstream, strict=True):
        left = [(abs(u + lag - minute), k) for k, u in enumerate(upstream) if k >= free and u < minute]
        misfit, nearest = min(left, default=(np.inf, -1))
        assert found == (nearest if misfit <= TOLERANCE_MINS else -1)
        free = max(free, found + 1)


@given(MINUTES, MINUTES, st.floats(0.5, 5))
def test_matches_keep_the_order_of_trains(upstream, downstream, lag):
    partner = match_first_in_first_out(np.array(upstream), np.array(downstream), lag)
    taken = partner[partner >= 0]
    assert (np.diff(taken) > 0).all()
    for index in np.flatnonzero(partner >= 0):
        assert upstream[partner[index]] < downstream[index]
        assert downstream[index] - upstream[partner[index]] == pytest.approx(lag, abs=TOLERANCE_MINS)


PASSINGS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 300).map(float), st.sampled_from([-4, -3, 1, 2])),
    max_size=30,
    unique_by=lambda row: row[:2],
)


def trips_of(passings):
    return trips_of_passings(split_vehicle_trips(numbered(passings)), 5)


@given(PASSINGS, st.integers(0, 300))
@example([(0, 0.0, -4), (0, 1.0, -4), (0, 2.0, 1)], 2)
def test_what_comes_later_changes_no_train_begun_before(passings, moment):
    whole, known = trips_of(passings), trips_of([row for row in passings if row[1] < moment])
    begun = int((whole.first_minutes < moment).sum())
    np.testing.assert_array_equal(known.first_minutes, whole.first_minutes[:begun])
    np.testing.assert_array_equal(known.first_positions, whole.first_positions[:begun])
    past = np.where(whole.minutes < moment, whole.minutes, np.nan)[:begun]
    np.testing.assert_array_equal(known.minutes, past)
    assert known.ids_by_row == whole.ids_by_row[:begun]
