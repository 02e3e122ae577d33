"""Planned trips of a line A B C D: 06:40 from A as trip 11, 06:50 as trip 12, two minutes between stations."""

from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.forecasters.physics.planned_trips import (
    Lateness,
    continued,
    lateness_of_day,
    planned_trips,
    typical_lateness,
)
from headway_prediction.grid.plan_variants import PlanKind, with_plan
from headway_prediction.transit.clock import day_type_of
from helpers.lines import MONDAY, regular_rows
from helpers.trips import NAN, history_of, plan_of, runs, table

FULL = [(trip, 0, s, start + 2.0 * s) for trip, start in ((11, 400), (12, 410)) for s in range(4)]
DEPARTURES = [row for row in FULL if row[2] == 0]


def planned(rows, direction=0, weekdays=range(7)):
    return planned_trips(history_of(regular_rows(), plan_of(rows, weekdays)), MONDAY, direction)


def test_the_kinds_of_days():
    assert [day_type_of(MONDAY + timedelta(days=k)) for k in range(7)] == [0, 0, 0, 0, 0, 1, 2]


def test_the_plan_is_a_table_of_trips():
    trips = planned(FULL)
    np.testing.assert_array_equal(trips.minutes, [[400, 402, 404, 406], [410, 412, 414, 416]])
    assert trips.row_of_id == {"11": 0, "12": 1}


def test_direction_1_is_numbered_along_its_travel():
    trips = planned([(21, 1, station, 500 - 2.0 * station) for station in range(4)], direction=1)
    np.testing.assert_array_equal(trips.minutes, [[494, 496, 498, 500]])


def test_without_a_plan_for_the_day_or_the_direction_there_are_no_trips():
    assert planned(FULL, direction=1) is None
    assert planned(FULL, weekdays=[5, 6]) is None
    assert planned_trips(history_of(regular_rows()), MONDAY, 0) is None


def test_departures_alone_are_continued_at_the_running_times_of_their_hour():
    how = runs(run=3.0)
    how.running[7] = 4.0  # from 07:00 on
    departures = table([410, NAN, NAN, NAN], [420, NAN, NAN, NAN], trip_ids=["11", "12"])
    trips = continued(departures, how)
    np.testing.assert_array_equal(trips.minutes, [[410, 413, 416, 419], [420, 424, 428, 432]])
    assert trips.row_of_id == {"11": 0, "12": 1}


def test_departures_are_continued_through_the_served_positions():
    served = np.triu(np.ones((4, 4)))
    served[0, 2:] = 0.4
    trips = continued(table([400, NAN, NAN, NAN]), runs(served=served))
    np.testing.assert_array_equal(trips.minutes, [[400, 402, NAN, NAN]])


def test_a_departure_stays_where_no_train_was_observed():
    trips = continued(table([400, NAN, NAN, NAN]), runs(served=np.zeros((4, 4))))
    np.testing.assert_array_equal(trips.minutes, [[400, NAN, NAN, NAN]])


def test_a_plan_with_ways_is_left_alone():
    """A trip that ends at the first station, or begins further on, is what it is."""
    trips = table([400, 402, 404, 406], [405, NAN, NAN, NAN], [NAN, 412, 414, NAN], trip_ids=["1", "2", "3"])
    assert continued(trips, runs()) is trips
    short = table([NAN, 412, 414, NAN])
    assert continued(short, runs()) is short


def test_a_departure_takes_its_way_from_the_nearest_trip_that_begins_further_on():
    # 403 would be at B at 405 (402 is 3 off) and passes B and D as that trip does.
    # 430 has none near: it passes the positions that most trains serve.
    trips = table(
        [403, NAN, NAN, NAN],
        [430, NAN, NAN, NAN],
        [NAN, 402, NAN, 406],
        [NAN, NAN, 414, 416],
        trip_ids=["1", "2", "8", "9"],
    )
    whole = continued(trips, runs())
    np.testing.assert_array_equal(
        whole.minutes, [[403, 405, NAN, 409], [NAN, NAN, 414, 416], [430, 432, 434, 436]]
    )
    assert whole.row_of_id == {"1": 0, "9": 1, "2": 2}


