"""Windows with a first guess to training examples, of one line or of several, for every backend.

An example is `((headway_in, schedule_in, prior_in), target)`: the first two as in `dataset`, guess_in `(stations,
directions, GUESS_WIDTH)` as of minute t, target `(forecast, stations, directions, 2)`: scaled headway, NaN where invalid,
and 1.0 in event cells. The examples of one batch are of one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import keras
import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import ARRIVED
from headway_prediction.grid.windows import WindowOrder, digest_of

BATCH_STREAM = 0x6261746368


@dataclass(frozen=True)
class LineWindows:
    """Windows of one line: `headway` and `schedule` as `DataLoader.preprocess` returns them, and of each window its first
    row, its service day and its first guess `(windows, stations, directions, PRIOR_WIDTH)`."""

    headway: np.ndarray
    schedule: np.ndarray
    first_rows: np.ndarray
    service_days: np.ndarray
    prior: np.ndarray

    def of_days(self, service_days: Sequence[int]) -> "LineWindows":
        """Return the windows of these service days."""
        kept = np.isin(self.service_days, list(service_days))
        first_rows, days, prior = self.first_rows[kept], self.service_days[kept], self.prior[kept]
        return replace(self, first_rows=first_rows, service_days=days, prior=prior)

    def thin_to(self, most: int | None) -> "LineWindows":
        """Return at most `most` of the windows, evenly spread."""
        if most is None or len(self.first_rows) <= most:
            return self
        kept = np.linspace(0, len(self.first_rows) - 1, most).round().astype(int)
        first_rows, days, prior = self.first_rows[kept], self.service_days[kept], self.prior[kept]
        return replace(self, first_rows=first_rows, service_days=days, prior=prior)

    def digest(self) -> str:
        """Return a checksum of all that training sees of these windows."""
        return digest_of(self.headway, self.schedule, self.first_rows, self.prior)


def windows_per_line(count: int | None, lines: int) -> int | None:
    """Return how many of `count` windows each of `lines` brings: equally many, so that no line is learned for its length."""
    return None if count is None else -(-count // lines)


class EpochOfLines:
    """The batches of each epoch: those of all lines, mixed by a function of (seed, epoch); see WindowOrder."""

    def __init__(self, lines: Sequence[LineWindows], config: AppConfig, shuffled: bool):
        share = windows_per_line(config.epoch_windows, len(lines))
        stations = [line.headway.shape[1] for line in lines]
        self.shortest, self.longest = stations.index(min(stations)), stations.index(max(stations))
        self.orders = [
            WindowOrder(np.arange(len(line.first_rows)), config.seed, shuffled, line.digest(), share)
            for line in lines
        ]
        self.size, self.seed, self.shuffled, self.epoch = config.batch_size, config.seed, shuffled, 0
        self.digest = "+".join(order.digest for order in self.orders)
        self.batches = lru_cache(maxsize=1)(self._batches)

    def __len__(self) -> int:
        return sum(-(-len(order) // self.size) for order in self.orders)

    def _batches(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """Line and windows of every batch of an epoch."""
        batches = []
        for line, order in enumerate(self.orders):
            order.epoch = epoch
            windows = order.current()
            batches += [
                (line, windows[first : first + self.size]) for first in range(0, len(windows), self.size)
            ]
        if self.shuffled and len(self.orders) > 1:
            mixed = np.random.default_rng((BATCH_STREAM, self.seed, epoch)).permutation(len(batches))
            batches = [batches[place] for place in mixed]
        return self._extremes_first(batches)

    def _extremes_first(self, batches: list[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
        """Keras takes what the first two batches agree in for the shape of all: let a short and a long line begin."""
        for line in (self.longest, self.shortest):
            place = next(place for place, (of, _) in enumerate(batches) if of == line)
            batches.insert(0, batches.pop(place))
        return batches


class PriorWindows(keras.utils.PyDataset):
    """Serves the windows of lines in batches; `window_order` says which, see EpochOfLines."""

    def __init__(self, config: AppConfig, lines: Sequence[LineWindows], shuffled: bool):
        super().__init__()
        self.config, self.lines = config, lines
        self.window_order = EpochOfLines(lines, config, shuffled)

    def __len__(self) -> int:
        return len(self.window_order)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Return batch `index` of the present epoch."""
        place, windows = self.window_order.batches(self.window_order.epoch)[index]
        return example(self.config, self.lines[place], windows)


def example(
    config: AppConfig, line: LineWindows, windows: np.ndarray
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the inputs and the target of some windows of a line, stacked."""
    first = line.first_rows[windows][:, None]
    past = np.nan_to_num(line.headway[first + np.arange(config.lookback_mins)], copy=False)
    ahead = first + np.arange(config.lookback_mins, config.window_mins)
    future = line.headway[ahead]
    target = np.stack([future[..., 0], future[..., ARRIVED]], axis=-1)
    return (past, line.schedule[ahead], line.prior[windows]), target
