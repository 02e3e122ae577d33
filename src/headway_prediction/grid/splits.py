"""Service days to training, validation and test: by date, the newest held back, so nothing later leaks backwards."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from headway_prediction.errors import HeadwayError

MINUTES_PER_DAY = 1440


class DaySplit(NamedTuple):
    """The service days of each part, oldest first; together they are all days, each once."""

    training: tuple[Any, ...]
    validation: tuple[Any, ...]
    test: tuple[Any, ...]


def split_service_days(days: Sequence[Any], validation_days: int, test_days: int) -> DaySplit:
    """Hold back the newest `test_days`, validate on the `validation_days` before them, train on the rest.

    `days` are sorted labels (dates or integers); a label that repeats counts once. Raises HeadwayError when
    they are not sorted or when no day would be left to train on.
    """
    labels = tuple(dict.fromkeys(days))
    if any(later < earlier for earlier, later in pairwise(labels)):
        raise HeadwayError(
            "the service days are not in order", "days from old to new", "sort the rows by day"
        )
    held_back = validation_days + test_days
    if len(labels) <= held_back:
        raise HeadwayError(
            f"there are {len(labels)} service days",
            f"at least {held_back + 1}: {validation_days} to validate, {test_days} to test and 1 or more to train",
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
