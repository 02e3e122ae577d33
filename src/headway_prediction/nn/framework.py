"""The training framework (Keras, TensorFlow and tf2onnx): an optional installation that only training needs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from headway_prediction.errors import HeadwayError


def load_framework() -> None:
    """Import Keras and its backend, without the lines that TensorFlow's C++ code prints about its build.

    Raises HeadwayError where a part of the framework is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _standard_error_closed():
            import keras  # noqa: F401
    except ModuleNotFoundError as error:
        raise _not_installed(error.name or "Keras") from error
    if find_spec("tf2onnx") is None:
        raise _not_installed("tf2onnx")


def _not_installed(name: str) -> HeadwayError:
    return HeadwayError(
        f"{name} is not installed",
        "the training framework, which forecasts do not need but training does",
        "run `pip install 'headway-prediction[train]'`",
    )


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Discard what is written to file descriptor 2: C++ writes there before its own log level takes effect."""
    saved, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(devnull)
