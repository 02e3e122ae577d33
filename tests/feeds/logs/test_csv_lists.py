"""Outages as masks of the grid: no headway spans one, nothing is told of what comes, and without any nothing changes."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.leakage.lookahead import with_random_future
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.feeds.logs.csv_lists import (
    OUTAGES_SCHEMA,
    read_outages,
    read_planned_departures,
    write_outages,
)
from headway_prediction.grid.headway_grid import OUTAGES_ATTRIBUTE, held_headways
from headway_prediction.grid.history import history_from_log
from headway_prediction.grid.store import read_history, write_history
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, headway, log_of, raw_log, regular_rows, train

SATURDAY, SUNDAY = date(2025, 10, 4), date(2025, 10, 5)


@pytest.fixture
def line():
    return Line.from_arrivals(log_of(regular_rows(stations=3)), ZONE)


@pytest.fixture
def read(tmp_path, line):
    def write_and_read(text: str, on=line):
        path = tmp_path / "planned.csv"
        path.write_text(text, encoding="utf-8")
        return read_planned_departures(path, on)

    return write_and_read


def test_times_are_sorted_and_wrap_at_midnight_to_the_end_of_the_service_day(read):
    plan = read(
        "direction_id,stop_id,planned_time\n0,A,00:07:00\n0,A,23:50:00\n0,A,05:00:30\n0,A,02:59\n1,C,3:00:00\n"
    )
    assert plan.departures(MONDAY, 0, 0).tolist() == [300.5, 1430, 1447, 1619]
    assert plan.departures(MONDAY, 1, 2).tolist() == [180]


def test_without_days_the_list_is_for_weekdays(read):
    plan = read("direction_id,stop_id,planned_time\n0,A,08:00:00\n")
    counts = [len(plan.departures(day, 0, 0)) for day in (MONDAY, date(2025, 10, 3), SATURDAY, SUNDAY)]
    assert counts == [1, 1, 0, 0]


def test_days_choose_weekday_saturday_sunday_or_all(read):
    plan = read(
        "direction_id,stop_id,planned_time,days\n"
        "0,A,08:00:00,weekday\n0,A,09:00:00,saturday\n0,A,10:00:00,sunday\n0,A,11:00:00,all\n"
    )
    assert plan.departures(MONDAY, 0, 0).tolist() == [480, 660]
    assert plan.departures(SATURDAY, 0, 0).tolist() == [540, 660]
    assert plan.departures(SUNDAY, 0, 0).tolist() == [600, 660]


def test_departures_of_excluded_stops_are_ignored(read):
    rows = train("l", ["T1", "T2", "L1"], 360) + train("r", ["T1", "T2", "R1"], 370)
    rows += train("lb", ["L1", "T2", "T1"], 360, direction=1) + train(
        "rb", ["R1", "T2", "T1"], 370, direction=1
    )
    branch = Line.from_arrivals(log_of(rows), ZONE, ["T1", "T2", "L1"])
    plan = read("direction_id,stop_id,planned_time\n1,R1,08:00:00\n1,L1,08:10:00\n", branch)
    assert plan.planned["minute"].to_list() == [490]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "could not be read"),
        ("direction_id,stop_id,planned_time\n", "lists no departure"),
        (
            "direction_id,stop_id,time\n0,A,08:00:00\n",
            "no column 'planned_time'; expected the columns direction_id, stop_id",
        ),
        (
            "direction_id,stop_id,planned_time\n0,A,8 o'clock\n",
            'the time "8 o\'clock" is not a GTFS time; expected H:MM:SS',
        ),
        ("direction_id,stop_id,planned_time\n0,A,\n", "the time '' is not a GTFS time"),
        ("direction_id,stop_id,planned_time\n0,A,08:61:00\n", "over 59 minutes"),
        (
            "direction_id,stop_id,planned_time\n0,Z,08:00:00\n",
            "has the stop 'Z' in direction 0, which is not on toy",
        ),
        ("direction_id,stop_id,planned_time\n0,,08:00:00\n", "has the stop None in direction 0"),
        ("direction_id,stop_id,planned_time\nup,A,08:00:00\n", "has the stop 'A' in direction None"),
        (
            "direction_id,stop_id,planned_time,days\n0,A,08:00:00,daily\n",
            "days 'daily'; expected one of weekday",
        ),
        ("direction_id,stop_id,planned_time,days\n0,A,08:00:00,\n", "days None; expected one of weekday"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(read, text, message):
    with pytest.raises(HeadwayError, match=message):
        read(text)


def test_an_absent_file_is_refused(tmp_path, line):
    with pytest.raises(HeadwayError, match=r"absent\.csv could not be read"):
        read_planned_departures(tmp_path / "absent.csv", line)


def test_new_york_departures_stand_at_both_terminals_on_weekdays(real_line):
    folder = real_line("nyc-1")
    line = Line.from_arrivals(read_arrivals(folder / "arrivals.parquet"), "America/New_York")
    plan = read_planned_departures(folder / "planned_departures.csv", line)
    rows = (folder / "planned_departures.csv").read_text().splitlines()[1:]
    weekday = [plan.departures(date(2017, 11, 1), d, line.first_station(d)) for d in (0, 1)]
    assert sum(map(len, weekday)) == len(rows)
    assert all(minutes.min() >= 180 and minutes.max() < 27 * 60 for minutes in weekday)
    assert len(plan.departures(date(2017, 11, 4), 0, line.first_station(0))) == 0


TUESDAY = MONDAY + timedelta(days=1)
CELLS = ("headway", "elapsed", "arrived", "valid")


def outage_table(*rows):
    return pl.DataFrame(rows, OUTAGES_SCHEMA, orient="row")


def history_of(rows, outages=None):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE), outages=outages)


@pytest.fixture(scope="module")
def two_days():
    """Noisy trains from 6 to 12 o'clock on two days, none from 8:00 to 9:00 on Monday."""
    rows = regular_rows(days=(MONDAY, TUESDAY), noise=1.0)
    kept = [row for row in rows if not (row[0] == MONDAY and 480 <= row[5] < 540)]
    return kept, outage_table((MONDAY, 481, 540))


