"""Scaled arrays to training examples: windows are found, ordered and cut from the arrays; none is stored.

An example is `((headway_in, schedule_in[, prior_in]), target)` for a forecast origin t: headway_in `(lookback, stations,
directions, channels)`, minutes t-29..t; schedule_in `(forecast, directions, channels)`, minutes t+1..t+15; prior_in
`(stations, directions, prior channels)`, as of minute t. The target `(forecast, stations, directions, 1)` is the scaled
headway of minutes t+1..t+15, NaN where invalid; with a prior it has a second channel, 1.0 in event cells. Inputs hold 0
where the headway is invalid.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import numpy.typing as npt

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import ARRIVED, HEADWAY
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.windows import (
    WindowOrder,
    contiguous_periods,
    days_of_1440_rows,
    digest_of,
    split_service_days,
    usable_minutes,
    window_starts,
)

if TYPE_CHECKING:
    import tensorflow as tf

Prior = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""Returns the prior channels `(rows, stations, directions, channels)` as of the end of rows of the headway array."""
Example = tuple[tuple[npt.NDArray[np.float32], ...], npt.NDArray[np.float32]]
BATCH_STREAM = 0x6261746368
PRIOR_EPOCHS = 4
"""With a prior, at most so many epochs of different windows are kept: computing priors takes long, and more windows would
differ by a minute or two only."""


@dataclass(frozen=True)
class LineWindows:
    """Windows of one line: `headway` and `schedule` as `DataLoader.preprocess` returns them, and of each window its first
    row (`starts`), its service day and, if the network takes one, its prior: `priors` `(any number, stations, directions,
    channels)`, of which window i has row `prior_rows[i]`, or row i unless given. Selections share the three large arrays."""

    headway: npt.NDArray[np.float32]
    schedule: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    service_days: npt.NDArray[np.int64]
    priors: npt.NDArray[np.float32] | None = None
    prior_rows: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, chosen: npt.NDArray[Any] | slice) -> Self:
        """Return the windows at the indices, or where the mask is true."""
        rows = np.arange(len(self)) if self.prior_rows is None else self.prior_rows
        return replace(
            self,
            starts=self.starts[chosen],
            service_days=self.service_days[chosen],
            prior_rows=rows[chosen],
        )

    @property
    def prior(self) -> npt.NDArray[np.float32] | None:
        """The prior of each window, a copy: `(windows, stations, directions, channels)`."""
        if self.priors is None or self.prior_rows is None:
            return self.priors
        return self.priors[self.prior_rows]

    def of_days(self, service_days: Sequence[int] | npt.NDArray[np.int64]) -> Self:
        return self.select(np.isin(self.service_days, service_days))

    def thin_to(self, count: int | None) -> Self:
        """Return at most `count` of the windows, evenly spread."""
        if count is None or len(self) <= count:
            return self
        return self.select(np.linspace(0, len(self) - 1, count).round().astype(int))

    def digest(self, window_mins: int) -> str:
        """Return a checksum of all that training sees of these windows."""
        rows = slice(int(self.starts[0]), int(self.starts[-1]) + window_mins)
        arrays: list[np.ndarray] = [self.headway[rows], self.schedule[rows], self.starts]
        if self.priors is None:
            return digest_of(arrays)
        chosen = range(len(self)) if self.prior_rows is None else self.prior_rows
        return digest_of(
            chain(arrays, (self.priors[row] for row in chosen))
        )  # one by one: all are hundreds of megabytes


