"""The data set of training windows, in batches, as the training framework takes it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from headway_prediction.config import AppConfig
from headway_prediction.grid.matrices import HEADWAY_CHANNELS
from headway_prediction.grid.windows import LineWindows, WindowOrder, windows_per_line

if TYPE_CHECKING:
    import tensorflow as tf

Example = tuple[tuple[npt.NDArray[np.float32], ...], npt.NDArray[np.float32]]
"""Inputs and target, as `dataset` describes them, of several windows."""
BATCH_STREAM = 0x6261746368
HEADWAY, ARRIVED = map(HEADWAY_CHANNELS.index, ("headway", "arrived"))


def dataset_of(config: AppConfig, lines: Sequence[LineWindows], shuffled: bool) -> Any:
    """Return a `tf.data.Dataset` under TensorFlow, a `keras.utils.PyDataset` under other backends, of the same batches."""
    windows = WindowDataset(config, lines, shuffled)
    return _as_tf_data(windows) if keras.backend.backend() == "tensorflow" else windows


class BatchOrder:
    """Which windows make up each batch of an epoch: a pure function of (seed, epoch), see WindowOrder.

    A batch holds windows of one line, and every line brings as many windows to an epoch, or all it has. `epoch` is set by
    the trainer; `digest` identifies the data.
    """

    def __init__(self, lines: Sequence[LineWindows], config: AppConfig, shuffled: bool):
        share = windows_per_line(config.epoch_windows, len(lines))
        stations = [line.headway.shape[1] for line in lines]
        self.shortest, self.longest = stations.index(min(stations)), stations.index(max(stations))
        self.orders = [
            WindowOrder(np.arange(len(line)), config.seed, shuffled, line.digest(config.window_mins), share)
            for line in lines
        ]
        self.size, self.seed, self.shuffled, self.epoch = config.batch_size, config.seed, shuffled, 0
        self.digest = "+".join(order.digest for order in self.orders)
        self._batches: tuple[int, list[tuple[int, npt.NDArray[np.int64]]]] | None = None

    def __len__(self) -> int:
        return sum(-(-len(order) // self.size) for order in self.orders)

    def batches(self) -> list[tuple[int, npt.NDArray[np.int64]]]:
        """Return the index of the line and of its windows for every batch of the present epoch."""
        if self._batches is None or self._batches[0] != self.epoch:
            self._batches = self.epoch, self._batches_of(self.epoch)
        return self._batches[1]

    def _batches_of(self, epoch: int) -> list[tuple[int, npt.NDArray[np.int64]]]:
        batches = []
        for line, order in enumerate(self.orders):
            order.epoch = epoch
            windows = order.current()
            batches += [
                (line, windows[first : first + self.size]) for first in range(0, len(windows), self.size)
            ]
        if self.shuffled and len(self.orders) > 1:
            mixed = np.random.default_rng((BATCH_STREAM, self.seed, epoch)).permutation(len(batches))
            batches = [batches[index] for index in mixed]
        # Keras takes the dimensions that the first two batches share for those of all: a short and a long line come first.
        for extreme in (self.longest, self.shortest):
            index = next(index for index, (line, _) in enumerate(batches) if line == extreme)
            batches.insert(0, batches.pop(index))
        return batches


class WindowDataset(keras.utils.PyDataset):
    """Cuts the windows of lines from their arrays, batch by batch."""

    def __init__(self, config: AppConfig, lines: Sequence[LineWindows], shuffled: bool):
        super().__init__()
        self.config, self.lines = config, lines
        self.batch_order = BatchOrder(lines, config, shuffled)

    def __len__(self) -> int:
        return len(self.batch_order)

    def __getitem__(self, index: int) -> Example:
        """Return batch `index` of the present epoch."""
        line, windows = self.batch_order.batches()[index]
        return examples(self.config, self.lines[line].select(windows))


def examples(config: AppConfig, line: LineWindows) -> Example:
    """Return the inputs and the target of all windows of a line, stacked."""
    first = line.starts[:, None]
    past = np.nan_to_num(line.headway[first + np.arange(config.lookback_mins)], copy=False)
    ahead = first + np.arange(config.lookback_mins, config.window_mins)
    future, plan = line.headway[ahead], line.schedule[ahead]
    prior = line.prior
    if prior is None:
        return (past, plan), future[..., :1]
    return (past, plan, prior), np.stack([future[..., HEADWAY], future[..., ARRIVED]], axis=-1)


def _as_tf_data(windows: WindowDataset) -> "tf.data.Dataset":
    """Return a `tf.data.Dataset` of the same batches; lines of different lengths have no fixed number of stations."""
    import tensorflow as tf

    def batches() -> Iterator[Example]:
        for index in range(len(windows)):
            yield windows[index]

    several = len({line.headway.shape[1] for line in windows.lines}) > 1
    inputs, target = windows[0]

    def spec(array: npt.NDArray[np.float32], station_axis: int | None) -> "tf.TensorSpec":
        shape = [None, *array.shape[1:]]
        if several and station_axis is not None:
            shape[station_axis] = None
        return tf.TensorSpec(shape, tf.float32)

    signature = tuple(spec(*part) for part in zip(inputs, (2, None, 1), strict=False)), spec(target, 2)
    served = tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)
    served = served.apply(tf.data.experimental.assert_cardinality(len(windows)))
    served.batch_order = windows.batch_order
    return served
