"""Scaled arrays to training examples: windows gathered by index from one array, never materialised.

An example is `((headway_in, schedule_in), target)`: headway_in `(lookback, stations, directions, channels)`, minutes
t-29..t; schedule_in `(forecast, directions, channels)` and target `(forecast, stations, directions, 1)`, minutes
t+1..t+15. The target is NaN where invalid; inputs hold 0 there.
"""

from typing import TYPE_CHECKING

import keras
import numpy as np

from headway_prediction.aligned import shareable
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.windows import (
    WindowOrder,
    contiguous_periods,
    days_of_1440_rows,
    digest_of,
    rows_of_days,
    split_service_days,
    usable_minutes,
    window_starts,
)

if TYPE_CHECKING:
    import tensorflow as tf


class TimeseriesGenerator:
    """Finds the windows of each part of the days and serves them in batches.

    The training set is shuffled over all its windows each epoch; see WindowOrder. Validation keeps the order of time.
    """

    def __init__(self, config: AppConfig):
        self.config = config

    def create_train_val_datasets(
        self, headway: np.ndarray, schedule: np.ndarray, service_days: np.ndarray | None = None
    ) -> tuple["tf.data.Dataset", "tf.data.Dataset"]:
        """Return the training and the validation set, split by service day (1440 rows a day without `service_days`).

        `headway` and `schedule` come from `DataLoader.preprocess`. Raises HeadwayError when there are too few days
        or when a part holds no window.
        """
        training, validation = self.window_orders(headway, schedule, service_days)
        tensors = _shared_tensors(headway, schedule)
        return self._batches(*tensors, training), self._batches(*tensors, validation)

    def create_train_val_twins(
        self, headway: np.ndarray, schedule: np.ndarray, service_days: np.ndarray | None = None
    ) -> tuple["WindowDataset", "WindowDataset"]:
        """Return what `create_train_val_datasets` does, batch by batch the same, without TensorFlow."""
        orders = self.window_orders(headway, schedule, service_days)
        training, validation = (WindowDataset(self.config, headway, schedule, order) for order in orders)
        return training, validation

    def window_orders(
        self, headway: np.ndarray, schedule: np.ndarray, service_days: np.ndarray | None = None
    ) -> tuple[WindowOrder, WindowOrder]:
        """Return the windows to train on, shuffled, and to validate on, in order of time."""
        days = days_of_1440_rows(len(headway)) if service_days is None else np.asarray(service_days)
        split = split_service_days(
            np.unique(days).tolist(), self.config.validation_days, self.config.test_days
        )
        arrays = headway, schedule, days
        training = self._order(*arrays, *rows_of_days(days, split.training), shuffled=True)
        return training, self._order(*arrays, *rows_of_days(days, split.validation), shuffled=False)

    def _make_dataset(
        self,
        headway: np.ndarray,
        schedule: np.ndarray,
        start_idx: int,
        end_idx: int,
        *,
        service_days: np.ndarray | None = None,
        shuffled: bool = False,
    ) -> "tf.data.Dataset":
        """Return the windows that lie wholly in rows `[start_idx, end_idx)`."""
        days = days_of_1440_rows(len(headway)) if service_days is None else np.asarray(service_days)
        order = self._order(headway, schedule, days, start_idx, end_idx, shuffled)
        return self._batches(*_shared_tensors(headway, schedule), order)

    def _order(
        self,
        headway: np.ndarray,
        schedule: np.ndarray,
        days: np.ndarray,
        first: int,
        stop: int,
        shuffled: bool,
    ) -> WindowOrder:
        part, part_days = headway[first:stop], days[first:stop]
        usable = usable_minutes(part, part_days, self.config.max_invalid_share, self.config.outage_mins)
        starts = first + window_starts(contiguous_periods(usable, part_days), self.config.window_mins)
        if not len(starts):
            raise HeadwayError(
                f"rows {first} to {stop} hold no unbroken run of {self.config.window_mins} usable minutes",
                f"minutes with at most {self.config.max_invalid_share:.0%} of the cells missing, and no outage",
                "bring fuller days, shorten lookback_mins, or raise max_invalid_share",
            )
        digest = digest_of(part, schedule[first:stop], starts)
        return WindowOrder(starts, self.config.seed, shuffled, digest, self.config.epoch_windows)

    def _batches(self, headway: "tf.Tensor", schedule: "tf.Tensor", order: WindowOrder) -> "tf.data.Dataset":
        import tensorflow as tf

        lookback, size = self.config.lookback_mins, self.config.batch_size
        history, future = tf.range(lookback), tf.range(lookback, self.config.window_mins)

        def gathered(starts: tf.Tensor) -> tuple:
            past = tf.gather(headway, starts[:, None] + history)
            ahead = starts[:, None] + future
            known = tf.where(tf.math.is_nan(past), tf.zeros_like(past), past)
            return (known, tf.gather(schedule, ahead)), tf.gather(headway, ahead)[..., :1]

        def starts_of_epoch(_: tf.Tensor) -> tf.data.Dataset:
            starts = tf.numpy_function(lambda: order.current().astype(np.int32), [], tf.int32)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(starts, (len(order),)))

        batches = tf.data.Dataset.range(1).flat_map(starts_of_epoch).batch(size).map(gathered).prefetch(2)
        batches = batches.apply(tf.data.experimental.assert_cardinality(-(-len(order) // size)))
        batches = batches.with_options(_without_rewriting())
        batches.window_order = order
        return batches


class WindowDataset(keras.utils.PyDataset):
    """The `tf.data` set's twin for every backend: same windows, same order, same batches."""

    def __init__(self, config: AppConfig, headway: np.ndarray, schedule: np.ndarray, order: WindowOrder):
        super().__init__()
        self.config, self.headway, self.schedule, self.window_order = config, headway, schedule, order

    def __len__(self) -> int:
        return -(-len(self.window_order) // self.config.batch_size)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Return batch `index` of the present epoch."""
        size, lookback = self.config.batch_size, self.config.lookback_mins
        starts = self.window_order.current()[index * size : (index + 1) * size, None]
        ahead = starts + np.arange(lookback, self.config.window_mins)
        past = np.nan_to_num(self.headway[starts + np.arange(lookback)], copy=False)
        return (past, self.schedule[ahead]), self.headway[ahead][..., :1]


def _shared_tensors(*arrays: np.ndarray) -> tuple["tf.Tensor", ...]:
    """Return tensors that lie where the arrays lie: converting would copy them."""
    import tensorflow as tf

    return tuple(tf.experimental.dlpack.from_dlpack(shareable(array).__dlpack__()) for array in arrays)


def _without_rewriting() -> "tf.data.Options":
    """Return options that keep tf.data from rewriting its graph, which would copy the arrays into it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return options
