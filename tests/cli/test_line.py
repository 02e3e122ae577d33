"""`headway line` as a user meets it, and the grid that its file leads to."""

from pathlib import Path

import polars as pl
import pytest

from headway_prediction.grid.store import read_history
from headway_prediction.simulate import Scenario, write_simulation
from headway_prediction.transit.line_toml import read_line_toml
from helpers.lines import headway

STATIONS = 5


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """A folder with two days of a simulated line and its line.toml."""
    folder = tmp_path_factory.mktemp("simulated")
    write_simulation(folder, Scenario.of_size(STATIONS), days=2, seed=1)
    assert headway("line", folder / "gtfs.zip", "--out", folder / "line.toml") == 0
    return folder


def refused(capfd, *words: object) -> str:
    assert headway(*words) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("headway: ") and err.count("\n") == 1
    return err


def test_line_prints_stations_planned_trains_and_what_was_chosen(simulated, capfd):
    assert headway("line", simulated / "gtfs.zip", "--route", "garden-line") == 0
    out, _ = capfd.readouterr()
    lines = out.splitlines()
    first, last = (Scenario.of_size(STATIONS).station_names[k] for k in (0, -1))
    assert lines[0] == f"line garden-line: {STATIONS} stations, {first} to {last}, America/Chicago"
    assert "planned on 2025-09-08" in out and "Choices:" in out
    assert f"- Direction 1: 100 % of the trains start at {last}." in lines
    assert sum(line.startswith(first) for line in lines) == 1


def test_planned_passings_of_a_date_are_written_and_a_date_without_any_is_refused(simulated, tmp_path, capfd):
    words = ("line", simulated / "gtfs.zip", "--date", "2025-09-09", "--planned")
    for name, read in (("p.csv", pl.read_csv), ("p.parquet", pl.read_parquet)):
        assert headway(*words, tmp_path / name) == 0
        planned = read(tmp_path / name)
        assert planned["service_date"].unique().to_list() == ["2025-09-09"]
        assert planned.select("direction_id", "stop_id").n_unique() == 2 * STATIONS
        assert planned["planned_time"][0] == "2025-09-09T05:00:00-05:00"
    capfd.readouterr()
    gtfs = simulated / "gtfs.zip"
    said = refused(capfd, "line", gtfs, "--date", "2026-06-01")
    assert (
        "no train of garden-line is planned on 2026-06-01; expected a date between 2025-09-08 and 2025-09-09"
        in said
    )
    assert "--date is '9 June'" in refused(capfd, "line", gtfs, "--date", "9 June")


def test_a_planned_file_of_another_kind_is_refused(simulated, tmp_path):
    assert headway("line", simulated / "gtfs.zip", "--planned", tmp_path / "p.xlsx") == 2


def grid(simulated: Path, out: Path, *words: object) -> int:
    return headway("grid", "--arrivals", simulated / "arrivals.parquet", "--out", out, *words)


def test_the_grid_of_the_written_line_is_the_grid_of_the_log_cell_for_cell(simulated, tmp_path):
    gtfs = ("--gtfs", simulated / "gtfs.zip")
    assert grid(simulated, tmp_path / "log.zarr", *gtfs) == 0
    assert grid(simulated, tmp_path / "line.zarr", *gtfs, "--line", simulated / "line.toml") == 0
    of_log, of_line = (read_history(tmp_path / f"{name}.zarr") for name in ("log", "line"))
    assert of_line.line == of_log.line
    assert of_line.grid.drop_attrs().identical(of_log.grid.drop_attrs())
    assert of_line.passings.equals(of_log.passings)
    assert any(source.startswith("line.toml sha256:") for source in of_line.grid.attrs["sources"])


def test_an_edited_line_leads_to_another_grid_and_is_shown_again(simulated, tmp_path, capfd):
    names = read_line_toml(simulated / "line.toml").line.station_names
    text = (simulated / "line.toml").read_text(encoding="utf-8")
    edited = tmp_path / "edited.toml"
    edited.write_text(
        text.replace(f'# terminals = ["{names[0]}"', f'terminals = ["{names[1]}"'), encoding="utf-8"
    )
    assert grid(simulated, tmp_path / "g.zarr", "--gtfs", simulated / "gtfs.zip", "--line", edited) == 0
    history = read_history(tmp_path / "g.zarr")
    assert history.line.station_names == names[1:]
    assert int(history.grid["planned_departures"].sum()) > 0
    assert headway("line", simulated / "gtfs.zip", "--line", edited) == 0
    assert f"Excluded from the line: {names[0]}." in capfd.readouterr().out
    assert headway("info", edited) == 0
    assert f"stations excluded: {names[0]}" in capfd.readouterr().out


def test_options_change_the_line(simulated, tmp_path):
    names = read_line_toml(simulated / "line.toml").line.station_names
    out = tmp_path / "line.toml"
    words = ("line", simulated / "gtfs.zip", "--out", out)
    assert (
        headway(
            *words, "--terminal", names[3], "--terminal", names[0], "--exclude", names[1], "--line-id", "G"
        )
        == 0
    )
    line = read_line_toml(out).line
    assert (line.line_id, line.station_names) == ("G", [names[0], names[2], names[3]])
    assert headway(*words, "--stop", names[0], "--stop", names[4]) == 0
    assert read_line_toml(out).line.station_names == [names[0], names[4]]


class TestMistakes:
    def test_no_gtfs(self, simulated, tmp_path, capfd):
        (tmp_path / "text.zip").write_text("no zip")
        assert "could not be read as a GTFS schedule" in refused(capfd, "line", tmp_path / "text.zip")
        assert "could not be read as a GTFS schedule" in refused(
            capfd, "line", simulated / "arrivals.parquet"
        )

    def test_an_unknown_route_or_station(self, simulated, capfd):
        gtfs = simulated / "gtfs.zip"
        assert "no route 'A'; expected one of garden-line" in refused(capfd, "line", gtfs, "--route", "A")
        assert "no station 'Nowhere'" in refused(capfd, "line", gtfs, "--exclude", "Nowhere")
        assert "no station 'Nowhere'" in refused(capfd, "line", gtfs, "--branch", "Nowhere")

    def test_a_line_and_changes_to_it(self, simulated, capfd):
        words = ("line", simulated / "gtfs.zip", "--line", simulated / "line.toml", "--line-id", "G")
        assert "given together with changes" in refused(capfd, *words)

    @pytest.mark.parametrize(("option", "value"), [("--stop", "S1"), ("--time-zone", "UTC")])
    def test_a_line_and_what_it_holds_already(self, simulated, tmp_path, capfd, option, value):
        words = ("--line", simulated / "line.toml", option, value)
        assert grid(simulated, tmp_path / "g.zarr", *words) == 2
        assert f"{option} was given together with the line" in capfd.readouterr().err

    def test_the_line_of_another_log(self, simulated, tmp_path, capfd):
        words = ("line", simulated / "gtfs.zip", "--line-id", "G", "--out", tmp_path / "line.toml")
        assert headway(*words) == 0
        capfd.readouterr()
        assert grid(simulated, tmp_path / "g.zarr", "--line", tmp_path / "line.toml") == 2
        assert 'write line_id = "garden-line" into' in capfd.readouterr().err
