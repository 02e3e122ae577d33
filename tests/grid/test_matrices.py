from datetime import date

import numpy as np
import pytest

from headway_prediction.grid.history import history_from_log
from headway_prediction.grid.matrices import (
    HEADWAY_CHANNELS,
    SCHEDULE_CHANNELS,
    service_days,
    to_matrices,
    write_matrices,
)
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.trips import timetable_of

SATURDAY = date(2025, 10, 4)


@pytest.fixture(scope="module")
def grid():
    log = log_of(regular_rows(stations=3, days=(MONDAY, SATURDAY)))
    line = Line.from_arrivals(log, ZONE)
    rows = [(0, k, 0, 0, 360.0 + 10 * k) for k in range(3)]
    plan = timetable_of(rows, Service("mondays", frozenset({MONDAY})))
    return history_from_log(log, line, plan).grid


def test_headway_is_missing_where_it_is_not_valid(grid):
    headway, _ = to_matrices(grid)
    assert headway.shape == (3240, 3, 2, 4)
    assert headway.dtype == np.float32
    channels = dict(zip(HEADWAY_CHANNELS, np.moveaxis(headway, -1, 0), strict=True))
    np.testing.assert_array_equal(np.isfinite(channels["headway"]), channels["valid"] == 1)
    assert set(np.unique(channels["headway"][np.isfinite(channels["headway"])])) == {10}
    assert channels["arrived"][372, 1, 0] == 1
    assert channels["elapsed"][375, 1, 0] == 4  # passed at 372, minute 375 ends at 376
    assert set(np.unique(channels["arrived"])) == set(np.unique(channels["valid"])) == {0, 1}


def test_schedule_holds_the_plan_and_the_calendar(grid):
    _, schedule = to_matrices(grid)
    assert schedule.shape == (3240, 2, 6)
    assert schedule.dtype == np.float32
    channels = dict(zip(SCHEDULE_CHANNELS, np.moveaxis(schedule, -1, 0), strict=True))
    assert np.isnan(channels["planned_terminal_headway"][369, 0])
    assert channels["planned_terminal_headway"][[370, 1619], 0].tolist() == [10, 10]
    assert np.isnan(channels["planned_terminal_headway"][:, 1]).all()
    np.testing.assert_array_equal(channels["planned"], np.isfinite(channels["planned_terminal_headway"]))
    assert np.flatnonzero(channels["departure"][:, 0]).tolist() == [360, 370, 380]
    assert channels["weekend"][[0, 1619, 1620, 3239]].tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]
    for minute, (sine, cosine) in {0: (0.5, 1), 360: (1, 0.5), 720: (0.5, 0), 1440: (0.5, 1)}.items():
        assert channels["time_of_day_sine"][minute].tolist() == pytest.approx([sine, sine], abs=1e-6)
        assert channels["time_of_day_cosine"][minute].tolist() == pytest.approx([cosine, cosine], abs=1e-6)
    assert np.nanmin(schedule[..., 1:]) >= 0
    assert np.nanmax(schedule[..., 1:]) <= 1


def test_service_days_count_from_1970(grid):
    days = service_days(grid)
    assert days.shape == (3240,)
    assert days[[0, 1619, 1620]].tolist() == [(d - date(1970, 1, 1)).days for d in (MONDAY, MONDAY, SATURDAY)]


def test_the_files_hold_the_matrices(grid, tmp_path):
    paths = write_matrices(grid, tmp_path / "data")
    assert [path.name for path in paths] == [
        "headway_matrix_full.npy",
        "schedule_matrix_full.npy",
        "service_days.npy",
    ]
    for path, matrix in zip(paths, (*to_matrices(grid), service_days(grid)), strict=True):
        np.testing.assert_array_equal(np.load(path, allow_pickle=False), matrix)
