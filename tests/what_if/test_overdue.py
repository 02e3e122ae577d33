"""What-if where a train should have left by now and has not: on the line of `what_if_line`, three minutes after 09:00, the
train that was to leave A then stands there still, and leaves a minute later."""

from dataclasses import replace

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.plan import apply_edits, with_plan
from headway_prediction.what_if.request import Cancel, Hold, Move, Search, Strategy, StrategyName
from headway_prediction.what_if.result import editable_departures
from headway_prediction.what_if.search import best_holds
from helpers.what_if_line import NOW, STATIONS, T0, Railway, delayed, line_history

THREE = NOW + 3


@pytest.fixture(scope="module")
def history():
    return delayed(line_history(), NOW, 4.0)


@pytest.fixture(scope="module")
def overdue(history):
    return Railway(history, t0=T0 + 3)


def first_departure(railway) -> float:
    listed = editable_departures(railway.bundle, railway.origin)
    return next(one.planned for one in listed if one.direction == 0)


def applied(railway, name, *edits, mins=0.0):
    return railway.asked(*edits, strategy=Strategy(name, 0, mins)).edits


def test_an_overdue_train_can_be_changed_until_it_leaves_or_is_given_up(history):
    assert first_departure(Railway(history, t0=T0 + 3)) == NOW
    assert first_departure(Railway(history, t0=T0 + 5)) == NOW + 5  # it has left
    never = delayed(line_history(), NOW, 50.0)
    assert first_departure(Railway(never, t0=T0 + 6)) == NOW
    assert first_departure(Railway(never, t0=T0 + 7)) == NOW + 12  # nobody expects it any more


def test_the_next_departure_is_the_train_that_is_overdue_and_it_is_held_from_now(overdue):
    assert applied(overdue, StrategyName.HOLD_NEXT, mins=1.0) == (Hold(0, NOW, 4.0),)
    held = with_plan(overdue.baseline, apply_edits(overdue.baseline, [Hold(0, NOW, 4.0)]))
    row = overdue.baseline.departures_of_trips[0].tolist().index(NOW)
    for baseline, leaves in ((overdue.baseline, THREE), (held, THREE + 1)):
        assert baseline.expected_departures(0)[row] == leaves


def test_an_overdue_train_leaves_no_earlier_than_now(overdue):
    with pytest.raises(HeadwayError, match="is to leave at 09:02; expected a time from now"):
        overdue.asked(Hold(0, NOW, 2.0))
    with pytest.raises(HeadwayError, match="the one of 09:00 is late and leaves as soon"):
        applied(overdue, StrategyName.FILL_GAP, mins=1.0)  # ten minutes since the train before


def test_a_cancelled_overdue_train_is_felt_at_once(overdue):
    found = overdue.asked(Cancel(0, NOW))
    # At A the overdue one would bring ten minutes, and that of 09:05 two more; without it five are held, then twelve come.
    assert found.difference[0, 0, 0] == 5 - 10
    assert found.difference[2:9, 0, 0].tolist() == [12 - 2] * 7
    assert not found.difference[:, :, 1].any()


def test_even_headways_begin_at_the_train_that_is_overdue(overdue):
    holds = {edit.departure - NOW: edit.mins for edit in applied(overdue, StrategyName.EVEN_HEADWAYS)}
    # From the overdue train, which leaves now, to the last of the hour, at 60, are ten headways of 5.7 minutes.
    leaves = (5, 12, 17, 24, 29, 36, 41, 48, 53)
    assert holds == pytest.approx({at: 3 + 5.7 * (k + 1) - at for k, at in enumerate(leaves)})


def test_the_search_holds_an_overdue_train_from_now(overdue):
    cancelled = [Cancel(0, NOW + k) for k in (5, 12)]
    found = overdue.asked(*cancelled, search=Search(0, 4.0, 2.0))
    first = next(edit for edit in found.edits if isinstance(edit, Hold))
    assert first.departure == NOW and 3.0 < first.mins <= 3.0 + 4.0
    assert found.wait.difference_mins < overdue.asked(*cancelled).wait.difference_mins


def test_trains_that_are_very_late_leave_in_any_order_and_stay_in_that_of_the_plan():
    # The train of 09:00 is expected at 09:06, after that of 09:05, which is on time.
    railway = Railway(delayed(line_history(), NOW, 8.0), t0=T0 + 6)
    for request in ({"strategy": Strategy(StrategyName.EVEN_HEADWAYS, 0)}, {"search": Search(0, 4.0, 2.0)}):
        found = railway.asked(Cancel(0, NOW + 12), **request)
        kept = [one.minute for one in found.departures if one.direction == 0 and one.minute is not None]
        assert kept == sorted(kept)


def test_a_move_of_an_overdue_train_is_a_hold(overdue):
    found = overdue.asked(Move(0, NOW, THREE + 0.5))
    assert found.edits == (Hold(0, NOW, 3.5),)
    assert np.count_nonzero(found.difference[:, STATIONS - 1, 0])


def test_a_train_too_late_to_run_is_not_held():
    """Usually an hour late, it would leave after all trains that what-if runs."""
    railway = Railway(line_history())
    day = railway.baseline.days[0]
    late = np.where(railway.baseline.departures_of_trips[0] == NOW + 53, 60.0, 0.0)
    railway.baseline.__dict__["days"] = (
        replace(day, matched=replace(day.matched, trips=day.matched.trips.later(late[:, None]))),
        railway.baseline.days[1],
    )
    plan = best_holds(railway.baseline, apply_edits(railway.baseline, ()), Search(0, 4.0, 2.0))
    assert next(one for one in plan if one.direction == 0 and one.planned == NOW + 53).minute == NOW + 53
