"""The ensemble's members: one network each, trained side by side in processes of their own where that is faster.

TensorFlow gains little from a second thread at these sizes, so each process has one. The windows of all members lie in files
that the processes share.
"""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import keras
import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.dataset import LineWindows, TimeseriesGenerator
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.framework import start_training_process
from headway_prediction.trainer import ModelTrainer
from headway_prediction.training.onnx_export import export_onnx

MIN_STEPS_OF_A_PROCESS = 500
"""A process needs about as long to start as a network for a few hundred steps."""


@dataclass(frozen=True)
class MemberTask:
    """A network to train: its settings, the `folder` of its state, the files of the `windows` of each line, the days of each
    line to validate on, the `title` of its progress, and the Keras file that it starts from, if not from random weights."""

    config: AppConfig
    folder: Path
    windows: tuple[Path, ...]
    validation: tuple[tuple[int, ...], ...]
    title: str
    quiet: bool
    start: Path | None = None


@dataclass(frozen=True)
class TrainedMember:
    """The ONNX file of a trained network, the course of its training, and its validation scores."""

    path: Path
    epochs: dict[str, list[float]]
    scores: dict[str, float]


def train_members(tasks: Sequence[MemberTask], processes: int | None = None) -> list[TrainedMember]:
    """Train all networks, in so many processes; see `process_count` for None."""
    if processes is None:
        processes = process_count(tasks)
    if processes == 1:
        return [train_member(task) for task in tasks]
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of TensorFlow's threads
    with ProcessPoolExecutor(processes, context, start_training_process) as pool:
        try:
            return list(pool.map(train_member, tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def process_count(tasks: Sequence[MemberTask]) -> int:
    """Return how many processes train the networks fastest: one per processor, one for short trainings and accelerators."""
    config = tasks[0].config
    windows = sum(len(np.load(folder / "starts.npy", mmap_mode="r")) for folder in tasks[0].windows)
    steps = config.epochs * min(windows, config.epoch_windows or windows) // config.batch_size
    if keras.backend.backend() != "tensorflow" or steps < MIN_STEPS_OF_A_PROCESS:
        return 1
    return min(len(tasks), len(os.sched_getaffinity(0)))


def train_member(task: MemberTask) -> TrainedMember:
    """Train one network, or go on from its last finished epoch; save it as Keras and ONNX files."""
    windows = [read_windows(folder) for folder in task.windows]
    network = untrained_network(task.config, windows[0])
    if task.start is not None:
        network.set_weights(keras.saving.load_model(task.start, compile=False).get_weights())
    trainer = ModelTrainer(
        network,
        task.config,
        task.folder,
        quiet=task.quiet,
        title=task.title,
    )
    training, validation = TimeseriesGenerator(task.config).split_datasets(windows, task.validation)
    epochs = trainer.train(training, validation)
    path = task.folder / "network.keras"
    trainer.save_model(path)
    return TrainedMember(export_onnx(path), epochs, trainer.evaluate(validation))


def untrained_network(
    config: AppConfig, line: LineWindows, network: type[ProbabilisticSTConvNet] = ProbabilisticSTConvNet
) -> ProbabilisticSTConvNet:
    """Return an untrained network for lines with as many channels as `line`, of any length."""
    _, _, directions, channels = line.headway.shape
    shape_h = (config.lookback_mins, None, directions, channels)
    return network(config, shape_h, (config.forecast_mins, *line.schedule.shape[1:]))


def write_windows(windows: LineWindows, folder: Path) -> Path:
    """Write the arrays of a line's windows to a folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in fields(LineWindows):
        array = getattr(windows, part.name)
        if array is not None:
            np.save(folder / f"{part.name}.npy", array)
    return folder


def read_windows(folder: Path) -> LineWindows:
    """Return the windows of a folder, mapped to memory: processes share them."""
    names = (part.name for part in fields(LineWindows))
    paths = {name: folder / f"{name}.npy" for name in names}
    return LineWindows(
        **{name: np.load(path, mmap_mode="r") for name, path in paths.items() if path.exists()}
    )
