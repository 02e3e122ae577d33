"""Implausible headways and trains: what fires each rule, and similar rows that do not."""

import polars as pl
import pytest

from headway_prediction.quality.implausible import backward_trains, overtaking_trains, suspicious_headways
from headway_prediction.quality.silences import SILENCE_COLUMNS
from helpers.lines import MONDAY, train
from helpers.log_rows import LINE, SECOND, kinds, passings_at_a, rows_of

NO_OUTAGES = pl.DataFrame(schema=SILENCE_COLUMNS)


def test_headways_under_a_minute_and_over_an_hour_are_suspicious():
    minutes = [400, 401, 401 + 59 * SECOND, 461 + 59 * SECOND, 523]
    found = suspicious_headways(passings_at_a(*((f"t{k}", m) for k, m in enumerate(minutes))), NO_OUTAGES)
    assert kinds(found) == [("t2", "under a minute"), ("t4", "over an hour")]
    assert suspicious_headways(passings_at_a(("x", 400), ("y", 401), ("z", 461)), NO_OUTAGES).is_empty()


def test_a_duplicate_has_no_headway_nor_does_what_comes_across_an_outage():
    assert suspicious_headways(passings_at_a(("x", 400), ("x", 400 + 10 * SECOND)), NO_OUTAGES).is_empty()
    passings = passings_at_a(("x", 400), ("y", 500))
    assert suspicious_headways(passings, NO_OUTAGES).height == 1
    outage = pl.DataFrame([(MONDAY, 401, 500, "plan")], SILENCE_COLUMNS, orient="row")
    assert suspicious_headways(passings, outage).is_empty()
    elsewhere = pl.DataFrame([(MONDAY, 301, 399, "plan")], SILENCE_COLUMNS, orient="row")
    assert suspicious_headways(passings, elsewhere).height == 1


def test_a_train_that_passes_a_station_before_the_previous_one_runs_backwards():
    rows = train("x", "ABCD", 400)
    rows[2] = (*rows[2][:5], 401.0)  # C at 401, before B at 402
    found = backward_trains(rows_of([*rows, *train("y", "ABCD", 410)]), LINE)
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
    passings = rows_of(rows)
    assert backward_trains(passings, LINE).is_empty()
    assert overtaking_trains(passings, LINE).is_empty()


def test_two_passings_in_the_same_second_are_not_backwards_and_trains_without_an_id_are_not_followed():
    passings = rows_of(train("x", "ABCD", 400, run=0.0) + train("", "ABCD", 410, run=-1.0))
    assert backward_trains(passings, LINE).is_empty()
    assert overtaking_trains(passings, LINE).is_empty()


def test_a_train_that_leaves_behind_another_and_arrives_ahead_of_it_overtakes():
    slow, fast = train("slow", "ABCD", 400, run=5.0), train("fast", "ABCD", 404, run=2.0)
    found = overtaking_trains(rows_of(slow + fast), LINE)
    # A at 400 and 404, B at 405 and 406, C at 410 and 408.
    assert found.select("trip_id", "overtaken", "station").rows() == [("fast", "slow", 2)]


def test_a_train_that_runs_backwards_makes_no_other_overtake_it():
    astray = train("x", "ABCD", 400)
    astray[1] = (*astray[1][:5], 380.0)
    passings = rows_of(astray + train("y", "ABCD", 390))
    assert backward_trains(passings, LINE)["trip_id"].to_list() == ["x"]
    assert overtaking_trains(passings, LINE).is_empty()
