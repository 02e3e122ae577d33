from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.history import build_history, history_from_log
from headway_prediction.grid.matrices import to_matrices
from headway_prediction.transit.clock import service_day_start
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train
from helpers.trips import timetable_of

TUESDAY = MONDAY + timedelta(days=1)
CELLS = ("headway", "elapsed", "arrived", "valid")


def history_of(rows, **options):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE), **options)


def plan_of(departures, weekdays=range(7)):
    """A Timetable from (direction, station, minute)."""
    rows = [(0, number, *departure) for number, departure in enumerate(departures)]
    return timetable_of(rows, Service("all", weekdays=frozenset(weekdays)))


@pytest.fixture(scope="module")
def noisy():
    return history_of(regular_rows(stations=4, days=(MONDAY, TUESDAY), noise=1.0, first=300, last=900))


def assert_same(found, expected):
    for name in CELLS:
        np.testing.assert_array_equal(found[name].values, expected[name].values)


def test_days_are_stacked_along_time(noisy):
    assert noisy.service_dates == [MONDAY, TUESDAY]
    assert dict(noisy.grid.sizes) == {"time": 3240, "station": 4, "direction": 2}
    assert noisy.grid["minute"].values[[0, 1619, 1620, 3239]].tolist() == [0, 1619, 0, 1619]
    assert noisy.day(TUESDAY)["headway"].identical(noisy.grid["headway"].isel(time=slice(1620, None)))
    assert set(noisy.passings_on(TUESDAY)["service_date"]) == {TUESDAY}


def test_select_keeps_whole_days(noisy):
    tuesday = noisy.select([TUESDAY])
    assert tuesday.service_dates == [TUESDAY]
    assert_same(tuesday.grid, noisy.day(TUESDAY))
    assert tuesday.passings.equals(noisy.passings_on(TUESDAY))
    assert noisy.select([MONDAY, TUESDAY]).grid.identical(noisy.grid)


@pytest.mark.parametrize(
    "ask", [lambda h, d: h.day(d), lambda h, d: h.select([d]), lambda h, d: h.as_of(d, 400)]
)
@pytest.mark.parametrize("day", [date(2025, 9, 1), date(2025, 12, 1)])
def test_a_date_outside_the_log_is_refused(noisy, ask, day):
    with pytest.raises(
        HeadwayError, match=f"no service date {day}; expected a date between 2025-09-29 and 2025-09-30"
    ):
        ask(noisy, day)


def test_provenance_and_what_was_dropped_are_kept():
    rows = train("a", "AB", 400) + train("b", "AB", 400.2) + train("c", "BA", 400, direction=1)
    attributes = history_of(rows, provenance={"sources": ["x"]}).grid.attrs
    assert attributes == {
        "sources": ["x"],
        "duplicates_dropped": 2,
        "outside_service_day_dropped": 0,
        "cap_mins": 30.0,
    }


def test_a_log_of_the_day_the_clocks_go_back():
    day = date(2025, 10, 26)
    rows = (
        train("a", "AB", 60, day=day)
        + train("b", "AB", 75, day=day)
        + train("c", "BA", 60, day=day, direction=1)
    )
    log = log_of(rows)
    # 01:00 GMT: an hour after minute 0, though the clock shows 01:00 for the second time.
    assert log["event_time"].min() == service_day_start(day, ZONE) + timedelta(hours=1)
    assert history_from_log(log, Line.from_arrivals(log, ZONE)).day(day)["headway"].values[75, 0, 0] == 15


def test_planned_terminal_headways_are_held_capped_and_past_midnight():
    plan = plan_of(
        [
            (0, 0, 360),
            (0, 0, 370.5),
            (0, 1, 365),
            (0, 0, 450),
            (0, 0, 1450),
            (1, 1, 380),
            (1, 1, 380.5),
            (1, 0, 382),
        ]
    )
    day = history_of(regular_rows(stations=2), timetable=plan).day(MONDAY)
    planned, departures = day["planned_terminal_headway"].values, day["planned_departures"].values
    assert np.isnan(planned[:370, 0]).all()
    assert planned[[370, 449, 450, 1619], 0].tolist() == [10.5, 10.5, 30, 30]
    assert planned[380, 1] == 0.5
    assert np.flatnonzero(departures[:, 0]).tolist() == [360, 370, 450, 1450]
    assert departures[380, 1] == 2
    assert planned.dtype == np.float32


