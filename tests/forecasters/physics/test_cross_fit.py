from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior, folds_of
from helpers.lines import MONDAY, regular_rows
from helpers.trips import history_of

WEEK = [MONDAY + timedelta(days=k) for k in range(7)]


@pytest.fixture(scope="module")
def training():
    return history_of(regular_rows(days=WEEK, noise=1.0))


def assert_same(first, second):
    first, second = first.state(), second.state()
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


@given(st.integers(0, 30), st.integers(1, 8))
def test_folds_hold_every_day_once_and_are_even(days, count):
    dates = [MONDAY + timedelta(days=k) for k in range(days)]
    folds = folds_of(dates, count)
    assert sorted(day for fold in folds for day in fold) == dates
    assert len(folds) == min(count, days)
    assert {len(fold) for fold in folds} <= {days // count, days // count + 1} or days < count


def test_neighbouring_days_are_in_different_folds():
    assert folds_of(WEEK, 3) == [[WEEK[0], WEEK[3], WEEK[6]], [WEEK[1], WEEK[4]], [WEEK[2], WEEK[5]]]


def test_a_days_guess_is_the_one_fitted_without_its_fold(training):
    priors = cross_fit_priors(training, count=3)
    assert sorted(priors) == WEEK
    for fold in folds_of(WEEK, 3):
        without = fit_prior(training.select([day for day in WEEK if day not in fold]))
        for day in fold:
            assert_same(priors[day], without)


def test_as_many_folds_as_days_leave_one_out_each(training):
    few = training.select(WEEK[:3])
    priors = cross_fit_priors(few)
    for day in WEEK[:3]:
        assert_same(priors[day], fit_prior(few.select([d for d in WEEK[:3] if d != day])))


def test_a_guess_does_not_know_the_day_it_is_made_for(training):
    other = history_of(
        [row for row in regular_rows(days=WEEK, noise=1.0) if row[0] != WEEK[2]]
        + regular_rows(days=[WEEK[2]], noise=3.0, headway=7.0, seed=8)
    )
    first, second = (cross_fit_priors(history, count=3) for history in (training, other))
    assert_same(first[WEEK[2]], second[WEEK[2]])
    with pytest.raises(AssertionError):
        assert_same(first[WEEK[1]], second[WEEK[1]])


def test_a_single_day_can_only_know_itself(training):
    day = training.select(WEEK[:1])
    assert_same(cross_fit_priors(day)[WEEK[0]], fit_prior(day))
