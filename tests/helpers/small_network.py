"""The smallest ST-ConvNet that is one: with random weights, as a forecaster, and the settings that train one in seconds."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from headway_prediction.config import AppConfig
from headway_prediction.forecasters.onnx_network import OnnxNetwork
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.matrices import HEADWAY_CHANNELS, SCHEDULE_CHANNELS

if TYPE_CHECKING:
    import keras
    import numpy as np

CONFIG = AppConfig(
    encoder_filters=(3, 3),
    encoder_step_mins=10,
    schedule_units=2,
    decoder_filters=4,
    head_units=6,
    seed=1,
)

TRAINING = replace(
    CONFIG,
    head_units=4,
    seed=0,
    batch_size=32,
    epochs=1,
    validation_windows=32,
    ensemble_members=2,
)


def as_onnx(network: "keras.Model") -> OnnxNetwork:
    """A Keras network as forecasts are made with it."""
    from headway_prediction.training.onnx_export import export_onnx

    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return OnnxNetwork.load(export_onnx(path))


def weights_beside(onnx_path: Path) -> "list[np.ndarray]":
    """The weights in the Keras file that lies beside an ONNX file."""
    import keras

    import headway_prediction.model  # noqa: F401  (registers the classes of the networks)

    return keras.saving.load_model(onnx_path.with_suffix(".keras"), compile=False).get_weights()


def small_network_forecaster(prior: PhysicsPrior) -> STConvNetForecaster:
    """One untrained network without calibration on a fitted prior."""
    return STConvNetForecaster([_small_network()], CONFIG, FittedPrior(prior), None)


@cache  # the conversion takes seconds
def _small_network() -> OnnxNetwork:
    from headway_prediction.model import ProbabilisticSTConvNet

    shape_h = (CONFIG.lookback_mins, None, 2, len(HEADWAY_CHANNELS))
    shape_s = (CONFIG.forecast_mins, 2, len(SCHEDULE_CHANNELS))
    return as_onnx(ProbabilisticSTConvNet(CONFIG, shape_h, shape_s))
