"""The same random draws under two plans, how trains have moved, and how they are run: by hand."""

from dataclasses import replace

import numpy as np
import pytest

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.physics.train_following import TrainFollowing, headways_of
from headway_prediction.what_if.edited_timetable import DirectionChange, EditedTrips
from headway_prediction.what_if.effect import Effect
from headway_prediction.what_if.monte_carlo import (
    DEFAULT_DEVIATION_MINS,
    DEFAULT_LATENESS_MINS,
    MonteCarlo,
    Movement,
    held_headways,
)
from headway_prediction.what_if.plan import apply_edits, with_plan
from headway_prediction.what_if.request import Add, Cancel, Hold
from helpers.trips import NAN, runs, table
from helpers.what_if_line import NOW, Railway, line_history


@pytest.fixture(scope="module")
def noisy():
    return Railway(line_history(noise=0.7))


def passings_under(railway, *edits, draws=20):
    baseline = railway.baseline
    changed = with_plan(baseline, apply_edits(baseline, edits))
    return Effect.of(baseline, changed, 0, draws).passings


def test_trains_ahead_of_a_change_have_the_same_draws_to_the_bit(noisy):
    baseline, changed = passings_under(noisy, Hold(0, NOW + 12, 3.0))
    held_one = int(np.flatnonzero((baseline != changed).any(axis=(1, 2)))[0])
    assert baseline[:held_one].tobytes() == changed[:held_one].tobytes()
    assert (changed[held_one, 0] >= baseline[held_one, 0]).all()


def test_a_held_train_comes_later_by_what_it_is_held(noisy):
    baseline, changed = passings_under(noisy, Hold(0, NOW + 12, 3.0))
    first = baseline[:, 0, :]
    moved = np.flatnonzero((first != changed[:, 0, :]).any(axis=1))[0]
    np.testing.assert_allclose(changed[moved, 0] - baseline[moved, 0], 3.0)


def test_a_cancelled_or_added_train_leaves_the_draws_of_the_others(noisy):
    baseline, without = passings_under(noisy, Cancel(0, NOW + 29))
    kept = [row for row in baseline[:, 0].tolist() if row in without[:, 0].tolist()]
    assert len(kept) == len(without) == len(baseline) - 1
    baseline, more = passings_under(noisy, Add(0, NOW + 33))
    assert len(more) == len(baseline) + 1
    assert sum(row in more[:, 0].tolist() for row in baseline[:, 0].tolist()) >= len(baseline) - 1


def test_trains_of_a_direction_never_pass_each_other(noisy):
    for passings in passings_under(noisy, Hold(0, NOW + 5, 5.0), Add(0, NOW + 40)):
        leaves = passings[np.isfinite(passings[:, 0, 0])]
        leaves = leaves[np.argsort(leaves[:, 0, 0])]
        assert len(leaves) > 10 and (np.diff(leaves, axis=0) >= 0).all()


def test_the_same_moment_has_the_same_draws_in_every_run(noisy):
    one, other = (passings_under(Railway(noisy.history), Hold(0, NOW + 5, 2.0)) for _ in range(2))
    assert one[1].tobytes() == other[1].tobytes()


def trains_of(minutes: np.ndarray, run: float = 2.0) -> DirectionDay:
    """Trains and their trips, which leave every ten minutes and run two minutes between platforms."""
    trips = 400 + 10.0 * np.arange(len(minutes))[:, None] + run * np.arange(minutes.shape[1])
    ids = [str(number) for number in range(1, len(minutes) + 1)]
    positions = minutes.shape[1]
    typical, alone = np.full((54, positions), 10.0), TrainFollowing.none(positions)
    trains, planned = table(*minutes, trip_ids=ids), table(*trips, trip_ids=ids)
    return DirectionDay(MatchedTrains(trains, runs(positions), planned, typical), alone)


def grown(dwell_growth: float, late: np.ndarray, positions: int = 12) -> np.ndarray:
    """Trains that leave `late` and take `dwell_growth` minutes longer a run for each minute of headway beyond ten."""
    rows = []
    for train, own in enumerate(late):
        row = [400 + 10.0 * train + own]
        for position in range(1, positions):
            minute = row[-1] + 2.0
            if rows:
                minute += dwell_growth * (minute - rows[-1][position] - 10.0)
            row.append(minute)
        rows.append(row)
    return np.array(rows)


