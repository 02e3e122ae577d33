from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.splits import days_of_1440_rows, rows_of_days, split_service_days

counts = st.integers(min_value=0, max_value=6)


@given(training=st.integers(1, 9), validation=st.integers(1, 6), test=counts)
def test_newest_days_are_held_back_and_no_day_is_lost(training, validation, test):
    days = [date(2025, 9, 1) + timedelta(days=i) for i in range(training + validation + test)]
    split = split_service_days(days, validation, test)
    assert split.training + split.validation + split.test == tuple(days)
    assert (len(split.validation), len(split.test)) == (validation, test)


def test_a_label_for_every_row_counts_each_day_once():
    split = split_service_days([3, 3, 5, 5, 5, 8], validation_days=1, test_days=1)
    assert split == ((3,), (5,), (8,))


def test_too_few_days_says_how_many_there_are_and_are_needed():
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
