"""Loading the training framework without its chatter."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def load_framework() -> None:
    """Import Keras and its backend; what TensorFlow's C++ writes about its build on the way is kept off the screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_closed():
        import keras  # noqa: F401


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Send file descriptor 2 nowhere: the lines come from C++ before its own log level counts."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
