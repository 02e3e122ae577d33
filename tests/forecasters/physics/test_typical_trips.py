"""Usual trips of small directions of four positions: what comes again is found, what does not is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.typical_trips import MAX_DAYS, typical_trips
from helpers.trips import NAN, table

WAY = np.array([0.0, 2.0, 4.0, 6.0])
STARTS = np.arange(300.0, 420.0, 12.0)


def noisy_day(seed, starts=STARTS, spread=0.7, trip_ids=None):
    """Trains that leave at `starts`, each late or early as a whole, and by a little at every position."""
    random = np.random.default_rng(seed)
    off = random.normal(0, spread, (len(starts), 1)) + random.normal(0, 0.2, (len(starts), 4))
    return table(*(starts[:, None] + WAY + off), trip_ids=trip_ids)


def minutes_of(*days):
    return typical_trips(days, 4).minutes


def test_trips_are_found_again_under_their_noise():
    found = minutes_of(*(noisy_day(seed) for seed in range(10)))
    np.testing.assert_allclose(found, STARTS[:, None] + WAY, atol=0.8)
    assert found.shape == (10, 4)


def test_typical_minutes_are_medians():
    days = [table([10, 12, NAN, 16]), table([11, 12, 14, 17]), table([13, 15, 15, NAN])]
    np.testing.assert_array_equal(minutes_of(*days), [[11, 12, 14.5, 16.5]])


def test_a_position_that_fewer_than_half_of_its_trains_pass_is_not_on_a_trip():
    short, whole = [10, 12, NAN, NAN], [10, 12, 14, 16]
    np.testing.assert_array_equal(minutes_of(table(short), table(short), table(whole)), [short])
    np.testing.assert_array_equal(minutes_of(table(short), table(whole)), [whole])


def test_trains_that_skip_stations_stay_apart_from_those_that_stop():
    day = table([10, NAN, NAN, 15], [13, 15, 17, 19], [NAN, NAN, 21, 23])
    np.testing.assert_array_equal(minutes_of(day, day, day), day.minutes)


def test_a_trip_of_half_the_days_is_typical_with_newer_days_weighing_more():
    """Weights of four days: 0.343, 0.49, 0.7, 1; half of them is 1.27."""
    every, also = [10, 12, 14, 16], [50, 52, 54, 56]
    with_, without = table(every, also), table(every)
    assert len(minutes_of(with_, with_, with_, without)) == 2  # 1.53
    assert len(minutes_of(with_, without, without, with_)) == 2  # 1.34
    assert len(minutes_of(with_, with_, without, without)) == 1  # 0.83
    assert len(minutes_of(without, without, without, with_)) == 1  # 1.00


def test_a_new_timetable_replaces_the_old_one_within_three_days():
    old = [noisy_day(seed) for seed in range(6)]
    new = [noisy_day(seed, STARTS + 6) for seed in range(10, 12)]
    found = minutes_of(*old, *new)
    np.testing.assert_allclose(found[:, 0], STARTS + 6, atol=1.5)


def test_only_the_newest_days_are_read():
    gone = [table([500, 502, 504, 506])] * 50
    assert minutes_of(*gone, *[table([10, 12, 14, 16])] * MAX_DAYS).tolist() == [[10, 12, 14, 16]]


def test_random_trains_have_no_typical_trips():
    random = np.random.default_rng(0)
    days = [table(*(random.uniform(0, 6000, (10, 1)) + WAY)) for _ in range(8)]
    assert len(minutes_of(*days)) == 0


def test_a_shared_id_outweighs_the_clock_for_half_an_hour():
    days = [table([10 + late, 12 + late, 14 + late, 16 + late], trip_ids=["7"]) for late in (0, 9, 20)]
    trips = typical_trips(days, 4)
    np.testing.assert_array_equal(trips.minutes, [[19, 21, 23, 25]])
    assert trips.row_of_id == {"7": 0}
    assert len(minutes_of(*(table(*day.minutes) for day in days))) == 0  # without their ids


def test_an_id_given_to_a_trip_hours_away_does_not_tie_them():
    early, late = [10, 12, 14, 16], [200, 202, 204, 206]
    days = [table(early, late, trip_ids=ids) for ids in (["1", "2"], ["2", "1"], ["1", "2"], ["2", "1"])]
    trips = typical_trips(days, 4)
    np.testing.assert_array_equal(trips.minutes, [early, late])
    assert trips.ids_by_row == [["1", "2"], ["1", "2"]]


def test_of_several_trips_that_had_an_id_the_nearest_is_meant():
    early, late = np.array([10.0, 12, 14, 16]), np.array([200.0, 202, 204, 206])
    days = [table(early, late, trip_ids=ids) for ids in (["1", "2"], ["2", "1"])]
    named = typical_trips([*days, *[table(early + 6, late, trip_ids=["1", "2"])] * 2], 4)
    np.testing.assert_array_equal(named.minutes, [early + 3, late])
    by_clock = typical_trips([*days, *[table(early + 6, late)] * 2], 4)
    np.testing.assert_array_equal(by_clock.minutes, [early + 6, late])


def test_two_trains_of_a_day_that_come_minutes_apart_keep_their_ids():
    """Four minutes apart, late in turn: by the clock alone each would be taken for the other."""
    days = [table([10 + a, 12 + a, 14 + a, 16 + a], [14 + b, 16 + b, 18 + b, 20 + b], trip_ids=["1", "2"])
            for a, b in ((0, 0), (3, 0), (0, 3), (3.5, 4))]  # fmt: skip
    trips = typical_trips(days, 4)
    np.testing.assert_array_equal(trips.minutes[:, 0], [11.5, 15.5])
    assert trips.ids_by_row == [["1"], ["2"]]


def test_ids_that_differ_each_day_leave_it_to_the_clock():
    days = [noisy_day(seed, trip_ids=[f"{seed}-{k}" for k in range(10)]) for seed in range(6)]
    trips = typical_trips(days, 4)
    assert len(trips.minutes) == 10
    assert {len(ids) for ids in trips.ids_by_row} == {6}


def test_days_without_trains_do_not_count():
    day = table([10, 12, 14, 16])
    empty = table()
    assert len(typical_trips([empty, day, empty, day, empty], 4).minutes) == 1
    for days in ([], [empty, empty]):
        assert typical_trips(days, 4).minutes.shape == (0, 4)


@pytest.mark.parametrize("seed", range(3))
def test_few_trips_are_lost_where_some_trains_are_missing(seed):
    random = np.random.default_rng(seed)
    days = [noisy_day(k, STARTS[random.random(10) < 0.85]) for k in range(10)]
    assert 9 <= len(minutes_of(*days)) <= 10


@given(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=8), min_size=1, max_size=5))
def test_typical_trips_come_from_the_newest_days_and_are_no_more_than_trains_of_a_day(days):
    found = minutes_of(*(table(*(np.array(starts)[:, None] + WAY)) for starts in days))
    assert len(found) <= sum(map(len, days))
    assert (np.diff(found, axis=1) > 0).all()
    assert ((found[:, 0] >= min(map(min, days))) & (found[:, 0] <= max(map(max, days)))).all()
