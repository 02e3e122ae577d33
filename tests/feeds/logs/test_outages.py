"""Outages as masks of the grid: no headway spans one, nothing is told of what comes, and without any nothing changes."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.leakage.lookahead import with_random_future
from headway_prediction.feeds.logs.outages import SCHEMA, read_outages, write_outages
from headway_prediction.grid.headway_grid import held_headways
from headway_prediction.grid.history import history_from_log
from headway_prediction.grid.outages import OUTAGES_ATTRIBUTE
from headway_prediction.grid.store import read_history, write_history
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, headway, log_of, raw_log, regular_rows, train

TUESDAY = MONDAY + timedelta(days=1)
CELLS = ("headway", "elapsed", "arrived", "valid")


def outage_table(*rows):
    return pl.DataFrame(rows, SCHEMA, orient="row")


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


def test_what_passed_during_an_outage_tells_no_headway_and_is_forgotten_after_it():
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
def test_a_masked_grid_does_not_peek(two_days, t0):
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


def test_the_command_line_masks_what_it_is_told(two_days, tmp_path, capfd):
    raw_log([*two_days[0], *train("late", "ABCD", 725)]).write_csv(tmp_path / "log.csv")
    (tmp_path / "outages.csv").write_text("service_date,from,until\n2025-09-29,08:01,09:00\n")
    words = ("grid", "--arrivals", tmp_path / "log.csv", "--time-zone", ZONE, "--out", tmp_path / "grid.zarr")
    assert headway(*words, "--outages", tmp_path / "outages.csv") == 0
    assert "1 outages are not valid, 59 minutes" in capfd.readouterr().err
    masked = read_history(tmp_path / "grid.zarr").grid
    assert any(source.startswith("outages.csv sha256:") for source in masked.attrs["sources"])
    assert not masked["valid"].values[481:540].any()