def test_the_headway_across_an_outage_is_unknown_and_the_next_one_is_known():
    # Passings at 8:00, 8:10, 9:10, 9:20 and an outage from 8:11 to 9:10.
    minutes, platforms = np.array([480.0, 490, 550, 560]), np.zeros(4, dtype=int)
    plain = [cells[:, 0] for cells in held_headways(minutes, platforms, 1)]
    headways, elapsed, arrived = (
        cells[:, 0] for cells in held_headways(minutes, platforms, 1, outages=[(491, 550)])
    )
    assert [plain[0][t] for t in (490, 491, 549, 550, 560)] == [10, 10, 10, 60, 10]
    np.testing.assert_array_equal(
        [headways[t] for t in (490, 491, 549, 550, 559, 560)], [10, *[np.nan] * 4, 10]
    )
    assert np.flatnonzero(arrived).tolist() == [490, 560]
    assert np.isnan(elapsed[491:550]).all() and elapsed[[490, 550, 560]].tolist() == [1, 1, 1]


def test_passings_during_an_outage_give_no_headway_then_or_later():
    minutes, platforms = np.array([480.0, 490, 500, 510, 530, 540]), np.zeros(6, dtype=int)
    headways, _, arrived = held_headways(minutes, platforms, 1, outages=[(495, 520)])
    assert np.isnan(headways[495:540]).all() and headways[[494, 540], 0].tolist() == [10, 10]
    assert np.flatnonzero(arrived[:, 0]).tolist() == [490, 540]


def test_only_cells_that_an_outage_touches_lose_their_value(two_days):
    rows, outages = two_days
    plain, masked = history_of(rows).grid, history_of(rows, outages).grid
    assert not masked["valid"].values[481:540].any() and plain["valid"].values[481:500].any()
    kept = masked["valid"].values
    assert (kept <= plain["valid"].values).all()
    np.testing.assert_array_equal(masked["headway"].values[kept], plain["headway"].values[kept])
    # Every platform has its second train after the outage by 9:30; from then on, and on Tuesday, nothing differs.
    for name in CELLS:
        np.testing.assert_array_equal(masked[name].values[:481], plain[name].values[:481])
        np.testing.assert_array_equal(masked[name].values[580:], plain[name].values[580:])


def test_without_an_outage_the_grid_is_the_same_bit_for_bit_and_says_nothing(two_days):
    rows, _ = two_days
    none = history_of(rows, outage_table())
    assert none.grid.identical(history_of(rows).grid)
    assert OUTAGES_ATTRIBUTE not in none.grid.attrs


