"""LightGBM corrects the prior, deterministically, stores plain arrays, and is optional."""

import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.forecasters.lightgbm.model import FITS, LightGBM
from headway_prediction.forecasters.registry import METHODS, SIMPLE_METHODS, extra_methods
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

DAYS = [MONDAY + timedelta(days=k) for k in (0, 1, 2, 3, 4, 7, 8, 9)]
ORIGINS = np.arange(420, 840, 7)


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


@pytest.fixture(scope="module")
def losing_line():
    """Some trains leave a minute late, and those lose another minute at every stop: the prior has them lose none."""
    rows = regular_rows(days=DAYS, stations=6, last=900)
    random = np.random.default_rng(0)
    late = {row[:2]: random.random() < 0.3 for row in rows if row[4] == 0}
    return history_of((*row[:5], row[5] + late[row[:2]] * (1 + row[4])) for row in rows)


@pytest.fixture(scope="module")
def method(losing_line):
    pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed")
    return LightGBM.fit(losing_line.select(DAYS[:-1]), max_rows=40_000, max_rounds=80)


def error_at_the_end(method, history):
    """Mean absolute error at the last stops up to lead 8: whatever passes there by then has left already."""
    forecast = method.forecast(history, DAYS[-1], ORIGINS).quantiles[0.5][:, :8]
    truth = history.day(DAYS[-1])["headway"].values[ORIGINS[:, None] + np.arange(1, 9)]
    return np.mean([np.abs(forecast - truth)[:, :, end, direction] for direction, end in enumerate((-1, 0))])


def test_it_corrects_the_prior(losing_line, method):
    prior = error_at_the_end(TripPropagation(method.prior), losing_line)
    assert error_at_the_end(method, losing_line) < 0.7 * prior
    assert prior < error_at_the_end(Persistence(), losing_line)


def test_its_quantiles_are_in_order_and_within_the_cap(losing_line, method):
    forecast = method.forecast(losing_line, DAYS[-1], ORIGINS)
    low, middle, high = (forecast.quantiles[level] for level in (0.1, 0.5, 0.9))
    assert (low <= middle).all() and (middle <= high).all()
    assert (low >= 0).all() and (high <= losing_line.grid.attrs["cap_mins"]).all()
    assert (low < high).any()
    assert {cells.dtype for cells in (low, middle, high, forecast.mean)} == {np.dtype(np.float32)}


def test_its_state_is_plain_arrays_and_forecasts_the_same_bits(losing_line, method, tmp_path):
    np.savez(tmp_path / "state.npz", **method.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        again = LightGBM.from_state(dict(state))
    ours, theirs = (each.forecast(losing_line, DAYS[-1], ORIGINS) for each in (method, again))
    assert ours.mean.tobytes() == theirs.mean.tobytes()
    assert all(
        ours.quantiles[level].tobytes() == theirs.quantiles[level].tobytes() for level in (0.1, 0.5, 0.9)
    )
    assert all(again.state()[name].dtype == np.uint8 for name in FITS)


def test_a_second_fit_gives_the_same_bits(losing_line, method):
    again = LightGBM.fit(losing_line.select(DAYS[:-1]), max_rows=40_000, max_rounds=80)
    assert all((again.models[name] == model).all() for name, model in method.models.items())


def test_it_is_listed_and_refused_by_name_without_the_library():
    code = """
import sys
sys.modules["lightgbm"] = None
from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.registry import METHODS, extra_methods
assert "lightgbm" in METHODS
try:
    extra_methods(["lightgbm"])
except HeadwayError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'headway-prediction[lightgbm]'" in run.stdout and run.stdout.count("\n") == 1


def test_an_unknown_extra_method_is_refused_with_those_there_are():
    with pytest.raises(HeadwayError, match=r"no extra method 'magic'.*lightgbm"):
        extra_methods(["magic"])
    assert METHODS.keys() == SIMPLE_METHODS.keys() | {"lightgbm"}
