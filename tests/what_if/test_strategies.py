"""Strategies and the search for holds, on the line of `what_if_line`: trains leave 0, 5, 12, 17, 24 … minutes from now."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.request import Cancel, Hold, Move, Search, Strategy, StrategyName
from headway_prediction.what_if.strategies import evened
from helpers.what_if_line import NOW, Railway, line_history


@pytest.fixture(scope="module")
def punctual():
    return Railway(line_history())


def test_holding_evens_what_comes_before_a_gap():
    # Ten minutes are missing between 5 and 15: the train before them goes half way between its neighbours.
    assert evened(np.array([0.0, 5, 15, 20, 25])).tolist() == [0, 7.5, 15, 20, 25]
    assert evened(np.array([0.0, 5, 10, 25])).tolist() == pytest.approx([0, 25 / 3, 50 / 3, 25])
    assert evened(np.array([0.0, 10, 15, 20])).tolist() == [0, 10, 15, 20]  # nobody can leave earlier
    assert evened(np.array([7.0])).tolist() == [7]


@given(st.lists(st.floats(0.5, 20), min_size=1, max_size=12))
def test_evened_departures_are_held_in_order_and_have_smaller_squares(headways):
    departures = np.cumsum(headways)
    found = evened(departures)
    assert (found >= departures - 1e-9).all() and (np.diff(found) > 0).all()
    assert found[0] == departures[0] and found[-1] == departures[-1]
    assert (np.diff(found) ** 2).sum() <= (np.diff(departures) ** 2).sum() + 1e-9
    np.testing.assert_allclose(evened(found), found)


def applied(railway, name, *edits, direction=0, mins=0.0):
    return railway.asked(*edits, strategy=Strategy(name, direction, mins))


def test_even_headways_hold_the_trains_before_a_cancelled_one(punctual):
    found = applied(punctual, StrategyName.EVEN_HEADWAYS, Cancel(0, NOW + 24))
    holds = {edit.departure - NOW: edit.mins for edit in found.edits if isinstance(edit, Hold)}
    # From the train that left 7 minutes ago to the one at 29 there are five headways of 7.2 minutes; a hold of 0.2 is none.
    # Between 36 and 48 the train at 41 comes into the middle.
    assert holds == pytest.approx({5: 2.4, 12: 2.6, 17: 4.8, 41: 1.0})
    alone = punctual.asked(Cancel(0, NOW + 24))
    assert found.wait.difference_mins < alone.wait.difference_mins


def test_hold_next_holds_the_next_departure(punctual):
    assert applied(punctual, StrategyName.HOLD_NEXT, direction=1, mins=2.5).edits == (Hold(1, NOW, 2.5),)
    assert applied(punctual, StrategyName.HOLD_NEXT, mins=0.0).edits == ()


def test_a_gap_is_narrowed_from_its_nearer_end(punctual):
    found = applied(punctual, StrategyName.FILL_GAP, Cancel(0, NOW + 17), mins=2.0)
    assert found.edits == (Hold(0, NOW + 12, 2.0), Cancel(0, NOW + 17))
    # The widest gap follows the train that has left: the next one leaves earlier.
    first = applied(punctual, StrategyName.FILL_GAP, Cancel(0, NOW), Cancel(0, NOW + 5), mins=2.0)
    assert first.edits[-1] == Move(0, NOW + 12, NOW + 10)


def test_a_strategy_that_no_train_can_follow_is_refused(punctual):
    with pytest.raises(HeadwayError, match="overtake"):
        applied(punctual, StrategyName.HOLD_NEXT, mins=8.0)
    with pytest.raises(HeadwayError, match="no train of direction 0 is planned"):
        Railway(punctual.history, t0=719).asked(strategy=Strategy(StrategyName.HOLD_NEXT, 0, 1.0))


def test_the_best_holds_keep_within_limits_and_shorten_the_wait(punctual):
    alone = punctual.asked(Cancel(0, NOW + 24))
    waits = [alone.wait.difference_mins]
    for most in (1.0, 3.0):
        found = punctual.asked(Cancel(0, NOW + 24), search=Search(0, most, 2.0))
        holds = [edit for edit in found.edits if isinstance(edit, Hold)]
        assert holds and max(edit.mins for edit in holds) <= most
        assert {type(edit) for edit in found.edits} == {Hold, Cancel}
        waits.append(found.wait.difference_mins)
    assert waits[0] > waits[1] > waits[2]


def test_the_best_holds_are_no_worse_than_even_headways(punctual):
    even = applied(punctual, StrategyName.EVEN_HEADWAYS, Cancel(0, NOW + 24))
    best = punctual.asked(Cancel(0, NOW + 24), search=Search(0, 6.0, 2.0))
    assert best.wait.difference_mins <= even.wait.difference_mins + 0.02


def test_nothing_may_be_held_where_the_limit_is_none(punctual):
    found = punctual.asked(search=Search(1, 0.0, 2.0))
    assert found.edits == () and found.wait.difference_mins == 0