def test_a_store_a_copy_and_a_selection_keep_the_mask(two_days, tmp_path):
    rows, outages = two_days
    masked = history_of(rows, outages)
    write_history(masked, tmp_path / "grid.zarr")
    again = read_history(tmp_path / "grid.zarr")
    assert again.grid.attrs[OUTAGES_ATTRIBUTE] == [[MONDAY.isoformat(), 481, 540]]
    for history in (again, masked.select([MONDAY])):
        rebuilt = history.as_of(MONDAY, 700)
        np.testing.assert_array_equal(rebuilt.grid["valid"][:701], masked.grid["valid"][:701])


@settings(max_examples=15)
@given(t0=st.integers(470, 620))
def test_a_masked_grid_does_not_see_the_future(two_days, t0):
    rows, outages = two_days
    later = outage_table(*outages.rows(), (MONDAY, 600, 610), (TUESDAY, 400, 420))
    masked, early = history_of(rows, later), history_of(rows, outages)
    for other in (masked.as_of(MONDAY, t0), with_random_future(masked, MONDAY, t0)):
        for name in CELLS:
            np.testing.assert_array_equal(
                other.grid[name].values[: t0 + 1], masked.grid[name].values[: t0 + 1]
            )
    # What has not begun yet is not known, and one that lasts does not say how long.
    if t0 < 600:
        known = masked.as_of(MONDAY, t0).grid.attrs.get(OUTAGES_ATTRIBUTE, [])
        assert known == early.as_of(MONDAY, t0).grid.attrs.get(OUTAGES_ATTRIBUTE, [])
        assert all(end <= t0 + 1 for _, _, end in known)


def test_the_list_is_written_and_read_again(tmp_path):
    outages = outage_table((MONDAY, 481, 540), (TUESDAY, 1500, 1570))
    write_outages(tmp_path / "outages.csv", outages.with_columns(evidence=pl.lit("plan")))
    lines = (tmp_path / "outages.csv").read_text().splitlines()
    assert lines == [
        "service_date,from,until,evidence",
        "2025-09-29,08:01,09:00,plan",
        "2025-09-30,25:00,26:10,plan",
    ]
    assert read_outages(tmp_path / "outages.csv", [MONDAY]).equals(outages)


def test_an_empty_list_is_no_outage_and_seconds_widen_one(tmp_path):
    path = tmp_path / "outages.csv"
    path.write_text("service_date,from,until\n")
    assert read_outages(path, [MONDAY]).rows() == []
    path.write_text("service_date,from,until,why\n2025-09-29,8:01:30,8:59:01,storm\n")
    assert read_outages(path, [MONDAY]).rows() == [(MONDAY, 481, 540)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("service_date,from\n2025-09-29,08:00\n", "has no column 'until'"),
        ("service_date,from,until\nMonday,08:00,09:00\n", "service_date 'Monday'; expected a date such as"),
        ("service_date,from,until\n2025-09-29,8 am,09:00\n", "'8 am' is not a GTFS time"),
        ("service_date,from,until\n2025-09-29,08:00,\n", "'' is not a GTFS time"),
        ("service_date,from,until\n2025-09-29,23:30,00:30\n", "from 23:30 until 00:30; expected a later end"),
        ("service_date,from,until\n2024-01-01,08:00,09:00\n", "no outage of .* is on a date of the log"),
        ("", "could not be read"),
    ],
)
def test_a_list_that_is_none_is_refused_with_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "outages.csv"
    path.write_text(text)
    with pytest.raises(HeadwayError, match=sentence):
        read_outages(path, [MONDAY])
    with pytest.raises(HeadwayError, match="there is no such file"):
        read_outages(tmp_path / "nothing.csv", [date(2025, 9, 29)])


def test_the_command_masks_the_given_outages(two_days, tmp_path, capfd):
    raw_log([*two_days[0], *train("late", "ABCD", 725)]).write_csv(tmp_path / "log.csv")
    (tmp_path / "outages.csv").write_text("service_date,from,until\n2025-09-29,08:01,09:00\n")
    words = ("grid", "--arrivals", tmp_path / "log.csv", "--time-zone", ZONE, "--out", tmp_path / "grid.zarr")
    assert headway(*words, "--outages", tmp_path / "outages.csv") == 0
    assert "1 outages: 59 minutes are not valid" in capfd.readouterr().err
    masked = read_history(tmp_path / "grid.zarr").grid
    assert any(source.startswith("outages.csv sha256:") for source in masked.attrs["sources"])
    assert not masked["valid"].values[481:540].any()
