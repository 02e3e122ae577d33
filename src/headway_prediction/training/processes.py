"""Where trainings run: side by side in processes of their own, so that the process that starts them needs no framework.

TensorFlow gains little from a second thread at these sizes, so the processes share the processors among them.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from headway_prediction.config import AppConfig
from headway_prediction.nn.framework import load_framework, start_training_process
from headway_prediction.transit.clock import SCORED_DAY_MINS

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")
IN_THIS_PROCESS = 0
MIN_STEPS_OF_A_PROCESS = 500
"""A process needs about as long to start as a network for a few hundred steps."""


class Runner(Protocol):
    """Runs a function on every task."""

    def __call__(self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]) -> list[ResultT]: ...


def run_here(function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]) -> list[ResultT]:
    """Run the tasks one after the other in this process."""
    load_framework()
    return [function(task) for task in tasks]


@contextmanager
def training_processes(count: int) -> Iterator[Runner]:
    """Yield a runner with so many processes, which begin to load the framework at once; IN_THIS_PROCESS starts none."""
    if count == IN_THIS_PROCESS:
        yield run_here
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of TensorFlow's threads
    threads = max(1, _processors() // count)
    with ProcessPoolExecutor(count, context, start_training_process, (threads,)) as pool:
        for _ in range(count):
            pool.submit(os.getpid)

        def run(function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]) -> list[ResultT]:
            return list(pool.map(function, tasks))

        try:
            yield run
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def process_count(config: AppConfig, service_days: Iterable[int]) -> int:
    """Return how many processes train fastest on lines with so many service days each: one per processor.

    Short trainings and those of another backend than TensorFlow, which may have an accelerator, run in this process.
    """
    windows = SCORED_DAY_MINS * sum(service_days)
    steps = config.epochs * min(windows, config.epoch_windows or windows) // config.batch_size
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow" or steps < MIN_STEPS_OF_A_PROCESS:
        return IN_THIS_PROCESS
    return min(config.ensemble_members, _processors())


def _processors() -> int:
    return len(os.sched_getaffinity(0))
