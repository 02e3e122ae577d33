"""Every method forecasts the demo line as it did when its forecasts were recorded.

The recording is of the code before it was laid out anew, so that a change of structure that changes a number is seen. Where
a number changes on purpose, record again and say in the commit why:

    PYTHONPATH=tests .venv/bin/python tests/test_recorded_forecasts.py
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.build import read_line_files
from headway_prediction.simulate import Scenario, write_simulation
from helpers.small_network import as_onnx

RECORDED = Path(__file__).parent / "recorded" / "demo_line.json"
SMALL = {
    "encoder_filters": (4, 4),
    "encoder_step_mins": 10,
    "decoder_filters": 8,
    "head_units": 8,
    "schedule_units": 4,
}
METHODS = json.loads(RECORDED.read_text(encoding="utf-8"))


def forecasts() -> dict[str, Forecast]:
    """The last day of a simulated line from all scored origins; the network is untrained, from its seed."""
    from headway_prediction.model import ProbabilisticSTConvNet

    with TemporaryDirectory() as folder:
        log, schedule = write_simulation(folder, Scenario.of_size(5), days=5, seed=3)
        history = read_line_files(log, gtfs=schedule)
    *training, day = history.service_dates
    methods = fit_simple_methods(history.select(training))
    config = AppConfig(**SMALL)
    network = ProbabilisticSTConvNet(config, (config.lookback_mins, None, 2, 4), (config.forecast_mins, 2, 6))
    prior = FittedPrior(methods["trip-propagation"].prior)
    methods["st-convnet"] = STConvNetForecaster([as_onnx(network)], config, prior, None)
    origins = scored_origins(history, day)
    found = {name: method.forecast(history, day, origins) for name, method in methods.items()}
    return found | {"st-convnet-60": Rollout(methods["st-convnet"]).forecast(history, day, origins[::12])}


def summary(forecast: Forecast) -> dict[str, list[float] | float]:
    """Mean over platforms and origins by lead, of the mean and the quantiles, and the standard deviation of all."""
    by_lead = {"mean": forecast.mean} | {f"p{100 * q:.0f}": v for q, v in forecast.quantiles.items()}
    means = {name: np.nanmean(values, axis=(0, 2, 3)) for name, values in by_lead.items()}
    found = {name: [round(float(value), 6) for value in values] for name, values in means.items()}
    return found | {"std": round(float(np.nanstd(forecast.mean)), 6)}


@pytest.fixture(scope="module")
def found():
    return {name: summary(forecast) for name, forecast in forecasts().items()}


def test_all_methods_are_recorded(found):
    assert sorted(found) == sorted(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_forecasts_what_was_recorded(found, name):
    # Networks add in another order on another processor; everything else is the same to the last digit recorded.
    tolerance = 2e-5 if name.startswith("st-convnet") else 1e-6
    for part, expected in METHODS[name].items():
        np.testing.assert_allclose(found[name][part], expected, rtol=0, atol=tolerance, err_msg=part)


if __name__ == "__main__":
    recorded = {name: summary(forecast) for name, forecast in forecasts().items()}
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