class TimeseriesGenerator:
    """Finds the windows of service days and serves them in batches.

    Data sets are a `tf.data.Dataset` under TensorFlow and a `keras.utils.PyDataset` under the other backends; both serve the
    same batches, in the order of their `batch_order`. Training windows are shuffled for each epoch, validation windows keep
    the order of time.
    """

    def __init__(self, config: AppConfig):
        self.config = config

    def create_train_val_datasets(
        self,
        headway: npt.NDArray[np.float32],
        schedule: npt.NDArray[np.float32],
        service_days: npt.NDArray[np.int64] | None = None,
        prior: Prior | None = None,
    ) -> tuple[Any, Any]:
        """Return the training and the validation set of one line, split by service day.

        `headway` and `schedule` come from `DataLoader.preprocess`; without `service_days` `(time,)`, 1440 rows are a day.
        With a `prior`, examples have prior_in as third input. Raises HeadwayError when there are too few days or when a part
        holds no window.
        """
        days = days_of_1440_rows(len(headway)) if service_days is None else np.asarray(service_days)
        split = split_service_days(
            np.unique(days).tolist(), self.config.days_to_validate, self.config.test_days
        )
        used = [*split.training, *split.validation]
        windows = self.find_windows(headway, schedule, days, prior, days=used)
        return self.split_datasets([windows], [split.validation])

    def find_windows(
        self,
        headway: npt.NDArray[np.float32],
        schedule: npt.NDArray[np.float32],
        service_days: npt.NDArray[np.int64],
        prior: Prior | None = None,
        *,
        days: Sequence[int] | None = None,
        lines: int = 1,
    ) -> LineWindows:
        """Return the windows of a line that lie in unbroken runs of usable minutes of the `days` (all unless given).

        With a `prior`, which takes long to compute, they are at most PRIOR_EPOCHS epochs of different windows, where the
        line is one of so many `lines` trained on together. Raises HeadwayError when there is no window.
        """
        config = self.config
        usable = usable_minutes(headway, service_days, config.max_invalid_share, config.outage_mins)
        starts = window_starts(contiguous_periods(usable, service_days), config.window_mins)
        if days is not None:
            starts = starts[np.isin(service_days[starts], days)]
        if not len(starts):
            raise self._no_window("the service days")
        per_line = windows_per_line(config.epoch_windows, lines)
        if prior is None:
            return LineWindows(headway, schedule, starts, service_days[starts])
        if per_line is not None:
            starts = starts[:: max(1, len(starts) // (PRIOR_EPOCHS * per_line))]
        channels = prior(starts + config.lookback_mins - 1)
        return LineWindows(headway, schedule, starts, service_days[starts], channels)

    def split_datasets(
        self, lines: Sequence[LineWindows], validation: Sequence[Sequence[int]]
    ) -> tuple[Any, Any]:
        """Return the training and the validation set of lines, of which the `validation` days of each are validated on.

        Raises HeadwayError when either holds no window.
        """
        share = windows_per_line(self.config.validation_windows, len(lines))
        pairs = list(zip(lines, validation, strict=True))
        training = [line.select(~np.isin(line.service_days, days)) for line, days in pairs]
        validating = [line.of_days(days).thin_to(share) for line, days in pairs]
        parts = []
        for windows, name in ((training, "training"), (validating, "validation")):
            parts.append([line for line in windows if len(line)])
            if not parts[-1]:
                raise self._no_window(f"the {name} days")
        return self.serve(parts[0], shuffled=True), self.serve(parts[1], shuffled=False)

    def serve(self, lines: Sequence[LineWindows], shuffled: bool) -> Any:
        """Return the data set of all windows of the lines; a batch holds windows of one line."""
        windows = WindowDataset(self.config, lines, shuffled)
        return _as_tf_data(windows) if keras.backend.backend() == "tensorflow" else windows

    def _make_dataset(
        self,
        headway: npt.NDArray[np.float32],
        schedule: npt.NDArray[np.float32],
        start_idx: int,
        end_idx: int,
        *,
        service_days: npt.NDArray[np.int64] | None = None,
        prior: Prior | None = None,
        shuffled: bool = False,
    ) -> Any:
        """Return the windows that lie wholly in rows `[start_idx, end_idx)`."""
        days = days_of_1440_rows(len(headway)) if service_days is None else np.asarray(service_days)
        rows = slice(start_idx, end_idx)
        shifted = None if prior is None else lambda origins: prior(origins + start_idx)
        windows = self.find_windows(headway[rows], schedule[rows], days[rows], shifted)
        return self.serve([windows], shuffled)

    def _no_window(self, where: str) -> HeadwayError:
        return HeadwayError(
            f"{where} hold no unbroken run of {self.config.window_mins} usable minutes",
            f"minutes with under {self.config.max_invalid_share:.0%} of the cells missing, and no outage",
            "bring fuller days, shorten lookback_mins, or raise max_invalid_share",
        )


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


def windows_per_line(count: int | None, lines: int) -> int | None:
    """Return how many of `count` windows each of `lines` brings: equally many, so that long lines do not dominate."""
    return None if count is None else -(-count // lines)


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
