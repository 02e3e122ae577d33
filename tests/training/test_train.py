"""Training on several lines: of different lengths, with few days, killed and started again, on every backend."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.forecasters.lightgbm.model import LightGBM
from headway_prediction.forecasters.parquet import read_forecasts, write_forecasts
from headway_prediction.grid.plan_variants import PlanKind, with_plan
from headway_prediction.training.train import train_line, train_lines
from helpers.lines import MONDAY, noisy_history
from helpers.small_network import TRAINING, weights_beside

SMALL = replace(TRAINING, epoch_windows=64, validation_windows=64, ensemble_members=3, test_days=0)


@pytest.fixture(scope="module")
def lines():
    return [noisy_history("a", 4, 3), noisy_history("b", 6, 2, seed=1)]


@pytest.fixture(scope="module")
def unbroken(lines, tmp_path_factory):
    """The folder and the bundle of a run without a stop."""
    run_dir = tmp_path_factory.mktemp("run")
    return run_dir, train_lines(lines, SMALL, run_dir, quiet=True)


@pytest.mark.slow
def test_lines_with_fewer_days_than_members_are_trained_on(unbroken):
    _, bundle = unbroken
    assert len(bundle.network_paths) == 3
    assert [len(known.days["training"]) for known in bundle.lines] == [3, 2]
    assert np.isfinite(bundle.calibration.stretch).all()
    assert bundle.details["backend"].startswith(keras.backend.backend())


@pytest.mark.slow
def test_killed_and_started_again_it_ends_the_same(lines, unbroken, tmp_path):
    """The second member was not begun, and the first one's network was never written: only its state was."""
    run_dir, bundle = unbroken
    broken = shutil.copytree(run_dir, tmp_path / "run")
    shutil.rmtree(broken / "member_2")
    (broken / "member_1" / "network.keras").unlink()
    state = broken / "member_1" / "training_state.npz"
    written = state.stat().st_mtime_ns
    again = train_lines(lines, SMALL, broken, quiet=True)
    assert state.stat().st_mtime_ns == written
    for ours, theirs in zip(bundle.network_paths, again.network_paths, strict=True):
        assert all(map(np.array_equal, weights_beside(ours), weights_beside(theirs)))


@pytest.mark.slow
@pytest.mark.parametrize("stations", [3, 9])
def test_the_same_weights_serve_lines_of_all_lengths(unbroken, stations):
    _, bundle = unbroken
    history = noisy_history("other", stations, 1, seed=5)
    forecast = bundle.method("st-convnet").forecast(history, MONDAY, np.array([400]))
    assert forecast.mean.shape == (1, 15, stations, 2) and np.isfinite(forecast.mean).all()


def test_what_does_not_fit_is_refused(lines, tmp_path):
    other_cap = replace(lines[1], grid=lines[1].grid.assign_attrs(cap_mins=20.0))
    with pytest.raises(HeadwayError, match=r"caps headways at 20.*30"):
        train_lines([lines[0], other_cap], SMALL, tmp_path)
    with pytest.raises(HeadwayError, match=r"grid of b is the observed departures"):
        train_lines([lines[0], with_plan(lines[1], PlanKind.ORACLE)], SMALL, tmp_path)
    with pytest.raises(HeadwayError, match=r"there are 1 service days"):
        train_lines([lines[0], noisy_history("short", 4, 1)], SMALL, tmp_path)


def test_forecast_mins_of_20_reaches_every_forecast_and_the_scores(lines, tmp_path):
    config = replace(SMALL, forecast_mins=20, ensemble_members=1, validation_days=1, test_days=1)
    train_line(lines[0], config, tmp_path / "run", quiet=True).save(tmp_path / "bundle")
    bundle, day = Bundle.load(tmp_path / "bundle"), lines[0].service_dates[-1]
    assert bundle.lines[0].days["validation"] == (lines[0].service_dates[1],)
    methods = {}
    for name in bundle.methods:
        forecasts = list(backtest(lines[0], bundle.method(name), [day]))
        assert forecasts[0].mean.shape[1:] == (20, 4, 2), name
        write_forecasts(tmp_path / f"{name}.parquet", name, lines[0].line, forecasts)
        methods |= dict([read_forecasts(tmp_path / f"{name}.parquet", lines[0].line)])
    assert set(score_methods(lines[0], [day], methods).methods) == set(bundle.methods)
    assert bundle.method("st-convnet-60").forecast(lines[0], day, np.array([400])).mean.shape == (1, 60, 4, 2)
    with pytest.raises(HeadwayError, match="forecast_mins is 20 with the extra model lightgbm"):
        train_line(lines[0], config, tmp_path, extra=[LightGBM])
