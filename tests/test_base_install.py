"""Without a training framework: every command but those that train runs, and those that train name what to install."""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

FRAMEWORKS = ["keras", "tensorflow", "tensorboard", "jax", "torch", "tf2onnx", "onnx", "h5py"]
MISSING = f"import sys; sys.modules |= dict.fromkeys({FRAMEWORKS})"
HEADWAY = "import sys; from headway_prediction.cli import main; sys.exit(main(sys.argv[1:]))"
INSTALL = "pip install 'headway-prediction[train]'"


@pytest.fixture(scope="module")
def base_install(tmp_path_factory) -> dict[str, str]:
    """The environment of processes in which no framework can be imported."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(MISSING)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "XDG_CACHE_HOME": str(folder / "cache")}


def run(environment: dict[str, str], code: str, *words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", ["keras", "tensorflow", "jax"])
def test_the_environment_lacks_the_frameworks(base_install, name):
    assert f"import of {name} halted" in run(base_install, f"import {name}").stderr


def test_commands_that_do_not_train_run_without_a_framework(base_install, small_line, tmp_path):
    folder, out = small_line, tmp_path
    bundle = "--bundle", folder / "bundle"
    log, grid = ("--arrivals", folder / "arrivals.parquet"), ("--grid", folder / "grid.zarr")
    at = "--at", "2025-09-13T09:00"
    commands: list[tuple[object, ...]] = [
        ("simulate", "--out", out / "line", "--days", 3, "--stations", 4),
        ("check", folder / "arrivals.parquet", "--gtfs", folder / "gtfs.zip"),
        ("line", folder / "gtfs.zip", "--out", out / "line.toml"),
        ("grid", *log, "--gtfs", folder / "gtfs.zip", "--out", out / "grid.zarr"),
        ("info", folder / "bundle"),
        ("forecast", *bundle, *log, *at),
        ("forecast", *bundle, *log, *at, "--method", "st-convnet-60"),
        ("what-if", *bundle, *log, *at),
        ("leakage-check", *grid, *bundle),
        ("backtest", *grid, *bundle, "--out", out / "forecasts"),
        ("evaluate", *grid, out / "forecasts", "--report", out / "report.html"),
    ]
    code = f"""
import sys
from headway_prediction.cli import main
for command in {[tuple(map(str, command)) for command in commands]}:
    try:
        status = main(list(command))
    except SystemExit as finished:
        status = finished.code
    assert not status, (command, status)
assert not any(map(sys.modules.get, {FRAMEWORKS}))
"""
    done = run(base_install, code)
    assert done.returncode == 0, done.stderr


def test_the_service_runs_without_a_framework(base_install, small_line, tmp_path):
    words = ["serve", "--simulate", "--bundle", small_line / "bundle", "--port", "0", "--speed", "60"]
    command = [sys.executable, "-c", HEADWAY, *map(str, words), "--store", f"sqlite:///{tmp_path / 'store'}"]
    with subprocess.Popen(command, env=base_install, stderr=subprocess.PIPE, text=True) as service:
        try:
            address = next(found for line in service.stderr if (found := re.search(r"http://[\d.:]+", line)))
            with urllib.request.urlopen(f"{address[0]}/api/v1/lines", timeout=30) as answer:
                assert "garden-line" in answer.read().decode()
        finally:
            service.send_signal(signal.SIGINT)
        service.stderr.read()
    assert service.returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--grid", "GRID", "--out", "OUT"),
        ("train", "--grid", "GRID", "--grid", "GRID", "--out", "OUT"),
        ("demo", "--out", "OUT"),
        ("retrain", "--bundle", "BUNDLE"),
        ("serve", "--simulate", "--port", "0"),
    ],
)
def test_commands_that_train_name_what_to_install(base_install, small_line, tmp_path, words):
    places = {"GRID": small_line / "grid.zarr", "BUNDLE": small_line / "bundle", "OUT": tmp_path / "out"}
    done = run(base_install, HEADWAY, *(places.get(word, word) for word in words))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("headway: keras is not installed; ") and INSTALL in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_part_of_the_framework_alone_is_refused_too(small_line, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(MISSING.replace(str(FRAMEWORKS), "['tf2onnx']"))
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = run(environment, HEADWAY, "train", "--grid", small_line / "grid.zarr", "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.startswith("headway: tf2onnx is not installed; ")


@pytest.mark.parametrize("name", ["STConvNet", "ModelTrainer"])
def test_the_names_of_training_raise_an_import_error_that_names_what_to_install(base_install, name):
    done = run(base_install, f"from headway_prediction import AppConfig, DataLoader, Bundle, Line, {name}")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {name} needs keras, which is not installed; ") and INSTALL in last


def test_windows_are_found_without_a_framework_and_their_data_set_names_what_to_install(base_install):
    code = """
import numpy as np
from headway_prediction import AppConfig, TimeseriesGenerator
config = AppConfig(lookback_mins=3, forecast_mins=2)
generator = TimeseriesGenerator(config)
windows = generator.find_windows(np.ones((9, 2, 2, 1)), np.ones((9, 2, 1)), np.zeros(9))
print(len(windows))
generator.serve([windows], shuffled=False)
"""
    done = run(base_install, code)
    assert done.stdout == "5\n"
    assert "HeadwayError: keras is not installed; " in done.stderr and INSTALL in done.stderr
