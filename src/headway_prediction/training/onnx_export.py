"""From a trained network in a `.keras` file to the ONNX file that forecasts are made with.

tf2onnx converts what TensorFlow traces. A network that another backend trained is read under TensorFlow in a process of its
own: `python -m headway_prediction.training.onnx_export NETWORK.keras NETWORK.onnx`.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras

from headway_prediction.files import atomic_path
from headway_prediction.forecasters.onnx_network import INPUTS, OUTPUT
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.prior_channels import prior_width

OPSET = 18


def export_onnx(keras_path: Path) -> Path:
    """Write the ONNX file beside the Keras file of a ProbabilisticSTConvNet, whole or not at all; return its path."""
    onnx_path = keras_path.with_suffix(".onnx")
    if keras.backend.backend() == "tensorflow":
        _convert(keras_path, onnx_path)
        return onnx_path
    command = [sys.executable, "-m", __spec__.name, str(keras_path), str(onnx_path)]
    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{keras_path} could not be converted to ONNX:\n{done.stderr}")
    return onnx_path


def _convert(keras_path: Path, onnx_path: Path) -> None:
    import tensorflow as tf
    import tf2onnx

    network = keras.saving.load_model(keras_path, compile=False)
    signature = [
        tf.TensorSpec((None, *shape), tf.float32, name)
        for name, shape in zip(INPUTS, _input_shapes(network), strict=True)
    ]

    @tf.function(autograph=False)
    def outputs(*inputs: Any) -> dict[str, Any]:
        return {OUTPUT: network(inputs)}

    with atomic_path(onnx_path) as part_path:
        tf2onnx.convert.from_function(outputs, signature, opset=OPSET, output_path=str(part_path))


def _input_shapes(network: ProbabilisticSTConvNet) -> tuple[tuple[int | None, ...], ...]:
    """Shapes without the batch; a number of stations that is None stays free."""
    headway, schedule = network.network.input_shape_h, network.network.input_shape_s
    return headway, schedule, (*headway[1:3], prior_width(network.config.forecast_mins))


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