def test_what_lost_its_departure_is_no_train_beside_that_departure():
    """The train planned at 06:40 left seven minutes late: it is one train, not two."""
    whole = continued(table([407, NAN, NAN, NAN], [NAN, 402, 404, 406], trip_ids=["1", "8"]), runs())
    np.testing.assert_array_equal(whole.minutes, [[407, 409, 411, 413]])


@pytest.mark.parametrize("rows", [FULL, DEPARTURES])
def test_an_oracles_departures_run_through(rows):
    """The plan has 06:40 and 06:50; trains departed every ten minutes from 06:00 on, as in the oracle plan."""
    oracle = with_plan(history_of(regular_rows(), plan_of(rows)), PlanKind.ORACLE)
    trips = continued(planned_trips(oracle, MONDAY, 0), runs())
    assert trips.minutes[:, 0].tolist() == list(range(360, 720, 10))
    np.testing.assert_array_equal(trips.minutes - trips.minutes[:, :1], np.tile([0, 2, 4, 6], (36, 1)))


PLAN = table([10, 12, 14], [30, 32, 34], trip_ids=["1", "2"])


def day(*late, day_type=0, trip_ids=("1", "2")):
    """A day on which the planned trips were so many minutes late, everywhere or by position."""
    rows = [PLAN.minutes[trip] + np.asarray(minutes) for trip, minutes in enumerate(late)]
    return lateness_of_day(day_type, PLAN, table(*rows, trip_ids=list(trip_ids[: len(rows)]), positions=3))


def test_a_day_compares_trains_with_the_trips_they_are():
    found = day([1, 2, NAN], 0)
    assert found.trip_ids.tolist() == ["1", "2"]
    np.testing.assert_array_equal(found.behind, [[1, 2, NAN], [0, 0, 0]])


def test_trains_without_a_trip_do_not_change_the_lateness():
    found = lateness_of_day(0, PLAN, table([11, 13, NAN], [20, 22, 24]))
    np.testing.assert_array_equal(found.behind, [[1, 1, NAN]])
    assert found.trip_ids.tolist() == ["1"]


def test_lateness_is_estimated_for_a_plan_without_ids():
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


def test_a_trip_that_was_not_observed_has_the_typical_lateness():
    late = typical_lateness([day([2, NAN, NAN], [4, 4, NAN])], 3)
    np.testing.assert_array_equal(late.typical, [3, 4, 0])  # no observation at the last position: on time
    # At the second position trip 1 has no day of its own: (0 + 3 x 4) / 3.
    np.testing.assert_allclose(late.of(PLAN, 0), [[(2 + 9) / 4, 4, 0], [(4 + 9) / 4, 4, 0]])


def test_each_kind_of_day_has_its_own_trips():
    late = typical_lateness([day(4, 0, day_type=0), day(0, 0, day_type=1)], 3)
    np.testing.assert_array_equal(late.typical, [0, 0, 0])
    np.testing.assert_allclose(late.of(PLAN, 0), [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(late.of(PLAN, 1), np.zeros((2, 3)))
    np.testing.assert_allclose(
        late.of(PLAN, 2), np.zeros((2, 3))
    )  # a day type without training days: as all trips


def test_from_no_days_trips_are_on_time():
    np.testing.assert_array_equal(typical_lateness([], 3).of(PLAN, 0), np.zeros((2, 3)))
    np.testing.assert_array_equal(typical_lateness([day()], 3).of(PLAN, 0), np.zeros((2, 3)))


def test_lateness_survives_storage():
    late = typical_lateness([day(1, 3), day(2, 0, day_type=2)], 3)
    again = Lateness.from_state(late.state("late"), "late")
    for day_type in range(3):
        np.testing.assert_array_equal(again.of(PLAN, day_type), late.of(PLAN, day_type))
