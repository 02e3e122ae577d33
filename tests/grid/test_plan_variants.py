"""A history under another plan: what changes, what stays, and that nobody can take it for the honest one."""

import numpy as np
import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.baselines import Schedule
from headway_prediction.forecasters.parquet import read_forecasts
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.plan_variants import PlanKind, method_label, plan_kind, with_plan
from headway_prediction.grid.store import read_history, write_history
from headway_prediction.simulate import Scenario, write_simulation
from helpers.lines import headway

CELLS = ("headway", "elapsed", "arrived", "valid")
PLAN = ("planned_terminal_headway", "planned_departures")


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    log, plan = write_simulation(folder, Scenario.of_size(5), days=3, seed=1)
    return read_line_files(log, plan)


@pytest.fixture(scope="module")
def oracle(history):
    return with_plan(history, PlanKind.ORACLE)


def test_every_variant_has_the_same_passings_and_cells(history):
    for kind in PlanKind:
        variant = with_plan(history, kind)
        assert plan_kind(variant) is kind
        assert variant.passings.equals(history.passings)
        for name in CELLS:
            np.testing.assert_array_equal(variant.grid[name].values, history.grid[name].values)
        assert {name: variant.grid[name].dtype for name in PLAN} == {
            name: history.grid[name].dtype for name in PLAN
        }


def test_the_oracles_departures_are_the_observed_minutes_of_that_date(history, oracle):
    for day in history.service_dates:
        for direction in (0, 1):
            station = history.line.first_station(direction)
            here = (pl.col("direction") == direction) & (pl.col("station") == station)
            observed = history.passings_on(day).filter(here)["minute"].to_numpy()
            revealed = oracle.timetable.departures(day, direction, station)
            assert revealed.tolist() == observed.tolist()
            planned = history.timetable.departures(day, direction, station)
            assert (observed > planned).any()  # some trains left late, and the oracle says when


def test_the_oracles_terminal_headways_are_those_held_at_the_first_platform(history, oracle):
    for direction in (0, 1):
        held = history.grid["headway"].values[:, history.line.first_station(direction), direction]
        np.testing.assert_array_equal(oracle.grid["planned_terminal_headway"].values[:, direction], held)
    assert (oracle.grid["planned_departures"].sum() == history.passings.filter(
        ((pl.col("direction") == 0) & (pl.col("station") == 0))
        | ((pl.col("direction") == 1) & (pl.col("station") == 4))
    ).filter(pl.col("minute") < 1620).height)  # fmt: skip


def test_what_is_planned_beyond_the_terminals_stays(history, oracle):
    day, origins = history.service_dates[1], np.arange(400, 900, 50)
    ours, theirs = (Schedule().forecast(plan, day, origins).mean for plan in (history, oracle))
    np.testing.assert_array_equal(ours[:, :, 1:, 0], theirs[:, :, 1:, 0])
    np.testing.assert_array_equal(ours[:, :, :-1, 1], theirs[:, :, :-1, 1])
    truth = history.day(day)["headway"].values[origins[:, None] + np.arange(1, 16)]
    np.testing.assert_array_equal(theirs[:, :, 0, 0], truth[:, :, 0, 0])


def test_the_oracle_keeps_future_departures_where_passings_are_not_known_yet(history, oracle):
    day = history.service_dates[2]
    method = Propagation.fit(oracle.select(history.service_dates[:2]))
    for t0 in (420, 613, 1000):
        whole, known = (
            method.forecast(part, day, np.array([t0])).mean for part in (oracle, oracle.as_of(day, t0))
        )
        np.testing.assert_array_equal(whole, known)
    assert plan_kind(oracle.as_of(day, 613)) is PlanKind.ORACLE


def test_a_line_without_a_plan_has_an_oracle_too(history):
    bare = with_plan(history, PlanKind.NONE)
    assert bare.timetable is None and np.isnan(bare.grid["planned_terminal_headway"]).all()
    revealed = with_plan(bare, PlanKind.ORACLE)
    assert revealed.timetable.planned.height == int(revealed.grid["planned_departures"].sum())


def test_the_label_survives_the_disk_and_a_selection(oracle, tmp_path):
    write_history(oracle, tmp_path / "oracle.zarr")
    again = read_history(tmp_path / "oracle.zarr")
    assert plan_kind(again) is PlanKind.ORACLE
    assert plan_kind(again.select(again.service_dates[:1])) is PlanKind.ORACLE
    assert method_label(again, "propagation") == "propagation, oracle departures"
    day = again.service_dates[0]
    assert again.timetable.planned_on(day).equals(oracle.timetable.planned_on(day))


def test_an_oracle_does_not_turn_honest_again(history, oracle):
    for kind in (PlanKind.PLANNED, PlanKind.NONE):
        with pytest.raises(HeadwayError, match="plan of the grid of garden-line is oracle"):
            with_plan(oracle, kind)
    with pytest.raises(HeadwayError, match="is none"):
        with_plan(with_plan(history, PlanKind.NONE), PlanKind.PLANNED)
    assert with_plan(history, PlanKind.PLANNED) is history


@pytest.fixture(scope="module")
def oracle_grid(small_line, tmp_path_factory):
    grid, log, plan = (
        tmp_path_factory.mktemp("oracle") / "grid.zarr",
        *(small_line / name for name in ("arrivals.parquet", "gtfs.zip")),
    )
    assert headway("grid", "--arrivals", log, "--gtfs", plan, "--out", grid, "--oracle") == 0
    return grid


class TestCommandLine:
    """An oracle grid through the verbs: forecasts that say what they are, and none of a moment that is now."""

    def test_exported_forecasts_carry_it_in_label_and_file_name(self, small_line, oracle_grid, tmp_path):
        words = ("backtest", "--grid", oracle_grid, "--bundle", small_line / "bundle", "--out", tmp_path)
        assert headway(*words, "--method", "propagation") == 0
        (file,) = tmp_path.glob("*.parquet")
        assert file.stem == "propagation, oracle departures"
        assert read_forecasts(file, read_history(oracle_grid).line)[0] == "propagation, oracle departures"

    def test_info_names_the_source_of_the_departures(self, oracle_grid, capfd):
        assert headway("info", oracle_grid) == 0
        assert "departures at the terminals as observed (oracle)" in capfd.readouterr().out

    @pytest.mark.slow
    def test_a_bundle_of_it_is_for_judging_only(self, small_line, oracle_grid, tmp_path, capfd):
        words = ("train", "--grid", oracle_grid, "--config", small_line / "small.toml", "--epochs", "1")
        assert headway(*words, "--out", tmp_path / "b", "--quiet") == 0
        assert headway("info", tmp_path / "b") == 0
        assert "as observed (oracle)" in capfd.readouterr().out
        log = small_line / "arrivals.parquet"
        assert headway("forecast", "--bundle", tmp_path / "b", "--arrivals", log) == 2
        assert "trained on observed departures" in capfd.readouterr().err
