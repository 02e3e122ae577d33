"""The line of the paper: its size, its spread, and its bunching."""

from datetime import date

import numpy as np
import pytest

from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import LineHistory
from headway_prediction.simulate import blue_line, plan_day, write_simulation
from headway_prediction.simulate.blue_line import PEAK_MINS
from headway_prediction.simulate.plan import trip_secs
from helpers.lines import headway

PLANNED_SECS = 480
FIFTY_WEEKDAYS = 70


@pytest.fixture(scope="module")
def replications(tmp_path_factory) -> LineHistory:
    folder = tmp_path_factory.mktemp("blue_line")
    return read_line_files(*write_simulation(folder, blue_line(), days=FIFTY_WEEKDAYS, seed=0))


def peak_headways(history: LineHistory) -> np.ndarray:
    """Seconds, NaN where invalid: (replications, minutes of the peak, timing points, directions)."""
    grids = [history.day(day).isel(time=list(PEAK_MINS)) for day in history.service_dates]
    return 60 * np.stack([grid["headway"].where(grid["valid"]).values for grid in grids])


def test_it_has_the_size_of_the_papers_line():
    scenario = blue_line()
    assert scenario.station_count == 64 and len(scenario.timing_points) == 31
    assert not scenario.timing_points & {0, 63}
    stations = [place not in scenario.timing_points for place in range(64)]
    assert [sum(stations[:22]), sum(stations[22:32]), sum(stations[32:])] == [11, 9, 13]
    assert 75 * 60 < trip_secs(scenario) < 85 * 60
    assert plan_day(scenario, date(2025, 9, 13)).departures.is_empty()  # a Saturday


def test_each_weekday_is_a_replication_of_the_same_plan_with_noise_of_its_own(replications):
    history = replications
    assert len(history.service_dates) == 50 and all(day.weekday() < 5 for day in history.service_dates)
    planned = [history.day(day)["planned_departures"].values for day in history.service_dates]
    assert all(np.array_equal(day, planned[0]) for day in planned)
    observed = peak_headways(history)
    assert all(not np.array_equal(observed[0], day, equal_nan=True) for day in observed[1:])


def test_the_peak_and_an_hour_and_a_half_before_it_are_observed_everywhere(replications):
    for day in replications.service_dates:
        assert replications.day(day)["valid"].values[PEAK_MINS[0] - 90 : PEAK_MINS[-1] + 1].all()


def test_trains_bunch_but_the_line_does_not_degenerate(replications):
    headways = peak_headways(replications)
    along = headways.std(axis=(0, 1))  # (timing points, directions)
    for spread in (along[:, 0], along[::-1, 1]):
        assert 1.1 * spread[0] < spread[-1] < 1.6 * spread[0]
    bunched, gapped = headways < PLANNED_SECS / 2, headways > 1.5 * PLANNED_SECS
    assert 0.15 < bunched.mean() < 0.4
    assert 0.05 < gapped.mean() < 0.25
    assert (headways >= 1800).mean() < 0.01


def test_the_targets_standard_deviation_is_the_papers(replications):
    headways = peak_headways(replications)
    assert len(headways) == 50
    assert 240 < headways.std() < 265
    assert all(240 < headways[..., direction].std() < 265 for direction in (0, 1))


def test_the_command_line_knows_it_by_name(tmp_path, capfd):
    assert headway("simulate", "--out", tmp_path, "--days", 1, "--scenario", "blue-line") == 0
    assert headway("info", tmp_path / "arrivals.parquet") == 0
    assert "at 128 platforms" in capfd.readouterr().out
    words = ("simulate", "--out", tmp_path / "other", "--scenario", "blue-line", "--stations", 9)
    assert headway(*words) == 2
    assert "leave --stations out" in capfd.readouterr().err
