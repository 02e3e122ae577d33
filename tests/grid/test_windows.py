from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.windows import (
    WindowOrder,
    contiguous_periods,
    days_of_1440_rows,
    digest_of,
    rows_of_days,
    silent_minutes,
    split_service_days,
    usable_minutes,
    window_starts,
)

counts = st.integers(min_value=0, max_value=6)


@given(training=st.integers(1, 9), validation=st.integers(1, 6), test=counts)
def test_the_newest_days_are_test_days_and_no_day_is_lost(training, validation, test):
    days = [date(2025, 9, 1) + timedelta(days=i) for i in range(training + validation + test)]
    split = split_service_days(days, validation, test)
    assert split.training + split.validation + split.test == tuple(days)
    assert (len(split.validation), len(split.test)) == (validation, test)


def test_a_label_for_every_row_counts_each_day_once():
    split = split_service_days([3, 3, 5, 5, 5, 8], validation_days=1, test_days=1)
    assert split == ((3,), (5,), (8,))


def test_too_few_days_are_refused_with_how_many_are_needed():
    with pytest.raises(HeadwayError, match=r"there are 3 service days; expected at least 4"):
        split_service_days([1, 2, 3], validation_days=2, test_days=1)


def test_days_out_of_order_are_refused():
    with pytest.raises(HeadwayError, match="not in order"):
        split_service_days([1, 3, 2], validation_days=1, test_days=0)


def test_without_a_vector_1440_rows_are_a_day():
    days = days_of_1440_rows(2881)
    assert np.bincount(days).tolist() == [1440, 1440, 1]


@given(lengths=st.lists(st.integers(1, 5), min_size=3, max_size=8))
def test_rows_of_days_cover_exactly_those_days(lengths):
    days = np.repeat(np.arange(len(lengths)) * 2, lengths)
    wanted = np.unique(days)[1:3]
    first, stop = rows_of_days(days, wanted)
    assert np.array_equal(np.flatnonzero(np.isin(days, wanted)), np.arange(first, stop))


def headway_with(invalid=(), arrived=None, minutes=40, stations=3):
    """A line whose minutes are all valid but those in `invalid`, with arrivals everywhere or where told."""
    headway = np.full((minutes, stations, 2, 4), 0.2, dtype=np.float32)
    headway[list(invalid), ..., 0] = np.nan
    headway[..., 2] = 1.0 if arrived is None else 0.0
    if arrived is not None:
        headway[list(arrived), 0, 1, 2] = 1.0
    return headway


bools = hnp.arrays(bool, st.integers(1, 80))


@given(usable=bools, day_length=st.integers(1, 40), window=st.integers(1, 12))
def test_windows_are_exactly_the_unbroken_usable_runs_within_a_day(usable, day_length, window):
    days = np.arange(len(usable)) // day_length
    found = window_starts(contiguous_periods(usable, days), window)
    expected = [
        start
        for start in range(len(usable) - window + 1)
        if usable[start : start + window].all() and days[start] == days[start + window - 1]
    ]
    assert found.tolist() == expected


def test_a_silence_of_the_whole_line_between_two_arrivals_is_an_outage():
    arrived = np.zeros(40, dtype=bool)
    arrived[[5, 10, 26, 30]] = True  # minutes 11 to 25 are silent: 15 of them
    days = np.zeros(40, dtype=int)
    assert np.flatnonzero(silent_minutes(arrived, days, outage_mins=14)).tolist() == list(range(11, 26))
    assert not silent_minutes(arrived, days, outage_mins=15).any()


def test_the_night_between_two_service_days_is_no_outage():
    arrived = np.zeros(40, dtype=bool)
    arrived[[3, 36]] = True
    days = np.repeat([0, 1], 20)
    assert not silent_minutes(arrived, days, outage_mins=5).any()


def test_minutes_with_too_many_invalid_cells_are_not_usable():
    headway = headway_with(invalid=[7])
    headway[9, 0, :, 0] = np.nan  # a third of the cells
    days = np.zeros(len(headway), dtype=int)
    assert np.flatnonzero(~usable_minutes(headway, days, 0.5, 15)).tolist() == [7]
    assert np.flatnonzero(~usable_minutes(headway, days, 0.3, 15)).tolist() == [7, 9]


def test_a_minute_with_exactly_half_of_its_cells_invalid_is_not_usable():
    headway = headway_with(invalid=[])
    headway[9, :, 1, 0] = np.nan
    days = np.zeros(len(headway), dtype=int)
    assert np.flatnonzero(~usable_minutes(headway, days, 0.5, 15)).tolist() == [9]


def test_an_outage_is_not_usable_where_arrivals_are_known():
    headway = headway_with(arrived=[4, 24])
    days = np.zeros(len(headway), dtype=int)
    assert np.flatnonzero(~usable_minutes(headway, days, 0.5, 15)).tolist() == list(range(5, 24))
    assert usable_minutes(headway[..., [0, 3]], days, 0.5, 15).all()


@given(seed=st.integers(0, 2**32), epoch=st.integers(0, 500), count=st.integers(1, 60))
def test_the_order_is_a_function_of_seed_and_epoch_and_loses_no_window(seed, epoch, count):
    starts = np.arange(count) * 3
    order = WindowOrder(starts, seed, True, "", epoch=epoch)
    assert np.array_equal(order.current(), WindowOrder(starts, seed, True, "", epoch=epoch).current())
    assert sorted(order.current()) == starts.tolist()


def test_the_order_changes_from_epoch_to_epoch_and_with_the_seed_but_not_unshuffled():
    starts = np.arange(100)
    orders = [
        WindowOrder(starts, seed, True, "", epoch=epoch).current() for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    assert not any(np.array_equal(orders[i], orders[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
    assert np.array_equal(WindowOrder(starts, 0, False, "", 10, epoch=7).current(), starts)


@given(count=st.integers(1, 50), epoch_windows=st.integers(1, 60), shuffling=st.integers(0, 5))
def test_short_epochs_share_out_the_windows_of_one_shuffling(count, epoch_windows, shuffling):
    order = WindowOrder(np.arange(count), 1, True, "", epoch_windows)
    parts = count // len(order)
    visited = []
    for order.epoch in range(shuffling * parts, (shuffling + 1) * parts):
        visited += order.current().tolist()
        assert len(order.current()) == len(order) == min(count, epoch_windows)
    assert len(set(visited)) == len(visited) > count - len(order)


def test_different_data_have_different_digests():
    a = np.arange(6.0)
    assert digest_of([a, a]) == digest_of([a.copy(), a[:]])
    assert digest_of([a]) != digest_of([a + 1])
