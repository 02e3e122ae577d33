"""What the trains of one direction showed on a day, section by section: with which headways, and how far off their times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Sections:
    """The runs of a day's trains from each position to the next.

    `headway_excess` (trains, positions): minutes that the headway with which each train passed is beyond the usual one. `run_mins` and
    `typical` (trains, positions - 1): minutes that its run onward took, and was to take. `headways` (trains, positions): the
    headways themselves. NaN where it was not seen. What is known of a passing rests on earlier ones alone.
    """

    headways: np.ndarray
    headway_excess: np.ndarray
    run_mins: np.ndarray
    typical: np.ndarray

    @classmethod
    def of(
        cls, minutes: np.ndarray, trips: np.ndarray | None, running: np.ndarray, typical_headways: np.ndarray
    ) -> Self:
        """Make them of `minutes` (trains, positions), when the trip of each train was to pass (NaN where none is known;
        None where no trips are), the usual `running` times (hours, positions - 1) and headways (half-hours, positions)."""
        positions = np.arange(minutes.shape[1])
        clock = np.nan_to_num(minutes).clip(0).astype(int)
        half_hours = np.minimum(clock // 30, len(typical_headways) - 1)
        hours = np.minimum(clock[:, :-1] // 60, len(running) - 1)
        typical = running[hours, positions[:-1]]
        if trips is not None:
            along = np.diff(trips, axis=1)
            typical = np.where(np.isfinite(along), along, typical)
        headways = headways_of(minutes)
        return cls(
            headways, headways - typical_headways[half_hours, positions], np.diff(minutes, axis=1), typical
        )

    @classmethod
    def of_days(cls, days: Sequence["Sections"]) -> Self:
        """Return the trains of several days together."""
        names = ("headways", "headway_excess", "run_mins", "typical")
        return cls(*(np.concatenate([getattr(day, name) for day in days]) for name in names))


def headways_of(minutes: np.ndarray) -> np.ndarray:
    """Return the minutes since the train before at each position, NaN for the first: both (trains, positions)."""
    order = np.argsort(minutes, axis=0, kind="stable")
    since_previous = np.diff(np.take_along_axis(minutes, order, axis=0), axis=0)
    headways = np.full(minutes.shape, np.nan)
    np.put_along_axis(headways, order[1:], since_previous, axis=0)
    return headways
