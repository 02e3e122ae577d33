"""Lateness by hand: planned trip 1 at 10, 12, 14 and trip 2 at 30, 32, 34."""

import numpy as np

from headway_prediction.forecasters.physics.planned_trips import Lateness, lateness_of_day, typical_lateness
from helpers.trips import NAN, table

PLAN = table([10, 12, 14], [30, 32, 34], trip_ids=["1", "2"])


def day(*late, day_type=0, trip_ids=("1", "2")):
    """A day on which the planned trips were so many minutes late, everywhere or by position."""
    rows = [PLAN.minutes[trip] + np.asarray(minutes) for trip, minutes in enumerate(late)]
    return lateness_of_day(day_type, PLAN, table(*rows, trip_ids=list(trip_ids[: len(rows)]), positions=3))


def test_a_day_compares_trains_with_the_trips_they_are():
    found = day([1, 2, NAN], 0)
    assert found.trip_ids.tolist() == ["1", "2"]
    np.testing.assert_array_equal(found.behind, [[1, 2, NAN], [0, 0, 0]])


def test_trains_without_a_trip_say_nothing():
    found = lateness_of_day(0, PLAN, table([11, 13, NAN], [20, 22, 24]))
    np.testing.assert_array_equal(found.behind, [[1, 1, NAN]])
    assert found.trip_ids.tolist() == ["1"]


def test_a_plan_without_ids_still_tells_how_late_trains_are():
    plan = table([10, 12, 14])
    late = typical_lateness([lateness_of_day(0, plan, table([12, 14, 16]))], 3)
    np.testing.assert_array_equal(late.of(plan, 0), [[2, 2, 2]])


def test_a_trips_own_lateness_is_drawn_towards_that_of_all_by_three_days():
    """Trip 1 was 1, 2 and 9 minutes late, trip 2 on time: of 9, 2, 1, 0, 0, 0 the median is 0.5.

    Trip 1: (3 days of its median 2 + 3 of 0.5) / 6 = 1.25; trip 2: (3 of 0 + 3 of 0.5) / 6 = 0.25.
    """
    late = typical_lateness([day(1, 0), day(2, 0), day(9, 0)], 3)
    np.testing.assert_array_equal(late.typical, [0.5] * 3)
    np.testing.assert_allclose(late.of(PLAN, 0), [[1.25] * 3, [0.25] * 3])


def test_where_a_trip_was_not_seen_the_usual_lateness_holds():
    late = typical_lateness([day([2, NAN, NAN], [4, 4, NAN])], 3)
    np.testing.assert_array_equal(late.typical, [3, 4, 0])  # nothing was seen at the last position: on time
    # At the second position trip 1 has no day of its own: (0 + 3 x 4) / 3.
    np.testing.assert_allclose(late.of(PLAN, 0), [[(2 + 9) / 4, 4, 0], [(4 + 9) / 4, 4, 0]])


def test_each_kind_of_day_has_its_own_trips():
    late = typical_lateness([day(4, 0, day_type=0), day(0, 0, day_type=1)], 3)
    np.testing.assert_array_equal(late.typical, [0, 0, 0])
    np.testing.assert_allclose(late.of(PLAN, 0), [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(late.of(PLAN, 1), np.zeros((2, 3)))
    np.testing.assert_allclose(late.of(PLAN, 2), np.zeros((2, 3)))  # a kind never seen: as all trips


def test_from_no_days_trips_are_on_time():
    np.testing.assert_array_equal(typical_lateness([], 3).of(PLAN, 0), np.zeros((2, 3)))
    np.testing.assert_array_equal(typical_lateness([day()], 3).of(PLAN, 0), np.zeros((2, 3)))


def test_lateness_survives_storage():
    late = typical_lateness([day(1, 3), day(2, 0, day_type=2)], 3)
    again = Lateness.from_state(late.state("late"), "late")
    for day_type in range(3):
        np.testing.assert_array_equal(again.of(PLAN, day_type), late.of(PLAN, day_type))
