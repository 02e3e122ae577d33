"""Ending a verb that runs until somebody ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from headway_prediction.cli.common import say


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Let Ctrl-C, or a polite kill, end the body and nothing else."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        signal.signal(signal.SIGTERM, before)
