"""The ensemble's members: one network each, trained from windows in files, which all members share.

The training framework is imported where a network is trained, not by the process that hands out the tasks.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.dataset import TimeseriesGenerator
from headway_prediction.grid.windows import LineWindows

if TYPE_CHECKING:
    from headway_prediction.model import ProbabilisticSTConvNet


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
    """The ONNX file of a trained network, the course of its training, its validation scores, and the backend."""

    path: Path
    epochs: dict[str, list[float]]
    scores: dict[str, float]
    backend: str


def train_member(task: MemberTask) -> TrainedMember:
    """Train one network, or go on from its last finished epoch; save it as Keras and ONNX files."""
    import keras

    from headway_prediction.trainer import ModelTrainer
    from headway_prediction.training.onnx_export import export_onnx

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
    backend = f"{keras.backend.backend()}, Keras {keras.__version__}"
    return TrainedMember(export_onnx(path), epochs, trainer.evaluate(validation), backend)


def untrained_network(
    config: AppConfig, line: LineWindows, network: "type[ProbabilisticSTConvNet] | None" = None
) -> "ProbabilisticSTConvNet":
    """Return an untrained ProbabilisticSTConvNet, or `network`, for lines with as many channels as `line`, of any length."""
    from headway_prediction.model import ProbabilisticSTConvNet

    _, _, directions, channels = line.headway.shape
    shape_h = (config.lookback_mins, None, directions, channels)
    shape_s = (config.forecast_mins, *line.schedule.shape[1:])
    return (network or ProbabilisticSTConvNet)(config, shape_h, shape_s)


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
