"""The ONNX file forecasts what the Keras file does, for lines of any length."""

import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.onnx_network import OnnxNetwork, outputs_of
from headway_prediction.grid.matrices import HEADWAY_CHANNELS, SCHEDULE_CHANNELS
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.prior_channels import FAR_MINS, prior_width
from headway_prediction.training.onnx_export import export_onnx

SMALL = {
    "encoder_filters": (3, 4),
    "encoder_step_mins": 5,
    "schedule_units": 3,
    "decoder_filters": 6,
    "head_units": 8,
}
TOLERANCE_MINS = 1e-3


def trained(config: AppConfig, stations: int | None = None) -> ProbabilisticSTConvNet:
    """A network whose weights are as far from the untrained ones as those of a training."""
    shape_h = config.lookback_mins, stations, 2, len(HEADWAY_CHANNELS)
    network = ProbabilisticSTConvNet(config, shape_h, (config.forecast_mins, 2, len(SCHEDULE_CHANNELS)))
    random = np.random.default_rng(1)
    network.set_weights([part + random.normal(0, 0.1, part.shape) for part in network.get_weights()])
    return network


def saved(network: ProbabilisticSTConvNet, folder) -> OnnxNetwork:
    network.save(folder / "network.keras")
    return OnnxNetwork.load(export_onnx(folder / "network.keras"))


def inputs_of(config: AppConfig, rows: int, stations: int) -> list[np.ndarray]:
    random = np.random.default_rng(rows * stations)
    headway = random.random((rows, config.lookback_mins, stations, 2, len(HEADWAY_CHANNELS)), np.float32)
    headway[..., 2:] = headway[..., 2:] > 0.3
    schedule = random.random((rows, config.forecast_mins, 2, len(SCHEDULE_CHANNELS)), np.float32)
    prior = random.gamma(2.0, 5.0, (rows, stations, 2, prior_width(config.forecast_mins)))
    return [headway, schedule, prior.clip(0, FAR_MINS).astype(np.float32)]


def difference_mins(network: ProbabilisticSTConvNet, onnx: OnnxNetwork, inputs: list[np.ndarray]) -> float:
    expected, found = np.asarray(network.predict_on_batch(tuple(inputs))), onnx.run(inputs)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.ptp(found) > 0.1
    return network.config.scaler * float(np.abs(found - expected).max())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    network = trained(AppConfig(**SMALL))
    return network, saved(network, tmp_path_factory.mktemp("networks"))


@pytest.mark.parametrize("stations", [2, 5, 23])
@pytest.mark.parametrize("rows", [1, 6])
def test_keras_and_onnx_forecast_the_same(pair, rows, stations):
    network, onnx = pair
    assert difference_mins(network, onnx, inputs_of(network.config, rows, stations)) < TOLERANCE_MINS


@pytest.mark.parametrize("leads", [1, 60])
def test_other_leads_and_a_fixed_number_of_stations(leads, tmp_path):
    config = AppConfig(**SMALL, forecast_mins=leads, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95))
    network = trained(config, stations=4)
    inputs = inputs_of(config, 2, 4)
    assert difference_mins(network, saved(network, tmp_path), inputs) < TOLERANCE_MINS


def test_the_outputs_of_all_networks_are_those_of_each_and_independent_of_other_rows(pair, tmp_path):
    _, first = pair
    config = AppConfig(**SMALL, seed=5)
    second = saved(trained(config), tmp_path)
    inputs = inputs_of(config, 5, 7)
    together = outputs_of([first, second], inputs)
    each = np.stack([first.run(inputs), second.run(inputs)])
    np.testing.assert_allclose(together, each, rtol=0, atol=1e-5)
    for row in range(5):
        alone = outputs_of([first, second], [part[row : row + 1] for part in inputs])
        assert alone.tobytes() == together[:, [row]].tobytes()


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "01.onnx").write_bytes(content)
    with pytest.raises(
        HeadwayError, match=r"ONNX Runtime .* cannot read .*01\.onnx.*; expected an ONNX network"
    ):
        OnnxNetwork.load(tmp_path / "01.onnx")