def test_dwell_growth_is_fitted_to_the_trains_so_far():
    late = np.random.default_rng(3).exponential(1.5, 30)
    found = Movement.fit(trains_of(grown(0.05, late)), t0=1000)
    assert found.dwell_growth == pytest.approx(0.05, abs=0.02)
    assert Movement.fit(trains_of(grown(0.0, late)), t0=1000).dwell_growth == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(np.sort(found.late), np.sort(late))


def test_trains_after_now_are_not_used():
    late = np.random.default_rng(3).exponential(1.5, 30)
    minutes = grown(0.05, late)
    later = minutes.copy()
    later[20:] += 3.0
    one, other = (Movement.fit(trains_of(rows), t0=560) for rows in (minutes, later))
    assert one.dwell_growth == other.dwell_growth and one.late.tolist() == other.late.tolist()
    assert one.deviations.tolist() == other.deviations.tolist()


def test_what_goes_with_a_train_all_the_way_is_its_pace():
    random = np.random.default_rng(0)
    own = random.normal(0, 0.1, (40, 1)) + random.normal(0, 0.2, (40, 11))
    minutes = (
        400
        + 10.0 * np.arange(40)[:, None]
        + np.concatenate([np.zeros((40, 1)), (2 + own).cumsum(axis=1)], axis=1)
    )
    found = Movement.fit(trains_of(minutes), t0=1600)
    assert found.pace == pytest.approx(0.1, abs=0.04)
    assert found.deviations.std() == pytest.approx(np.hypot(0.1, 0.2), abs=0.04)


def test_before_trains_are_observed_the_defaults_hold():
    found = Movement.fit(trains_of(grown(0.0, np.zeros(30))), t0=390)
    assert found.dwell_growth == 0 and found.pace == 0
    assert (
        found.deviations is DEFAULT_DEVIATION_MINS and found.late.tolist() == DEFAULT_LATENESS_MINS.tolist()
    )


def test_planned_headways_follow_the_clock_at_each_platform():
    np.testing.assert_array_equal(
        headways_of(np.array([[400, 402], [NAN, 408], [410, 412]])), [[NAN, NAN], [NAN, 6], [10, 4]]
    )


def test_a_train_with_a_gap_ahead_falls_behind_and_the_next_one_gains():
    """Growth without chance: as in the simulator's own test, 60 s more headway cost 6 s at 0.1 a minute."""
    day = trains_of(grown(0.1, np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0])))
    monte_carlo = MonteCarlo(day, t0=419, draws=1, seed=(0,))
    monte_carlo.__dict__["movement"] = Movement(np.zeros(1), 0.0, 0.1, np.zeros(1), 0.0)
    change = DirectionChange(np.array([0, 0, 0, 1.0, 0, 0]), np.zeros(6, dtype=bool), np.empty(0))
    trips = EditedTrips.of(day.matched.trips, day.matched.trips.minutes[:, 0], change, 0)
    changed = replace(day, matched=replace(day.matched, trips=trips.table))
    before, after = (
        monte_carlo.passings(monte_carlo.upcoming(day)),
        monte_carlo.passings(monte_carlo.upcoming(changed, trips)),
    )
    to_leave = np.isfinite(before[:, 0, 0])
    apart = (after[to_leave] - before[to_leave])[..., 0]
    held_one = int(np.flatnonzero(apart[:, 0])[0])
    np.testing.assert_allclose(apart[held_one, :3], [1.0, 1.1, 1.21], atol=1e-9)
    np.testing.assert_allclose(apart[held_one + 1, :3], [0.0, -0.11, -0.242], atol=1e-9)


def test_headways_held_ahead_are_those_of_the_last_train_that_has_passed():
    passings = np.array([[[402.5]], [[406.0]], [[np.inf]]])
    found = held_headways(passings, np.array([398.0]), 400, 8)[:, 0, 0]
    np.testing.assert_array_equal(found, [NAN, NAN, 4.5, 4.5, 4.5, 4.5, 3.5, 3.5])
