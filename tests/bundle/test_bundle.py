"""A bundle says the same after a round trip, and refuses what it does not fit or what was done to it."""

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.forecasters.lightgbm.model import LightGBM
from headway_prediction.grid.store import read_history
from headway_prediction.transit.line import Line


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


@pytest.fixture
def copied(small_line, tmp_path):
    return shutil.copytree(small_line / "bundle", tmp_path / "bundle")


def test_it_holds_every_method_and_the_days_it_was_made_from(bundle):
    simple = ["persistence", "climatology", "schedule", "propagation", "trip-propagation"]
    assert bundle.methods == [*simple, "st-convnet"]
    assert [len(bundle.lines[0].days[part]) for part in ("training", "validation", "test")] == [4, 0, 2]
    assert bundle.lines[0].days["training"][-1] < bundle.lines[0].days["test"][0]
    assert len(bundle.networks) == bundle.config.ensemble_members == len(bundle.details["epochs"]) == 2
    assert bundle.details["seed"] == bundle.config.seed
    assert bundle.details["validation_scores"]["mae_mins"] > 0


def test_saved_and_loaded_again_every_method_forecasts_the_same(bundle, small_line, tmp_path):
    bundle.save(tmp_path / "again")
    again = Bundle.load(tmp_path / "again")
    history = read_history(small_line / "grid.zarr")
    day = history.service_dates[-1]
    origins = scored_origins(history, day)[:5]
    for name in bundle.methods:
        ours, theirs = (one.method(name).forecast(history, day, origins) for one in (bundle, again))
        np.testing.assert_array_equal(theirs.mean, ours.mean)
        assert theirs.quantiles.keys() == ours.quantiles.keys()
        for level, quantile in ours.quantiles.items():
            np.testing.assert_array_equal(theirs.quantiles[level], quantile)


def test_lightgbm_comes_along_where_it_was_fitted(bundle, small_line, tmp_path):
    pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed")
    history = read_history(small_line / "grid.zarr")
    method = LightGBM.fit(history.select(bundle.lines[0].days["training"]), max_rows=5_000, max_rounds=5)
    statistics = replace(bundle.statistics, methods={**bundle.statistics.methods, method.name: method})
    replace(bundle, statistics=statistics).save(tmp_path / "with")
    again = Bundle.load(tmp_path / "with")
    assert again.methods == [*bundle.statistics.methods, "lightgbm", "st-convnet"]
    rows = again.predict(small_line / "arrivals.parquet", method="lightgbm")
    assert (rows["headway_p10"] <= rows["headway_p50"]).all()
    assert (rows["headway_p50"] <= rows["headway_p90"]).all()


def test_its_checksums_are_those_of_sha256sum(small_line):
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=small_line / "bundle").returncode == 0


@pytest.mark.parametrize(
    "file",
    [
        "networks/01.keras",
        "networks/02.onnx",
        "calibration.npz",
        "rollout_calibration.npz",
        "bundle.json",
        "timetable.parquet",
        "prior.npz",
    ],
)
def test_a_file_cut_short_is_refused_by_name(copied, file):
    path = copied / file
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(HeadwayError, match=f"{file} was changed or cut short"):
        Bundle.load(copied)


def test_an_edited_manifest_is_refused(copied):
    manifest = json.loads((copied / "bundle.json").read_text())
    manifest["lines"][0]["days"]["training"] = manifest["lines"][0]["days"]["training"][:1]
    (copied / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(HeadwayError, match=r"bundle\.json was changed"):
        Bundle.load(copied)


def test_a_missing_and_an_added_file_are_refused(copied):
    (copied / "timetable.parquet").rename(copied / "methods" / "stranger.npz")
    with pytest.raises(HeadwayError, match="missing or was added"):
        Bundle.load(copied)


@pytest.mark.parametrize("name", ["01.keras", "02.onnx"])
def test_a_bundle_without_one_of_its_networks_is_refused(copied, name):
    (copied / "networks" / name).unlink()
    with pytest.raises(HeadwayError, match=f"networks/{name} is missing or was added"):
        Bundle.load(copied)


def test_a_bundle_of_an_older_format_is_refused_with_both_formats(copied):
    manifest = json.loads((copied / "bundle.json").read_text())
    manifest["format"] = "headway-prediction bundle 1"
    (copied / "bundle.json").write_text(json.dumps(manifest))
    files = [name for line in (copied / "SHA256SUMS").read_text().splitlines() for name in line.split()[1:]]
    sums = subprocess.run(["sha256sum", *files], cwd=copied, capture_output=True, text=True, check=True)
    (copied / "SHA256SUMS").write_text(sums.stdout)
    with pytest.raises(
        HeadwayError, match=r"format is 'headway-prediction bundle 1', not '.* bundle 10'.*train"
    ):
        Bundle.load(copied)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(HeadwayError, match=r"not a sound bundle.*SHA256SUMS"):
        Bundle.load(tmp_path)
    with pytest.raises(HeadwayError, match="there is no such folder"):
        Bundle.load(tmp_path / "gone")


def test_a_grid_of_another_line_or_cap_is_refused(bundle, small_line):
    history = read_history(small_line / "grid.zarr")
    bundle.check_fits(history)
    shorter = Line(bundle.line.line_id, bundle.line.time_zone, bundle.line.stations[:-1])
    with pytest.raises(HeadwayError, match=r"4 stations.*5 stations"):
        bundle.check_fits(replace(history, line=shorter))
    with pytest.raises(HeadwayError, match=r"caps headways at 20.*30"):
        bundle.check_fits(replace(history, grid=history.grid.assign_attrs(cap_mins=20.0)))


def test_an_unknown_method_is_refused_with_those_it_has(bundle):
    with pytest.raises(HeadwayError, match=r"no method 'magic'.*persistence.*st-convnet"):
        bundle.method("magic")


def test_the_networks_and_their_calibration_see_nothing_after_their_origin(bundle, small_line):
    history = read_history(small_line / "grid.zarr")
    day = history.service_dates[-1]
    origins = scored_origins(history, day)
    method = bundle.method("st-convnet")
    whole = method.forecast(history, day, origins)
    for index in (0, 7, len(origins) // 2, len(origins) - 1):
        t0 = origins[index]
        known = method.forecast(history.as_of(day, int(t0)), day, np.array([t0]))
        np.testing.assert_array_equal(known.mean[0], whole.mean[index])
        for level, quantile in whole.quantiles.items():
            np.testing.assert_array_equal(known.quantiles[level][0], quantile[index])


def test_predict_is_the_backtest_of_that_minute(bundle, small_line):
    history = read_history(small_line / "grid.zarr")
    day = history.service_dates[-1]
    rows = bundle.predict(small_line / "arrivals.parquet", datetime(day.year, day.month, day.day, 9, 0))
    backtest = bundle.method("st-convnet").forecast(history, day, np.array([9 * 60 - 1]))
    station, direction = 2, 1
    stop_id = bundle.line.stop_ids(direction)[station]
    at_platform = rows.filter((rows["stop_id"] == stop_id) & (rows["direction_id"] == direction)).sort(
        "lead_min"
    )
    columns = {"headway_mean": backtest.mean} | {
        f"headway_p{100 * level:.0f}": values for level, values in backtest.quantiles.items()
    }
    assert len(columns) == 4
    for name, values in columns.items():
        np.testing.assert_array_equal(at_platform[name].to_numpy(), values[0, :, station, direction])
    assert at_platform["valid_time"][0][11:16] == "09:00"
    assert at_platform["stop_name"].unique().to_list() == [bundle.line.station_names[station]]
