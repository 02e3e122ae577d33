"""Rows of a log: what fires each rule, and similar rows that do not."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.quality.log_rows import (
    duplicates,
    misdated_rows,
    rows_in_service_day,
    time_resolution,
)
from helpers.lines import MONDAY, train
from helpers.log_rows import SECOND, kinds, passings_at_a, rows_of

TUESDAY = MONDAY + timedelta(days=1)


def test_a_repeated_row_is_a_duplicate_and_two_trains_are_not():
    assert kinds(duplicates(passings_at_a(("x", 400), ("x", 400), ("y", 410)))) == [("x", "repeated row")]
    assert duplicates(passings_at_a(("x", 400), ("y", 410))).is_empty()
    # The same train at another platform, or on another day, is no duplicate.
    rows = train("x", "ABCD", 400) + train("x", "ABCD", 400, day=TUESDAY)
    assert duplicates(rows_of(rows)).is_empty()


def test_a_row_is_found_again_among_others_of_its_second():
    found = duplicates(passings_at_a(("x", 400), ("y", 400), ("x", 400)))
    assert sorted(kinds(found)) == [("x", "repeated row"), ("y", "within 15 s")]


def test_a_passing_15_seconds_after_another_is_a_duplicate_and_16_seconds_are_none():
    found = duplicates(
        passings_at_a(("x", 400), ("y", 400 + 15 * SECOND), ("z", 410), ("w", 410 + 16 * SECOND))
    )
    assert kinds(found) == [("y", "within 15 s")]
    assert found["seconds_after"].to_list() == [15]


def test_a_train_that_passes_a_platform_again_is_named_and_one_without_an_id_cannot_be():
    found = duplicates(passings_at_a(("x", 400), ("y", 410), ("x", 420)))
    assert kinds(found) == [("x", "repeated train")]
    assert found["seconds_after"].to_list() == [1200]
    assert duplicates(passings_at_a(("", 400), ("", 410))).is_empty()


def test_rows_past_27_hours_and_before_midnight_are_misdated_and_late_trains_are_not():
    rows = passings_at_a(
        ("late", 1619.9), ("early", 1620), ("next", 1701), ("yesterday", -30), ("far", 1440 * 3 + 500)
    )
    found = misdated_rows(rows).sort("minute")
    assert found["trip_id"].to_list() == ["yesterday", "early", "next", "far"]
    days = [(day - MONDAY).days for day in found["likely_date"]]
    assert days == [-1, 1, 1, 3]
    assert rows_in_service_day(rows)["trip_id"].to_list() == ["late"]


def of_seconds(seconds, day=MONDAY):
    """Passings at these seconds after six o'clock."""
    return pl.DataFrame(
        {"service_date": [day] * len(seconds), "minute": [360 + float(second) * SECOND for second in seconds]}
    )


def times(seed, count=400):
    """Seconds of passings at random in twelve hours."""
    return np.random.default_rng(seed).uniform(0, 12 * 3600, count)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), step=st.sampled_from([1, 5, 10, 15, 20, 30, 60, 120, 300]))
def test_the_resolution_of_rounded_times_is_found(seed, step):
    rounded = np.round(times(seed) / step) * step
    assert time_resolution(of_seconds(rounded))["seconds"].to_list() == [step]


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), second=st.integers(0, 59))
def test_polls_every_minute_are_found_at_any_second_with_jitter(seed, second):
    jitter = np.random.default_rng(seed).integers(0, 4, 400)
    polled = np.ceil(times(seed) / 60) * 60 + second + jitter
    assert time_resolution(of_seconds(polled))["seconds"].to_list() == [60]


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_polls_whose_second_drifts_are_found(seed):
    polled = np.round(np.ceil(times(seed, 2000) / 61.7) * 61.7)
    assert time_resolution(of_seconds(polled))["seconds"][0] in (61, 62)


def test_the_resolution_is_that_of_each_day_and_unknown_for_a_few_times():
    frames = [of_seconds(np.round(times(1) / 60) * 60), of_seconds(np.round(times(2)), TUESDAY)]
    few = of_seconds([0, 60, 120], TUESDAY + timedelta(days=1))
    found = time_resolution(pl.concat([*frames, few]))
    assert found["seconds"].to_list() == [60, 1, None]
    assert found["round_share"][0] == 1 and found["round_share"][1] == pytest.approx(1 / 30, abs=0.03)
