"""The command line as a user meets it: statuses, sentences, files, and no traceback for a mistake."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from headway_prediction import __version__, cli
from headway_prediction.bundle.bundle import Bundle
from headway_prediction.cli import GROUPS, build_app
from helpers.lines import headway
from helpers.small_network import weights_beside

COMMANDS = [name for commands in GROUPS.values() for name in commands]


def process(*words: object, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "headway_prediction", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def refused(capfd, *words: object) -> str:
    """Run a mistaken command: status 2, one sentence on standard error, nothing on standard output."""
    assert headway(*words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("headway: ") and err.count("\n") == 1 and "Traceback" not in err
    assert "expected" in err
    return err


def test_the_help_groups_all_commands_and_shortens_none(capfd):
    assert headway("--help") == 0
    text = capfd.readouterr().out
    sections = [text.index(f"{title}:") for title in GROUPS]
    assert sections == sorted(sections) and "..." not in text[sections[0] :]
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", text, re.MULTILINE)
    assert listed == COMMANDS == [command.name for command in build_app().registered_commands]


def test_each_command_has_a_file_of_its_own_name():
    files = {path.stem.rstrip("_").replace("_", "-") for path in Path(cli.__file__).parent.glob("*.py")}
    assert set(COMMANDS) <= files


def test_the_version_is_that_of_the_package(capfd):
    assert headway("--version") == 0
    assert capfd.readouterr().out == f"headway {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_helps_with_an_example(capfd, command):
    assert headway(command, "--help") == 0
    help_text = capfd.readouterr().out
    assert "Example:" in help_text and f"headway {command}" in help_text


def test_help_starts_without_a_training_framework_or_a_table_library():
    probe = (
        "import sys; from headway_prediction.cli import build_app; build_app(); print(sorted(sys.modules))"
    )
    modules = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert not any(
        f"'{name}'" in modules for name in ("keras", "tensorflow", "jax", "polars", "xarray", "numpy")
    )


def test_an_unknown_command_or_option_ends_with_status_2():
    assert process("fly").returncode == 2
    assert process("grid", "--wings", "2").returncode == 2


def test_a_mistake_in_a_real_process_is_one_sentence_and_status_2(tmp_path):
    result = process("info", tmp_path / "nothing")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("headway: ") and "Traceback" not in result.stderr


def test_forecast_prints_every_station_and_direction(small_line, capfd):
    folder = small_line
    words = ("forecast", "--bundle", folder / "bundle", "--arrivals", folder / "arrivals.parquet")
    assert headway(*words, "--at", "2025-09-13T09:00", "--format", "csv") == 0
    rows = pl.read_csv(capfd.readouterr().out.encode())
    assert rows.height == 5 * 2 * 15
    assert rows["t0"].unique().to_list() == ["2025-09-13T08:59:00-05:00"]
    assert rows["headway_p50"].is_between(0, 30).all()
    assert headway(*words, "--at", "2025-09-13T09:00-05:00", "--format", "json") == 0
    assert [row["headway_p50"] for row in json.loads(capfd.readouterr().out)] == pytest.approx(
        rows["headway_p50"].to_list()
    )
    assert headway(*words, "--at", "2025-09-13T09:00", "--method", "propagation") == 0
    table = capfd.readouterr().out
    assert table.count("Acacia") == 4 and "+15" in table  # in two titles and two rows


def test_backtest_writes_one_file_per_method_with_the_same_rows(small_line):
    files = sorted((small_line / "forecasts").glob("*.parquet"))
    assert [file.stem for file in files] == [
        "climatology",
        "persistence",
        "propagation",
        "schedule",
        "st-convnet",
        "trip-propagation",
    ]
    keys = ["service_date", "direction_id", "stop_id", "t0", "lead_min"]
    assert len({tuple(map(tuple, pl.read_parquet(file, columns=keys).rows()[::97])) for file in files}) == 1


def test_evaluate_prints_the_table_and_writes_scores_and_report(small_line, tmp_path, capfd):
    words = ("evaluate", "--grid", small_line / "grid.zarr", small_line / "forecasts")
    assert headway(*words, "--scores", tmp_path / "s.json", "--report", tmp_path / "r.html") == 0
    out = capfd.readouterr().out
    assert all(method in out for method in ("persistence", "propagation", "st-convnet")) and "RMSE" in out
    assert json.loads((tmp_path / "s.json").read_text())["line_id"] == "garden-line"
    assert "<html" in (tmp_path / "r.html").read_text()
    assert headway(*words, "--markdown") == 0
    assert capfd.readouterr().out.startswith("| method | MAE |")


@pytest.mark.parametrize(
    ("name", "first"), [("bundle", "bundle"), ("grid.zarr", "grid"), ("arrivals.parquet", "arrival log")]
)
def test_info_names_the_kind_of_a_file(small_line, capfd, name, first):
    assert headway("info", small_line / name) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == first and len(lines) > 2


def test_a_second_training_with_the_same_command_goes_on_and_ends_the_same(small_line, tmp_path, capfd):
    for made, copied in (("bundle", "b"), ("bundle.run", "b.run")):
        shutil.copytree(small_line / made, tmp_path / copied)
    first = Bundle.load(small_line / "bundle")
    words = ("--grid", small_line / "grid.zarr", "--config", small_line / "small.toml")
    assert headway("train", *words, "--out", tmp_path / "b") == 0
    assert capfd.readouterr().out.count("2 finished epochs") == 2
    second = Bundle.load(tmp_path / "b")
    for ours, theirs in zip(first.network_paths, second.network_paths, strict=True):
        assert all(map(np.array_equal, weights_beside(ours), weights_beside(theirs)))
    assert all(map(np.array_equal, first.calibration.state().values(), second.calibration.state().values()))


class TestMistakes:
    def test_no_time_zone(self, small_line, tmp_path, capfd):
        log = small_line / "arrivals.parquet"
        sentence = refused(capfd, "grid", "--arrivals", log, "--out", tmp_path / "g.zarr")
        assert "--time-zone" in sentence and not list(tmp_path.iterdir())

    def test_an_unknown_time_zone(self, small_line, tmp_path, capfd):
        log, zone = small_line / "arrivals.parquet", "Mars/Olympus"
        words = ("grid", "--arrivals", log, "--out", tmp_path / "g.zarr", "--time-zone", zone)
        assert zone in refused(capfd, *words)
        assert not list(tmp_path.iterdir())

    def test_two_plans(self, small_line, tmp_path, capfd):
        log, plan = small_line / "arrivals.parquet", small_line / "gtfs.zip"
        words = ("grid", "--arrivals", log, "--gtfs", plan, "--planned", plan, "--out", tmp_path / "g.zarr")
        assert "two plans" in refused(capfd, *words)

    def test_a_log_that_is_not_there(self, tmp_path, capfd):
        log = tmp_path / "gone.parquet"
        assert str(log) in refused(
            capfd, "grid", "--arrivals", log, "--out", tmp_path / "g", "--time-zone", "UTC"
        )

    def test_a_bundle_of_other_networks_to_start_from(self, small_line, tmp_path, capfd):
        start = ("--start-from", small_line / "bundle")
        words = ("train", "--grid", small_line / "grid.zarr", "--out", tmp_path / "b", *start)
        assert "were trained with encoder_filters = " in refused(capfd, *words)
        assert not list(tmp_path.iterdir())

    def test_fewer_days_than_the_split_needs(self, small_line, tmp_path, capfd):
        words = ("train", "--grid", small_line / "grid.zarr", "--out", tmp_path / "b", "--test-days", "5")
        assert "there are 6 service days" in refused(capfd, *words)
        assert not (tmp_path / "b").exists()

    def test_a_setting_out_of_range(self, small_line, tmp_path, capfd):
        words = ("train", "--grid", small_line / "grid.zarr", "--out", tmp_path / "b", "--epochs", "0")
        assert "epochs" in refused(capfd, *words)

    def test_a_method_to_fit_that_does_not_exist(self, small_line, tmp_path, capfd):
        words = (
            "train",
            "--grid",
            small_line / "grid.zarr",
            "--out",
            tmp_path / "b",
            "--extra-model",
            "magic",
        )
        assert "lightgbm" in refused(capfd, *words)

    def test_days_that_the_bundle_was_trained_on(self, small_line, tmp_path, capfd):
        words = (
            "backtest",
            "--grid",
            small_line / "grid.zarr",
            "--bundle",
            small_line / "bundle",
            "--out",
            tmp_path,
        )
        assert "2025-09-08 was used" in refused(capfd, *words, "--date", "2025-09-08")
        assert "no service date 2024-01-01" in refused(capfd, *words, "--date", "2024-01-01")
        assert "--date" in refused(capfd, *words, "--date", "yesterday")
        assert not list(tmp_path.iterdir())

    def test_a_bundle_of_another_line(self, small_line, tmp_path, capfd):
        assert headway("simulate", "--out", tmp_path, "--days", "1", "--stations", "6") == 0
        log, plan, grid = (tmp_path / name for name in ("arrivals.parquet", "gtfs.zip", "g.zarr"))
        assert headway("grid", "--arrivals", log, "--gtfs", plan, "--out", grid) == 0
        capfd.readouterr()
        words = ("backtest", "--grid", grid, "--bundle", small_line / "bundle", "--out", tmp_path / "f")
        assert "6 stations" in refused(capfd, *words)
        assert not (tmp_path / "f").exists()

    def test_a_moment_outside_the_log(self, small_line, capfd):
        words = (
            "forecast",
            "--bundle",
            small_line / "bundle",
            "--arrivals",
            small_line / "arrivals.parquet",
            "--at",
        )
        assert "no passing" in refused(capfd, *words, "2025-09-20T09:00")
        assert "--at is 'soon'" in refused(capfd, *words, "soon")

    def test_a_log_of_another_line(self, small_line, tmp_path, capfd):
        log = pl.read_parquet(small_line / "arrivals.parquet").with_columns(line_id=pl.lit("other"))
        log.write_parquet(tmp_path / "other.parquet")
        words = ("forecast", "--bundle", small_line / "bundle", "--arrivals", tmp_path / "other.parquet")
        assert "the log is of the line other" in refused(capfd, *words)

    def test_no_forecasts_to_score(self, small_line, tmp_path, capfd):
        assert "no forecast file" in refused(capfd, "evaluate", "--grid", small_line / "grid.zarr", tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_no_half_written_bundle(small_line, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        result = process("grid", "--arrivals", small_line / "arrivals.parquet", "--gtfs", small_line / "gtfs.zip",
                         "--out", disk / "grid.zarr")  # fmt: skip
        assert result.returncode == 2 and "could not be written" in result.stderr
        assert "Traceback" not in result.stderr and list(Path(disk).iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_lightgbm_is_trained_and_scored_with_extra_model(small_line, tmp_path):
    pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed")
    grid, bundle, out = small_line / "grid.zarr", tmp_path / "b", tmp_path / "forecasts"
    words = ("--config", small_line / "small.toml", "--extra-model", "lightgbm", "--quiet")
    assert headway("train", "--grid", grid, "--out", bundle, *words) == 0
    assert headway("backtest", "--grid", grid, "--bundle", bundle, "--out", out, "--method", "lightgbm") == 0
    assert [file.name for file in out.iterdir()] == ["lightgbm.parquet"]


@pytest.mark.slow
def test_the_demo_goes_through_every_stage_and_names_what_it_made(tmp_path):
    out = tmp_path / "demo"
    small = {"HEADWAY_ENCODER_FILTERS": "4,4", "HEADWAY_EPOCH_WINDOWS": "320", "HEADWAY_MEMBERS": "1"}
    result = process("demo", "--out", out, "--days", 6, "--stations", 4, "--epochs", 1, **small)
    assert result.returncode == 0, result.stderr
    assert all(f"{stage}/5" in result.stderr for stage in range(1, 6))
    assert all(
        method in result.stdout for method in ("persistence", "climatology", "schedule", "propagation")
    )
    assert f"bundle: {out / 'bundle'}" in result.stderr and f"report: {out / 'report.html'}" in result.stderr
    assert (out / "bundle" / "bundle.json").is_file() and (out / "report.html").is_file()
