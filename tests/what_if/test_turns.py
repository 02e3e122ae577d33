"""What-if where trains turn round at F: one that comes there leaves again two minutes later, and needs one to turn.

Trains leave A 0, 5, 12, 17, … minutes from now and come to F ten minutes later, so those that leave F at 12, 17, … have left
A at 0, 5, …
"""

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.physics.turnarounds import Turnarounds
from headway_prediction.what_if.plan import apply_edits, as_edits, check_feasible, with_plan
from headway_prediction.what_if.request import Add, Cancel, Hold, Move, Search, Strategy, StrategyName
from headway_prediction.what_if.search import HoldTrial
from headway_prediction.what_if.strategies import TerminalDepartures, apply_strategy
from helpers.what_if_line import NOW, T0, Railway, delayed, line_history

TURNS = Turnarounds(np.empty(0), np.empty(0)), Turnarounds(np.array([2.0]), np.array([1.0]))
LATE = 4.0


@pytest.fixture(scope="module")
def railway():
    return Railway(line_history(), turnarounds=TURNS)


@pytest.fixture(scope="module")
def late():
    """Seven minutes later, when the train that left A at NOW + 5 runs four minutes late."""
    return Railway(delayed(line_history(), NOW + 5, LATE), t0=T0 + 12, turnarounds=TURNS)


def turns_of(baseline) -> dict[str, str]:
    """The id of the trip that feeds each trip of direction 1 ("" where none does), by the id of the latter."""
    inbound, (arriving, departing) = baseline.days[1].inbound, baseline.days
    feeding = np.append(arriving.matched.trips.id_of_row, "")[inbound.trip]
    return dict(zip(departing.matched.trips.id_of_row.tolist(), feeding.tolist(), strict=True))


def trip_id_at(baseline, direction: int, departure: float) -> str:
    row = baseline.departures_of_trips[direction].tolist().index(departure)
    return str(baseline.days[direction].matched.trips.id_of_row[row])


def changed(railway, *edits):
    plan = apply_edits(railway.baseline, edits)
    check_feasible(railway.baseline, plan)
    return with_plan(railway.baseline, plan)


def test_trains_turn_around_into_the_trip_two_minutes_later(railway):
    baseline = railway.baseline
    assert baseline.days[0].inbound is None
    assert turns_of(baseline)[trip_id_at(baseline, 1, NOW + 12)] == trip_id_at(baseline, 0, NOW)
    assert turns_of(baseline)[trip_id_at(baseline, 1, NOW + 17)] == trip_id_at(baseline, 0, NOW + 5)


def test_no_train_leaves_before_it_has_come_and_turned(railway):
    with pytest.raises(
        HeadwayError, match="leave at 09:10 turns round until 09:11, 1 minutes after it arrives"
    ):
        changed(railway, Move(1, NOW + 12, NOW + 10))
    changed(railway, Move(1, NOW + 12, NOW + 11))


def test_a_hold_counts_from_when_a_train_that_comes_late_can_leave(late):
    # The train planned at 09:17 is expected at 20, as the one that left A at 9 turns into it.
    hold = Strategy(StrategyName.HOLD_NEXT, 1, 1.0)
    plan = apply_strategy(late.baseline, apply_edits(late.baseline, [Cancel(1, NOW + 12)]), hold)
    assert as_edits(plan) == (Cancel(1, NOW + 12), Hold(1, NOW + 17, 4.0))
    expected = sorted(with_plan(late.baseline, plan).expected_departures(1).values())
    assert expected[:2] == pytest.approx([NOW + 21, NOW + 24])


def test_a_train_under_way_that_is_late_turns_round_later(late):
    # It left at 9 instead of 5 and comes to F at 19 instead of 15: it leaves there at 20 instead of 17.
    expected = late.baseline.expected_departures(1)
    row = late.baseline.departures_of_trips[1].tolist().index(NOW + 17)
    assert expected[row] == pytest.approx(NOW + 16 + LATE)
    with pytest.raises(HeadwayError, match="leave at 09:15 turns round until 09:20"):
        changed(late, Move(1, NOW + 17, NOW + 15))


def test_who_turns_into_whom_stays_whatever_is_moved(railway):
    baseline = railway.baseline
    moved = changed(railway, Hold(0, NOW + 5, 4.0), Move(1, NOW + 12, NOW + 16), Hold(1, NOW + 29, 3.0))
    assert turns_of(moved) == turns_of(baseline)
    assert set(moved.days[1].inbound.min_turnaround) == {0.0, 1.0}  # none feeds the first of the day


def test_a_cancelled_train_has_no_next_trip_and_an_added_one_no_previous_trip(railway):
    baseline = railway.baseline
    after = turns_of(changed(railway, Cancel(0, NOW + 5), Cancel(1, NOW + 24), Add(1, NOW + 33)))
    fed, gone = trip_id_at(baseline, 1, NOW + 17), trip_id_at(baseline, 1, NOW + 24)
    added = set(after) - set(turns_of(baseline))
    assert after[fed] == "" and gone not in after and [after[trip_id] for trip_id in added] == [""]
    others = turns_of(baseline).items() - {
        (fed, trip_id_at(baseline, 0, NOW + 5)),
        (gone, turns_of(baseline)[gone]),
    }
    assert others < after.items() and len(others) == len(after) - 2


def trial(railway, search: Search):
    plan = apply_edits(railway.baseline, ())
    leaving = TerminalDepartures.of(railway.baseline, plan, search.direction)
    return leaving.minutes - NOW, HoldTrial.of(railway.baseline, leaving, search, 2)


def test_no_train_is_held_so_long_that_it_is_late_for_its_way_back(railway):
    # Two minutes from coming to leaving, of which the search is to leave one, or a half: a turn takes one all the same.
    for least, most in ((1.0, 1.0), (0.5, 1.0), (1.5, 0.5)):
        leaves, found = trial(railway, Search(0, 5.0, least))
        np.testing.assert_allclose(found.max_hold[leaves == 5], most)


def test_a_late_train_is_held_for_the_minimum_turnaround_of_the_search(late):
    # It comes at 19 and is expected to leave at 20; with three minutes to turn, it is to leave at 22. The train before
    # it has come at 10, and leaves at 13.
    for least, first, second in ((1.0, 0, 0), (3.0, 1, 2)):
        leaves, found = trial(late, Search(1, 5.0, least))
        assert leaves[:2].tolist() == [12, 17]
        np.testing.assert_allclose(found.min_hold, [first, second] + [0] * (len(leaves) - 2))
