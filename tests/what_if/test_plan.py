"""Edits of the line of `what_if_line`, whose trains leave 0, 5, 12, 17, … minutes from now: what can be made, and how."""

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.edited_timetable import ADDED, DirectionChange, EditedTrips
from headway_prediction.what_if.plan import apply_edits, as_edits, check_feasible, with_plan
from headway_prediction.what_if.request import Add, Cancel, Hold, Move
from helpers.trips import NAN, table
from helpers.what_if_line import NOW, RUN, STATIONS, TODAY, Railway, line_history


@pytest.fixture(scope="module")
def railway():
    return Railway(line_history())


def refused(railway, *edits) -> str:
    with pytest.raises(HeadwayError) as error:
        check_feasible(railway.baseline, apply_edits(railway.baseline, edits))
    return str(error.value)


def made(railway, *edits):
    plan = apply_edits(railway.baseline, edits)
    check_feasible(railway.baseline, plan)
    return plan


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (Hold(0, NOW + 3, 2.0), "no train that has not left yet is planned to leave in direction 0 at 09:03"),
        (Cancel(1, NOW - 7), "the departure of direction 1 at 08:53 was before now (09:00)"),
        (Cancel(1, NOW + 60), "the departure of direction 1 at 10:00 is over 60 minutes away"),
        (Move(0, NOW + 5, NOW - 1), "a train of direction 0 is to leave at 08:59"),
        (Hold(0, NOW + 53, 8.0), "a train of direction 0 is to leave at 10:01"),
        (Hold(0, NOW + 5, 9.0), "the train that is to leave at 09:14 would overtake that of 09:12"),
        (Move(0, NOW + 12, NOW + 3), "the train that is to leave at 09:03 would overtake that of 09:05"),
        (Hold(0, NOW + 5, 6.5), "the train that is to leave at 09:11 would leave within a minute of that of 09:12"),
        (Add(0, NOW + 17.5), "the train that is to leave at 09:17 would leave within a minute of that of 09:17"),
        (Hold(0, NOW + 5, -1.0), "the edit is a hold of -1 minutes"),
    ],
)  # fmt: skip
def test_what_no_train_can_do_is_refused_with_a_sentence(railway, edit, sentence):
    assert sentence in refused(railway, edit)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(railway, value):
    for edit in (
        Hold(0, NOW + 5, value),
        Hold(0, value, 1.0),
        Move(0, NOW + 5, value),
        Add(1, value),
        Cancel(1, value),
    ):
        assert "expected minutes" in refused(railway, edit)


def test_the_error_for_an_unknown_departure_lists_the_known_ones(railway):
    assert "expected one of 09:00, 09:05, 09:12" in refused(railway, Cancel(0, NOW + 2))


def test_a_departure_is_edited_once(railway):
    assert "edited twice" in refused(railway, Hold(0, NOW + 5, 1.0), Cancel(0, NOW + 5))


def test_two_trains_may_be_held_one_behind_the_other(railway):
    assert "overtake" in refused(railway, Hold(0, NOW + 5, 8.0))
    plan = made(railway, Hold(0, NOW + 5, 8.0), Hold(0, NOW + 12, 3.0))
    assert as_edits(plan) == (Hold(0, NOW + 5, 8.0), Hold(0, NOW + 12, 3.0))


def test_a_departure_is_meant_by_the_nearest_time_to_the_minute(railway):
    assert as_edits(made(railway, Hold(0, NOW + 5.3, 1.0))) == (Hold(0, NOW + 5, 1.0),)
    assert "no train" in refused(railway, Hold(0, NOW + 5.7, 1.0))


def test_a_move_to_later_is_a_hold_and_one_to_the_same_time_is_nothing(railway):
    plan = made(railway, Move(0, NOW + 5, NOW + 7), Move(1, NOW + 5, NOW + 4), Move(1, NOW + 12, NOW + 12))
    assert as_edits(plan) == (Hold(0, NOW + 5, 2.0), Move(1, NOW + 5, NOW + 4))


