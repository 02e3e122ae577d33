"""Each rule of the quality check: what fires it, and what looks like it but does not."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.feeds.logs.arrivals import typed_arrivals
from headway_prediction.quality.duplicates import duplicates
from headway_prediction.quality.headways import suspicious_headways
from headway_prediction.quality.outages import SILENCE_COLUMNS
from headway_prediction.quality.platform_rows import misdated_rows, platform_rows, rows_in_service_day
from headway_prediction.quality.resolution import time_resolution
from headway_prediction.quality.train_order import backward_trains, overtaking_trains
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, raw_log, regular_rows, train

TUESDAY = MONDAY + timedelta(days=1)
SECOND = 1 / 60
LINE = Line.from_arrivals(log_of(regular_rows(stations=4)), ZONE)
NO_OUTAGES = pl.DataFrame(schema=SILENCE_COLUMNS)


def placed(rows):
    return platform_rows(typed_arrivals(raw_log(rows)), LINE)


def at_a(*passings):
    """Passings (trip, minute) of the platform A of direction 0."""
    return placed([(MONDAY, trip, 0, "A", 0, minute) for trip, minute in passings])


def kinds(found):
    return [(row["trip_id"], row["kind"]) for row in found.iter_rows(named=True)]


def test_a_row_that_stands_twice_is_a_duplicate_and_two_trains_are_not():
    assert kinds(duplicates(at_a(("x", 400), ("x", 400), ("y", 410)))) == [("x", "row again")]
    assert duplicates(at_a(("x", 400), ("y", 410))).is_empty()
    # The same train at another platform, or on another day, is no duplicate.
    rows = train("x", "ABCD", 400) + train("x", "ABCD", 400, day=TUESDAY)
    assert duplicates(placed(rows)).is_empty()


def test_a_row_is_found_again_among_others_of_its_second():
    found = duplicates(at_a(("x", 400), ("y", 400), ("x", 400)))
    assert sorted(kinds(found)) == [("x", "row again"), ("y", "within 15 s")]


def test_a_passing_15_seconds_after_another_is_a_duplicate_and_16_seconds_are_none():
    found = duplicates(at_a(("x", 400), ("y", 400 + 15 * SECOND), ("z", 410), ("w", 410 + 16 * SECOND)))
    assert kinds(found) == [("y", "within 15 s")]
    assert found["seconds_after"].to_list() == [15]


def test_a_train_that_passes_a_platform_again_is_named_and_one_without_an_id_cannot_be():
    found = duplicates(at_a(("x", 400), ("y", 410), ("x", 420)))
    assert kinds(found) == [("x", "train again")]
    assert found["seconds_after"].to_list() == [1200]
    assert duplicates(at_a(("", 400), ("", 410))).is_empty()


def test_rows_past_27_hours_and_before_midnight_are_misdated_and_late_trains_are_not():
    rows = at_a(
        ("late", 1619.9), ("early", 1620), ("next", 1701), ("yesterday", -30), ("far", 1440 * 3 + 500)
    )
    found = misdated_rows(rows).sort("minute")
    assert found["trip_id"].to_list() == ["yesterday", "early", "next", "far"]
    days = [(day - MONDAY).days for day in found["likely_date"]]
    assert days == [-1, 1, 1, 3]
    assert rows_in_service_day(rows)["trip_id"].to_list() == ["late"]


def test_headways_under_a_minute_and_over_an_hour_are_suspicious():
    minutes = [400, 401, 401 + 59 * SECOND, 461 + 59 * SECOND, 523]
    found = suspicious_headways(at_a(*((f"t{k}", m) for k, m in enumerate(minutes))), NO_OUTAGES)
    assert kinds(found) == [("t2", "under a minute"), ("t4", "over an hour")]
    assert suspicious_headways(at_a(("x", 400), ("y", 401), ("z", 461)), NO_OUTAGES).is_empty()


def test_a_duplicate_has_no_headway_nor_does_what_comes_across_an_outage():
    assert suspicious_headways(at_a(("x", 400), ("x", 400 + 10 * SECOND)), NO_OUTAGES).is_empty()
    passings = at_a(("x", 400), ("y", 500))
    assert suspicious_headways(passings, NO_OUTAGES).height == 1
    outage = pl.DataFrame([(MONDAY, 401, 500, "plan")], SILENCE_COLUMNS, orient="row")
    assert suspicious_headways(passings, outage).is_empty()
    elsewhere = pl.DataFrame([(MONDAY, 301, 399, "plan")], SILENCE_COLUMNS, orient="row")
    assert suspicious_headways(passings, elsewhere).height == 1


def test_a_train_that_passes_a_station_before_the_one_before_it_runs_backwards():
    rows = train("x", "ABCD", 400)
    rows[2] = (*rows[2][:5], 401.0)  # C at 401, before B at 402
    found = backward_trains(placed([*rows, *train("y", "ABCD", 410)]), LINE)
    assert found.select("trip_id", "station", "minute", "previous_station", "previous_minute").rows() == [
        ("x", 2, 401, 1, 402)
    ]


@pytest.mark.parametrize("direction", [0, 1])
def test_trains_that_keep_their_order_are_not_out_of_order(direction):
    stops = "ABCD"[:: 1 - 2 * direction]
    rows = train("x", stops, 400, direction=direction) + train("y", stops, 403, direction=direction)
    rows += train("short", stops[:2], 406, direction=direction) + train(
        "skips", stops[::3], 409, direction=direction
    )
    passings = placed(rows)
    assert backward_trains(passings, LINE).is_empty()
    assert overtaking_trains(passings, LINE).is_empty()


def test_two_passings_in_the_same_second_are_not_backwards_and_nobody_is_followed_without_an_id():
    passings = placed(train("x", "ABCD", 400, run=0.0) + train("", "ABCD", 410, run=-1.0))
    assert backward_trains(passings, LINE).is_empty()
    assert overtaking_trains(passings, LINE).is_empty()


def test_a_train_that_leaves_behind_another_and_comes_in_ahead_of_it_overtakes():
    slow, fast = train("slow", "ABCD", 400, run=5.0), train("fast", "ABCD", 404, run=2.0)
    found = overtaking_trains(placed(slow + fast), LINE)
    # A at 400 and 404, B at 405 and 406, C at 410 and 408.
    assert found.select("trip_id", "overtaken", "station").rows() == [("fast", "slow", 2)]


def test_a_train_that_runs_backwards_makes_no_other_overtake_it():
    astray = train("x", "ABCD", 400)
    astray[1] = (*astray[1][:5], 380.0)
    passings = placed(astray + train("y", "ABCD", 390))
    assert backward_trains(passings, LINE)["trip_id"].to_list() == ["x"]
    assert overtaking_trains(passings, LINE).is_empty()


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
