"""What passengers wait, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.what_if.effect import (
    INTERVAL_INFLATION,
    Wait,
    last_passings,
    stack_platforms,
    wait_totals,
)

TRAINS = np.array([2.0, 6.0, 16.0])[:, None, None]
"""One platform, one draw."""


def test_over_whole_headways_it_is_the_mean_square_over_twice_the_mean():
    found = wait_totals(TRAINS, 0.0, np.array([[16.0]]))
    # Headways of 2, 4 and 10 minutes: (4 + 16 + 100) / (2 · 16).
    assert found.mean.item() == pytest.approx(3.75)
    headways = np.array([2.0, 4.0, 10.0])
    assert found.mean.item() == pytest.approx(np.mean(headways**2) / (2 * np.mean(headways)))


def test_of_a_headway_that_ends_later_those_count_who_come_before():
    # Of the ten minutes from 6 to 16, those who come until 10 wait from ten to six minutes: 32 in all.
    assert wait_totals(TRAINS, 0.0, np.array([[10.0]])).waited.item() == pytest.approx(2 + 8 + 32)
    assert wait_totals(TRAINS, 0.0, np.array([[10.0]])).minutes.item() == 10


def test_trains_before_now_do_not_matter_nor_those_that_do_not_come():
    more = np.concatenate([np.array([-3.0])[:, None, None], TRAINS, np.full((1, 1, 1), np.inf)])
    assert wait_totals(more, 0.0, np.array([[16.0]])).mean.item() == pytest.approx(3.75)


def test_passengers_do_not_wait_where_no_train_comes():
    none = np.full((2, 1, 1), np.inf)
    assert last_passings(none).item() == -np.inf
    found = wait_totals(none, 0.0, last_passings(none))
    assert found.waited.item() == 0 and np.isnan(found.mean).all()
    assert Wait.of(found.mean[0], found.mean[0]) is None


def test_platforms_together_count_by_their_passengers():
    one, other = wait_totals(TRAINS, 0.0, np.array([[16.0]])), wait_totals(TRAINS, 0.0, np.array([[2.0]]))
    both = stack_platforms([one, other]).over_platforms()
    assert both.mean.item() == pytest.approx((60 + 2) / (16 + 2))


@given(st.lists(st.floats(0.1, 90), min_size=1, max_size=12), st.floats(0, 60))
def test_waits_are_never_negative_and_trains_in_any_order_give_the_same(minutes, until):
    passings = np.array(minutes)[:, None, None]
    end = np.minimum(last_passings(passings), until)
    found = wait_totals(passings, 0.0, end)
    assert (found.waited >= 0).all() and (found.waited <= 90 * found.minutes + 1e-9).all()
    turned = wait_totals(passings[::-1], 0.0, end)
    assert found.waited == pytest.approx(turned.waited)


@given(st.lists(st.floats(0.1, 59), min_size=1, max_size=8), st.floats(0.1, 59))
def test_one_more_train_never_makes_anyone_wait_longer(minutes, more):
    end = np.array([[max(minutes)]])
    before = wait_totals(np.array(minutes)[:, None, None], 0.0, end).waited
    after = wait_totals(np.array([*minutes, more])[:, None, None], 0.0, end).waited
    assert after <= before + 1e-9


def test_the_interval_is_that_of_the_differences_drawn_wider():
    baseline = np.zeros(11)
    found = Wait.of(baseline, np.arange(11.0))
    assert (found.difference_mins, found.baseline_mins, found.changed_mins) == (5, 0, 5)
    assert found.low_mins == pytest.approx(5 - 4 * INTERVAL_INFLATION) and found.high_mins == pytest.approx(
        5 + 4 * INTERVAL_INFLATION
    )
