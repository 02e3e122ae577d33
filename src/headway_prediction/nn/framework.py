"""The training framework (Keras, TensorFlow and tf2onnx): an optional installation that only training needs."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from headway_prediction.errors import HeadwayError


def load_framework() -> None:
    """Import Keras and its backend, without the lines that TensorFlow's C++ code prints about its build.

    Raises HeadwayError as `check_framework`.
    """
    check_framework()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_closed():
        import keras  # noqa: F401


def check_framework() -> None:
    """Raise HeadwayError where a part of the framework is not installed; imports nothing."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    for name in ("keras", backend, "tf2onnx"):
        if find_spec(name) is None:
            raise HeadwayError(
                f"{name} is not installed",
                "the training framework",
                "run `pip install 'headway-prediction[train]'`",
            )


def start_training_process(threads: int) -> None:
    """Prepare a process that trains beside others: with so many threads, and no longer than the process that started it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    load_framework()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