def test_without_a_plan_for_the_day_planned_headways_are_missing():
    weekends = history_of(
        regular_rows(stations=2), timetable=plan_of([(0, 0, 360), (0, 0, 370)], weekdays=[5, 6])
    )
    for history in (weekends, history_of(regular_rows(stations=2))):
        assert np.isnan(history.grid["planned_terminal_headway"]).all()
        assert (history.grid["planned_departures"] == 0).all()


@settings(max_examples=25)
@given(st.integers(0, 1619), st.sampled_from([MONDAY, TUESDAY]))
def test_nothing_after_t0_changes_anything_up_to_t0(noisy, t0, day):
    known = noisy.as_of(day, t0)
    assert known.service_dates == [d for d in noisy.service_dates if d <= day]
    assert known.passings.filter((pl.col("service_date") == day) & (pl.col("minute") >= t0 + 1)).is_empty()
    now, whole = known.day(day).isel(time=slice(0, t0 + 1)), noisy.day(day).isel(time=slice(0, t0 + 1))
    for name in ("headway", "elapsed", "arrived"):
        np.testing.assert_array_equal(now[name].values, whole[name].values)
    # As truth nothing is valid after the last logged minute; at t0 nobody knows yet that it was the last.
    last = int(noisy.passings_on(day)["minute"].max())
    np.testing.assert_array_equal(now["valid"].values[: last + 1], whole["valid"].values[: last + 1])
    assert not known.day(day)["valid"].values[t0 + 1 :].any()


@settings(max_examples=25)
@given(st.integers(300, 900), st.integers(0, 10_000))
def test_scrambling_the_future_changes_nothing_up_to_t0(noisy, t0, seed):
    random = np.random.default_rng(seed)
    past = noisy.passings.filter((pl.col("service_date") < TUESDAY) | (pl.col("minute") < t0 + 1))
    places = [
        (TUESDAY, d, s, m, 9)
        for d, s, m in zip(
            random.integers(0, 2, 50),
            random.integers(0, 4, 50),
            random.uniform(t0 + 1, 1619, 50),
            strict=True,
        )
    ]
    future = pl.DataFrame(places, past.schema, orient="row")
    with_random_future = pl.concat([past, future]).sort("service_date", "direction", "station", "minute")
    other = build_history(
        with_random_future, noisy.line, None, noisy.service_dates, {MONDAY: 1619, TUESDAY: 1619}, {}
    )
    assert_same(other.as_of(TUESDAY, t0).day(TUESDAY), noisy.as_of(TUESDAY, t0).day(TUESDAY))
    for name in ("headway", "elapsed", "arrived"):
        np.testing.assert_array_equal(
            other.day(TUESDAY)[name].values[: t0 + 1], noisy.day(TUESDAY)[name].values[: t0 + 1]
        )


def test_as_of_keeps_the_cap_and_the_plan():
    rows = [*regular_rows(stations=2, headway=25.0)]
    history = history_of(rows, timetable=plan_of([(0, 0, 360), (0, 0, 390)]), cap_mins=20.0)
    known = history.as_of(MONDAY, 500)
    assert known.grid.attrs == history.grid.attrs
    assert_same(known.day(MONDAY).isel(time=slice(0, 501)), history.day(MONDAY).isel(time=slice(0, 501)))
    np.testing.assert_array_equal(
        known.grid["planned_terminal_headway"], history.grid["planned_terminal_headway"]
    )


def test_after_midnight_the_later_trains_of_the_day_before_are_unknown_too():
    rows = train("late", "AB", 1439) + train("later", "AB", 1469) + train("down", "BA", 400, direction=1)
    rows += train("night", "AB", 10, day=TUESDAY) + train("morning", "AB", 400, day=TUESDAY)
    history = history_of(rows)
    known = history.as_of(TUESDAY, 29).passings.filter(direction=0).select("service_date", "minute").rows()
    # Minute 30 of Tuesday is minute 1470 of Monday.
    assert sorted(known) == [(MONDAY, 1439), (MONDAY, 1441), (MONDAY, 1469), (TUESDAY, 10), (TUESDAY, 12)]


def test_as_of_before_the_first_train_knows_nothing(noisy):
    known = noisy.as_of(MONDAY, 100)
    assert known.passings.is_empty()
    assert np.isnan(known.grid["headway"]).all()
    assert not known.grid["valid"].any()
    headway, _ = to_matrices(known.grid)
    assert headway.shape == (1620, 4, 2, 4)