def test_a_moved_departure_moves_its_whole_trip_in_the_plan_and_in_the_forecast(railway):
    changed = with_plan(railway.baseline, made(railway, Hold(0, NOW + 5, 2.0)))
    for baseline, after in zip(railway.baseline.days, changed.days, strict=True):
        assert baseline.matched.trips.trip_ids.tolist() == after.matched.trips.trip_ids.tolist()
    row = list(railway.baseline.departures_of_trips[0]).index(NOW + 5)
    apart = changed.days[0].matched.trips.minutes - railway.baseline.days[0].matched.trips.minutes
    assert apart[row].tolist() == [2.0] * STATIONS and np.count_nonzero(apart) == STATIONS
    assert changed.history.timetable.departures(TODAY, 0, 0)[row] == NOW + 7
    forcing = changed.history.day(TODAY)["planned_terminal_headway"].values[:, 0]
    assert forcing[NOW + 6] == 7 and forcing[NOW + 7] == 7 and forcing[NOW + 12] == 5


def test_a_cancelled_trip_is_gone_and_an_added_one_runs_like_those_around_it(railway):
    changed = with_plan(railway.baseline, made(railway, Cancel(0, NOW + 5), Add(0, NOW + 8)))
    departures = changed.history.timetable.departures(TODAY, 0, 0)
    assert NOW + 5 not in departures and NOW + 8 in departures
    rows = changed.history.timetable.planned_on(TODAY)
    at_end = rows.filter((rows["direction"] == 0) & (rows["station"] == STATIONS - 1))["minute"].to_list()
    assert NOW + 8 + RUN * (STATIONS - 1) in at_end
    trips = changed.days[0].matched.trips
    assert NOW + 8 in trips.minutes[:, 0] and NOW + 5 not in trips.minutes[:, 0]
    assert (
        changed.days[1].matched.trips.minutes.tobytes()
        == railway.baseline.days[1].matched.trips.minutes.tobytes()
    )


def test_trains_that_have_passed_stay_what_they_were(railway):
    changed = with_plan(railway.baseline, made(railway, Cancel(0, NOW + 5)))
    assert changed.history.passings.equals(railway.baseline.history.passings)
    expected, before = (one.days[0].expected(one.t0, 30) for one in (changed, railway.baseline))
    assert len(expected.minutes) == len(before.minutes) - 1
    under_way = expected.features[:, 0] > 0
    assert (expected.minutes[under_way] == before.minutes[before.features[:, 0] > 0]).all()


TRIPS = table([400, 402, NAN], [410, 412, 414], [420, 422, NAN], trip_ids=["7", "", "9"])
LEAVES = np.array([399.0, 410.0, 420.0])


def edited_trips(later=(0, 0, 0), gone=(), added=()) -> EditedTrips:
    out = np.zeros(3, dtype=bool)
    out[list(gone)] = True
    return EditedTrips.of(TRIPS, LEAVES, DirectionChange(np.array(later, float), out, np.array(added)), 0)


def test_changed_trips_keep_their_ids_and_know_where_they_come_from():
    found = edited_trips(later=(15, 0, 0), gone=(2,))
    assert found.origin.tolist() == [1, 0]
    np.testing.assert_array_equal(found.table.minutes, [[410, 412, 414], [415, 417, NAN]])
    assert found.table.row_of_id == {"7": 1}
    assert found.rows_of(np.array([0, 1, 2, -1])).tolist() == [1, 0, -1, -1]


def test_an_added_trip_is_as_late_as_its_neighbours_and_stops_where_the_nearer_does():
    found = edited_trips(added=(404.0, 407.0))
    assert found.origin.tolist() == [0, ADDED, ADDED, 1, 2]
    # The one before is usually a minute late, the one after on time.
    np.testing.assert_allclose(found.table.minutes[1], [404.5, 406.5, NAN])
    np.testing.assert_allclose(found.table.minutes[2], [407.5, 409.5, 411])
    trip_ids = found.table.id_of_row
    assert trip_ids[1] and trip_ids[2] and trip_ids[1] != trip_ids[2]


def test_before_the_first_trip_and_after_the_last_the_nearest_one_is_the_model():
    np.testing.assert_allclose(edited_trips(added=(390.0,)).table.minutes[0], [391, 393, NAN])
    np.testing.assert_allclose(edited_trips(added=(430.0,)).table.minutes[3], [430, 432, NAN])
