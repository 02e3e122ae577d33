from datetime import date

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.grid.passings import (
    HAS_TRIP_ID,
    PASSING_COLUMNS,
    DroppedRows,
    passings_before,
    passings_on_line,
)
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, raw_log, regular_rows, train

TUESDAY = date(2025, 9, 30)


def placed(rows, stations=2):
    """The passings of `rows` on the line that regular_rows runs over."""
    line = Line.from_arrivals(log_of(regular_rows(stations=stations)), ZONE)
    return passings_on_line(log_of(rows), line)


def at_a(minutes, day=MONDAY):
    return [(day, f"t{k}", 0, "A", 0, minute) for k, minute in enumerate(minutes)]


def test_passings_are_minutes_directions_and_stations_in_order():
    rows = train("up", "AB", 400.25) + train("down", "BA", 390, direction=1) + train("early", "AB", 370)
    passings, dropped = placed(rows)
    assert passings.schema == pl.Schema(PASSING_COLUMNS)
    assert passings.drop("trip_id").rows() == [
        (MONDAY, 0, 0, 370),
        (MONDAY, 0, 0, 400.25),
        (MONDAY, 0, 1, 372),
        (MONDAY, 0, 1, 402.25),
        (MONDAY, 1, 0, 392),
        (MONDAY, 1, 1, 390),
    ]
    assert passings["trip_id"].to_list() == ["early", "up", "early", "up", "down", "down"]
    assert dropped == DroppedRows(0, 0)


def test_a_passing_15_seconds_or_less_after_the_one_before_is_a_duplicate():
    second = 1 / 60
    passings, dropped = placed(at_a([400, 400 + 15 * second, 410, 410 + 16 * second, 420]))
    assert passings["minute"].to_list() == pytest.approx([400, 410, 410 + 16 * second, 420])
    assert dropped.duplicates == 1
    # "The one before it" may itself be a duplicate: a train that is reported every ten seconds passes once.
    assert placed(at_a([400 + 10 * k * second for k in range(5)]))[0]["minute"].to_list() == [400]


def test_duplicates_belong_to_one_platform_and_one_day():
    rows = (
        at_a([400])
        + at_a([400.1], TUESDAY)
        + [(MONDAY, "b", 1, "A", 1, 400.1), (MONDAY, "c", 0, "B", 1, 400.2)]
    )
    assert placed(rows)[0].height == 4


def test_a_train_without_a_trip_id_has_an_empty_one():
    rows = [(MONDAY, "", 0, "A", 0, 400), (MONDAY, "", 0, "A", 0, 410), (MONDAY, "x", 0, "A", 0, 420)]
    passings, _ = placed(rows)
    assert passings["trip_id"].to_list() == ["", "", "x"]
    assert passings.filter(HAS_TRIP_ID)["minute"].to_list() == [420]


@pytest.mark.parametrize("order", [("b", "a", "c"), ("c", "b", "a")])
def test_of_passings_in_the_same_second_the_trip_id_that_sorts_first_stays(order):
    rows = [(MONDAY, trip, 0, "A", 0, 400) for trip in order]
    assert placed(rows)[0]["trip_id"].to_list() == ["a"]


def test_minutes_run_past_midnight_and_stay_with_their_service_day():
    rows = train("late", "AB", 1439)
    assert placed(rows)[0]["minute"].to_list() == [1439, 1441]


def test_a_few_passings_outside_their_day_are_dropped_and_many_are_a_mistake():
    rows = at_a([300 + 5 * k for k in range(200)])
    passings, dropped = placed(
        [*rows, (MONDAY, "yesterday", 0, "A", 0, -30), (MONDAY, "next", 0, "A", 0, 2160)]
    )
    assert (passings.height, dropped.outside_service_day) == (200, 2)
    moved = raw_log(rows).with_columns(service_date=pl.lit("2025-10-03"))
    line = Line.from_arrivals(log_of(regular_rows(stations=2)), ZONE)
    with pytest.raises(
        HeadwayError,
        match=r"200 of 200 passings do not fall on their service date .*check service_date and the",
    ):
        passings_on_line(check_arrivals(moved), line)


def test_the_wrong_day_of_a_wrong_zone_is_noticed():
    rows = at_a([5 * k for k in range(100)])
    line = Line.from_arrivals(log_of(regular_rows(stations=2)), "Australia/Sydney")
    shifted = passings_on_line(log_of(rows), line)[0]["minute"]
    assert shifted[0] == 540  # Dublin's midnight is nine in the morning in Sydney
    line = Line.from_arrivals(log_of(regular_rows(stations=2)), "Pacific/Auckland")
    late = [(day, trip, *rest, minute + 1440) for day, trip, *rest, minute in rows]
    with pytest.raises(HeadwayError, match="time zone"):
        passings_on_line(log_of(late), line)


def test_a_stop_in_the_wrong_direction_or_of_another_line_is_refused():
    with pytest.raises(
        HeadwayError,
        match=r"the stop 'Z' in direction 0, which is not on toy; expected stop ids such as A \(A Street\)",
    ):
        placed([*at_a([400]), (MONDAY, "z", 0, "Z", 1, 410)])
    one_way = log_of(train("x", "ABC", 360) + train("y", "CA", 360, direction=1))
    line = Line.from_arrivals(one_way, ZONE)
    with pytest.raises(HeadwayError, match="the stop 'B' in direction 1"):
        passings_on_line(log_of([(MONDAY, "z", 1, "B", 1, 410)]), line)


def test_a_log_of_excluded_stops_alone_has_nothing_on_the_line():
    whole = log_of(regular_rows(stations=4))
    line = Line.from_arrivals(whole, ZONE, ["A", "B"])
    with pytest.raises(HeadwayError, match="no passing at the stops of toy; expected stop ids such as A"):
        passings_on_line(whole.filter(pl.col("stop_id").is_in(["C", "D"])), line)


def test_before_keeps_earlier_days_whole_and_later_days_not_at_all():
    passings, _ = placed(at_a([400, 410]) + at_a([400, 410], TUESDAY))
    assert passings_before(passings, TUESDAY, 410).select("service_date", "minute").rows() == [
        (MONDAY, 400),
        (MONDAY, 410),
        (TUESDAY, 400),
    ]
    assert passings_before(passings, MONDAY, 410.01)["minute"].to_list() == [400, 410]
