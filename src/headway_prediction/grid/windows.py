"""Training windows: service days split by date, and the minutes of each part where a window may start.

Pure NumPy. Input: preprocessed headways `(time, stations, directions, channels)` (channel 0 NaN where invalid)
and one service day per row; output: the rows where a window may start, and the order they are visited in.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from headway_prediction.errors import HeadwayError

MINUTES_PER_DAY = 1440
ARRIVED_CHANNEL = 2
CHANNELS_WITH_ARRIVALS = 4
ORDER_STREAM = 0x6F72646572


class DaySplit(NamedTuple):
    """The service days of each part, oldest first; together they are all days, each once."""

    training: tuple[Any, ...]
    validation: tuple[Any, ...]
    test: tuple[Any, ...]


def split_service_days(days: Sequence[Any], validation_days: int, test_days: int) -> DaySplit:
    """Set the newest `test_days` apart for the test, validate on the `validation_days` before them, train on the rest.

    `days` are sorted labels (dates or integers); a label that repeats counts once. Raises HeadwayError when
    they are not sorted or when no day would be left to train on.
    """
    labels = tuple(dict.fromkeys(days))
    if any(later < earlier for earlier, later in pairwise(labels)):
        raise HeadwayError(
            "the service days are not in order", "days from old to new", "sort the rows by day"
        )
    excluded = validation_days + test_days
    if len(labels) <= excluded:
        raise HeadwayError(
            f"there are {len(labels)} service days",
            f"at least {excluded + 1}: {validation_days} to validate, {test_days} to test and 1 or more to train",
            "bring more days, or lower validation_days or test_days",
        )
    first_test = len(labels) - test_days
    first_validation = first_test - validation_days
    return DaySplit(labels[:first_validation], labels[first_validation:first_test], labels[first_test:])


def days_of_1440_rows(rows: int) -> np.ndarray:
    """Return the day number of each of `rows` minutes when every day has 1440 of them, shape `(rows,)`."""
    return np.arange(rows) // MINUTES_PER_DAY


def rows_of_days(service_days: np.ndarray, wanted: Sequence[Any]) -> tuple[int, int]:
    """Return `(first, stop)`: the rows of the neighbouring days `wanted` in the sorted vector `service_days`."""
    first = int(np.searchsorted(service_days, wanted[0], side="left"))
    return first, int(np.searchsorted(service_days, wanted[-1], side="right"))


def usable_minutes(
    headway: np.ndarray, service_days: np.ndarray, max_invalid_share: float, outage_mins: int
) -> np.ndarray:
    """Return which minutes a window may cover, bool `(time,)`.

    Unusable are minutes with `max_invalid_share` or more of the cells invalid, and whole-line silences of more
    than `outage_mins` between two arrivals of a service day (seen only when the arrived channel exists).
    """
    usable: np.ndarray = np.isnan(headway[..., 0]).mean(axis=(1, 2)) < max_invalid_share
    if headway.shape[-1] < CHANNELS_WITH_ARRIVALS:
        return usable
    arrived = np.asarray((headway[..., ARRIVED_CHANNEL] > 0).any(axis=(1, 2)))
    return np.asarray(usable & ~silent_minutes(arrived, service_days, outage_mins))


def silent_minutes(arrived: np.ndarray, service_days: np.ndarray, outage_mins: int) -> np.ndarray:
    """Return the minutes inside silences longer than `outage_mins` between two arrivals of one day, `(time,)`."""
    rows = np.flatnonzero(arrived)
    before, after = rows[:-1], rows[1:]
    outage = (after - before - 1 > outage_mins) & (service_days[before] == service_days[after])
    steps = np.zeros(len(arrived) + 1, dtype=np.int64)
    steps[before[outage] + 1] += 1
    steps[after[outage]] -= 1
    return np.cumsum(steps)[:-1] > 0


def contiguous_periods(usable: np.ndarray, service_days: np.ndarray) -> np.ndarray:
    """Return the maximal runs of usable minutes within one service day as rows `[first, stop)`, shape `(n, 2)`."""
    breaks = np.ones(len(usable) + 1, dtype=bool)
    breaks[1:-1] = (usable[1:] != usable[:-1]) | (service_days[1:] != service_days[:-1])
    edges = np.flatnonzero(breaks)
    periods = np.stack([edges[:-1], edges[1:]], axis=1)
    return periods[usable[periods[:, 0]]] if len(usable) else periods[:0]


def window_starts(periods: np.ndarray, window_mins: int) -> np.ndarray:
    """Return every row where a window of `window_mins` fits inside one period, sorted int64 `(windows,)`."""
    fitting = [np.arange(first, stop - window_mins + 1) for first, stop in periods]
    return np.concatenate([np.empty(0, np.int64), *fitting]).astype(np.int64)


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
        # One by one: a copy of all would take hundreds of megabytes.
        return digest_of(chain(arrays, (self.priors[row] for row in chosen)))


def windows_per_line(count: int | None, lines: int) -> int | None:
    """Return how many of `count` windows each of `lines` brings: equally many, so that long lines do not dominate."""
    return None if count is None else -(-count // lines)


@dataclass
class WindowOrder:
    """The order in which windows are visited: a pure function of `(seed, epoch)`; as found when not `shuffled`.

    `epoch` (0, 1, ...) is set by the trainer before each epoch, so training that was killed and goes on at epoch e
    sees what an unbroken run sees there. An epoch visits all windows, or `epoch_windows` of them when there are more:
    neighbouring epochs then share one shuffling and visit different windows. `digest` names the data they are cut from.
    """

    starts: np.ndarray
    seed: int
    shuffled: bool
    digest: str
    epoch_windows: int | None = None
    epoch: int = 0

    def __len__(self) -> int:
        """Return how many windows an epoch visits."""
        found = len(self.starts)
        return min(found, self.epoch_windows or found) if self.shuffled else found

    def current(self) -> np.ndarray:
        """Return the starts in the order of the present epoch, int64 `(len(self),)`."""
        if not self.shuffled:
            return self.starts
        shuffling, part = divmod(self.epoch, len(self.starts) // len(self))
        generator = np.random.default_rng((ORDER_STREAM, self.seed, shuffling))
        return generator.permutation(self.starts)[part * len(self) : (part + 1) * len(self)]


def digest_of(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of the arrays' bytes: the identity of a set of training data."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
