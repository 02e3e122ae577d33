"""Scaled arrays to training examples: windows are found, ordered and cut from the arrays; none is stored.

An example is `((headway_in, schedule_in[, prior_in]), target)` for a forecast origin t: headway_in `(lookback, stations,
directions, channels)`, minutes t-29..t; schedule_in `(forecast, directions, channels)`, minutes t+1..t+15; prior_in
`(stations, directions, prior channels)`, as of minute t. The target `(forecast, stations, directions, 1)` is the scaled
headway of minutes t+1..t+15, NaN where invalid; with a prior it has a second channel, 1.0 in event cells. Inputs hold 0
where the headway is invalid.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.windows import (
    LineWindows,
    contiguous_periods,
    days_of_1440_rows,
    split_service_days,
    usable_minutes,
    window_starts,
    windows_per_line,
)
from headway_prediction.nn.framework import check_framework

Prior = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""Returns the prior channels `(rows, stations, directions, channels)` as of the end of rows of the headway array."""
PRIOR_EPOCHS = 4
"""With a prior, at most so many epochs of different windows are kept: computing priors takes long, and more windows would
differ by a minute or two only."""


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
        """Return the data set of all windows of the lines; a batch holds windows of one line.

        Raises HeadwayError where the training framework, which data sets belong to, is not installed.
        """
        check_framework()
        from headway_prediction.nn.window_dataset import dataset_of

        return dataset_of(self.config, lines, shuffled)

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
