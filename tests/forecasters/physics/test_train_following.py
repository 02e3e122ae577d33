"""Train following: headways computed by hand, and parameters recovered from simulated runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.train_following import (
    Sections,
    TrainFollowing,
    fit_train_following,
    headways_of,
    with_min_headway,
)
from helpers.trips import NAN

POSITIONS = 12
MINUTES = st.lists(st.floats(0, 100), min_size=1, max_size=8).map(sorted).map(np.array)


def test_trains_keep_their_distance_one_behind_the_other():
    assert with_min_headway(np.array([10.0, 11.0, 20.0]), 9.0, 2.0).tolist() == [11, 13, 20]
    assert with_min_headway(np.array([10.0, 11.0]), NAN, 2.0).tolist() == [10, 12]


@given(MINUTES, st.floats(0, 5), st.one_of(st.just(NAN), st.floats(0, 100)))
def test_distances_hold_and_no_train_is_early(minutes, min_headway, last_observed):
    headways = with_min_headway(minutes, last_observed, min_headway)
    assert (headways >= minutes - 1e-9).all()
    assert (np.diff(headways) >= min_headway - 1e-9).all()
    assert np.isnan(last_observed) or headways[0] >= last_observed + min_headway - 1e-9


@given(MINUTES)
def test_without_train_following_expected_times_are_unchanged(minutes):
    table = np.add.outer(minutes, 2.0 * np.arange(4))
    moved = TrainFollowing.none(4).apply(table, np.full(4, NAN), np.full(4, 10.0))
    np.testing.assert_allclose(moved, table, rtol=1e-12)


def test_headways_are_those_of_the_train_before_at_each_position():
    minutes = np.array([[0.0, 5.0, NAN], [3.0, 4.0, 9.0], [NAN, 7.0, 10.0]])
    np.testing.assert_array_equal(headways_of(minutes), [[NAN, 1, NAN], [3, NAN, NAN], [NAN, 2, 1]])


def test_sections_are_compared_with_the_trip_or_the_typical_run():
    minutes = np.array([[60.0, 63.0, 64.0], [70.0, 72.0, NAN]])
    trips = np.array([[60.0, 62.0, 65.0], [NAN, NAN, NAN]])
    found = Sections.of(minutes, trips, np.full((27, 2), 1.5), np.full((54, 3), 8.0))
    assert found.run_mins.tolist()[0] == [3, 1] and found.typical.tolist() == [[2, 3], [1.5, 1.5]]
    np.testing.assert_array_equal(found.headway_excess, [[NAN, NAN, NAN], [2, 1, NAN]])


def day_of_trains(random, *, dwell_growth=0.0, pace=0.0, min_headway=0.0, noise=0.05) -> Sections:
    """Sixty trains about ten minutes apart over twelve stations two minutes apart."""
    starts = 300 + np.cumsum(random.uniform(4, 16, 60))
    rows = []
    for start in starts:
        own = 1 + pace * random.standard_normal()
        row = [start]
        for position in range(1, POSITIONS):
            headways = row[-1] - rows[-1][position - 1] if rows else 10.0
            run = 2.0 * own + dwell_growth * (headways - 10.0) + noise * random.standard_normal()
            ahead = rows[-1][position] + min_headway if rows else -np.inf
            row.append(max(row[-1] + run, ahead))
        rows.append(row)
    return Sections.of(
        np.array(rows), None, np.full((27, POSITIONS - 1), 2.0), np.full((54, POSITIONS), 10.0)
    )


def learned(**line) -> TrainFollowing:
    random = np.random.default_rng(0)
    return fit_train_following(Sections.of_days([day_of_trains(random, **line) for _ in range(12)]))


def test_growth_is_found_where_runs_lengthen_with_the_headway():
    found = learned(dwell_growth=0.03, min_headway=1.0)
    assert found.dwell_growth[:-1] == pytest.approx(np.full(POSITIONS - 1, 0.03), abs=0.006)
    assert found.dwell_offset[:-1] == pytest.approx(np.zeros(POSITIONS - 1), abs=0.05)
    assert found.dwell_growth[-1] == 0


def test_pace_is_shrunk_less_the_clearer_it_is():
    sure, unsure = learned(pace=0.05, noise=0.02), learned(pace=0.05, noise=0.3)
    assert sure.pace_shrinkage < unsure.pace_shrinkage
    assert learned(pace=0.0, noise=0.2).pace_shrinkage == np.inf


def test_the_minimum_headway_is_about_the_shortest_observed():
    assert learned(dwell_growth=0.05, min_headway=1.5).min_headway[-1] == pytest.approx(1.5, abs=0.05)


def test_insignificant_effects_are_not_fitted():
    """Each of eleven growths is significant by chance once in 400 times."""
    assert np.count_nonzero(learned(noise=0.3).dwell_growth) <= 1


def test_the_fit_survives_storage():
    found = learned(dwell_growth=0.03, min_headway=1.0, pace=0.02)
    again = TrainFollowing.from_state(found.state("a"), "a")
    assert again.pace_shrinkage == found.pace_shrinkage and again.max_slowness == found.max_slowness
    for name in ("dwell_growth", "dwell_offset", "min_headway"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
