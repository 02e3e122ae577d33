"""What-if on a line whose trains run as planned: nothing by chance, so that all can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.request import Add, Cancel, Hold, Move, Search, Strategy, StrategyName
from headway_prediction.what_if.result import editable_departures
from helpers.what_if_line import NOW, STATIONS, T0, Railway, line_history


@pytest.fixture(scope="module")
def punctual():
    return Railway(line_history())


@pytest.fixture(scope="module")
def noisy():
    return Railway(line_history(noise=0.7))


def same(one, other) -> bool:
    forecasts = [
        (f.mean.tobytes(), [f.quantiles[level].tobytes() for level in sorted(f.quantiles)])
        for f in (one, other)
    ]
    return forecasts[0] == forecasts[1]


LEAVES = (0, 5, 12, 17, 24, 29, 36, 41, 48, 53)
"""Minutes from now at which trains are planned to leave either terminal in the next hour."""


@pytest.mark.parametrize("edits", [(), (Hold(0, NOW + 5, 0.0),), (Move(1, NOW + 12, NOW + 12),)])
def test_no_change_is_no_difference_bit_for_bit(noisy, edits):
    found = noisy.asked(*edits)
    assert found.edits == () and not found.reached.any()
    assert same(found.baseline, found.changed)
    assert found.wait.difference_mins == found.wait.low_mins == found.wait.high_mins == 0.0
    assert found.wait.baseline_mins == found.wait.changed_mins > 0


def test_a_hold_lengthens_the_headway_before_it_and_shortens_the_one_after(punctual):
    found = punctual.asked(Hold(0, NOW + 5, 2.0))
    difference = found.difference[:, :, 0]
    for station in range(STATIONS):
        # Trains are planned here at 0, 5, 12 and 17 minutes from now, and what a train brings is held until the next one.
        held, behind, last = (LEAVES[k] + 2 * station for k in (1, 2, 3))
        assert not difference[:held, station].any()
        assert difference[held : held + 2, station].tolist() == [
            2,
            2,
        ]  # still the seven of the train before, not five
        assert difference[held + 2 : behind, station].tolist() == [2] * 5  # seven instead of five
        assert difference[behind:last, station].tolist() == [-2] * 5  # five instead of seven
        assert not difference[last:, station].any()
    assert not found.difference[:, :, 1].any()


def test_a_cancelled_train_leaves_both_headways_in_one(punctual):
    found = punctual.asked(Cancel(1, NOW + 5))
    for place in range(STATIONS):
        difference = found.difference[:, STATIONS - 1 - place, 1]
        gone, next_one, last = (LEAVES[k] + 2 * place for k in (1, 2, 3))
        assert difference[gone:next_one].tolist() == [2] * 7  # seven is held on instead of five
        assert difference[next_one:last].tolist() == [5] * 5  # twelve instead of seven
        assert np.count_nonzero(difference) == 12


def test_an_added_train_parts_a_headway(punctual):
    found = punctual.asked(Add(0, NOW + 8))
    for station in range(STATIONS):
        difference = found.difference[:, station, 0]
        comes, next_one, last = 8 + 2 * station, 12 + 2 * station, 17 + 2 * station
        assert difference[comes:next_one].tolist() == [-2] * 4  # three instead of five
        assert difference[next_one:last].tolist() == [-3] * 5  # four instead of seven
        assert np.count_nonzero(difference) == 9


def test_the_wait_is_that_worked_out_by_hand(punctual):
    found = punctual.asked(Cancel(0, NOW + 5))
    # Trains leave A at 0, 5, 12, … 60 from now: passengers wait five times 5² / 2 + 7² / 2 minutes, 185 in the hour. Without
    # the one at 5, those of the first twelve minutes wait 12² / 2 = 72 minutes instead of 37.
    at_first = found.waits[0, 0]
    assert at_first.baseline_mins == pytest.approx(185 / 60)
    assert at_first.difference_mins == pytest.approx(35 / 60)
    # At F they pass ten minutes later; the gap is that from 10 to 22, so it is whole within the hour as well.
    assert found.waits[0, 5].difference_mins == pytest.approx(35 / 60)
    assert found.waits[1, 0].difference_mins == 0
    # Six of twelve platforms wait 35 / 60 minutes longer.
    assert found.wait.difference_mins == pytest.approx(35 / 120)
    assert found.wait.low_mins == pytest.approx(35 / 120) == found.wait.high_mins


def test_cancelling_and_adding_the_same_is_almost_nothing(noisy):
    found = noisy.asked(Cancel(0, NOW + 12), Add(0, NOW + 12))
    assert abs(found.wait.difference_mins) < 0.03
    assert np.abs(found.difference).max() < 1.0 and np.abs(found.difference).mean() < 0.03


def test_the_first_train_touched_is_the_first_that_can_be_felt(punctual):
    found = punctual.asked(Move(0, NOW + 12, NOW + 9))
    for station in range(STATIONS):
        first = np.flatnonzero(found.reached[:, station, 0])[0]
        # A minute early from A, and a tenth faster from there: the minute in which it may pass, and that is held from.
        assert first == int(8 + 0.9 * 2 * station)
    assert not found.reached[:, :, 1].any()


def test_departures_are_those_of_the_next_hour_that_have_not_left(punctual):
    found = editable_departures(punctual.bundle, punctual.origin)
    assert [d.planned - NOW for d in found if d.direction == 0] == list(LEAVES)
    assert {d.station for d in found if d.direction == 1} == {STATIONS - 1}
    a_minute_later = editable_departures(punctual.bundle, replace(punctual.origin, t0=T0 + 1))
    assert a_minute_later[0].planned == NOW + 5


def test_typical_trips_can_be_edited_where_there_is_no_plan():
    found = Railway(line_history(planned=False)).asked(Cancel(0, NOW + 5))
    assert found.difference[12:17, 0, 0].tolist() == [5] * 5


def test_without_known_trips_it_is_refused_with_a_reason():
    railway = Railway(line_history(noise=3.0, planned=False, trip_ids=False))
    assert editable_departures(railway.bundle, railway.origin) == ()
    with pytest.raises(HeadwayError, match="no trips of direction 0 are known"):
        railway.asked(Hold(0, NOW + 5, 2.0))


EDITS = st.one_of(
    st.builds(Hold, st.integers(0, 1), st.integers(0, 9).map(lambda k: NOW + LEAVES[k]), st.floats(0, 8)),
    st.builds(
        Move,
        st.integers(0, 1),
        st.integers(0, 9).map(lambda k: NOW + LEAVES[k]),
        st.floats(NOW - 2, NOW + 62),
    ),
    st.builds(Cancel, st.integers(0, 1), st.integers(0, 9).map(lambda k: NOW + LEAVES[k])),
    st.builds(Add, st.integers(0, 1), st.floats(NOW - 2, NOW + 62)),
)


@given(edits=st.lists(EDITS, max_size=4))
@settings(max_examples=40)
def test_whatever_is_edited_is_refused_or_ordered_and_felt_only_where_it_can_be(noisy, edits):
    try:
        found = noisy.asked(*edits)
    except HeadwayError:
        return
    for direction in (0, 1):
        leaves = [d for d in found.departures if d.direction == direction and d.minute is not None]
        kept = [d.minute for d in leaves if d.planned is not None]
        assert kept == sorted(kept)
        every = sorted(d.minute for d in leaves)
        assert np.diff(every).min() > 1 - 1e-6 and every[0] >= NOW and every[-1] < NOW + 60
    apart = [f.mean[0][~found.reached] for f in (found.baseline, found.changed)]
    assert apart[0].tobytes() == apart[1].tobytes()
    for level, values in found.changed.quantiles.items():
        assert (values[0][~found.reached] == found.baseline.quantiles[level][0][~found.reached]).all()
    assert (np.diff(found.reached.astype(int), axis=0) >= 0).all()
    assert (found.changed.mean >= 0).all() and (found.changed.mean <= 30).all()
    low, middle, high = (found.changed.quantiles[level] for level in (0.1, 0.5, 0.9))
    assert (low <= middle).all() and (middle <= high).all()
    for wait in (found.wait, *found.waits.values()):
        assert wait.baseline_mins >= 0 and wait.changed_mins >= 0 and wait.low_mins <= wait.high_mins


def test_edits_come_first_then_the_strategy_then_the_search(punctual):
    cancelled, even = Cancel(0, NOW + 17), Strategy(StrategyName.EVEN_HEADWAYS, 0)
    # The strategy knows that a train is missing, and the search begins at what the strategy left.
    strategy = punctual.asked(cancelled, strategy=even).edits
    assert {edit.departure - NOW for edit in strategy if isinstance(edit, Hold)} >= {5, 12}
    assert punctual.asked(cancelled, strategy=even, search=Search(0, 0.0, 2.0)).edits == strategy
    first = Strategy(StrategyName.HOLD_NEXT, 0, 1.0)
    both = punctual.asked(cancelled, strategy=first, search=Search(0, 3.0, 2.0)).edits
    holds = {edit.departure: edit.mins for edit in both if isinstance(edit, Hold)}
    assert cancelled in both and holds.keys() - {NOW} and holds[NOW] >= 1.0
    assert len({edit.departure for edit in both}) == len(both)
