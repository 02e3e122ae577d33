"""What passengers wait at a platform: E[h²] / (2 E[h]) over the headways of the trains that come.

A passenger who comes at any moment alike waits half the headway in which he comes, and comes into a long headway more often
than into a short one, in proportion to its length: E[h²] / (2 E[h]), the mean over trains (Osuna and Newell, Control
strategies for an idealized public transportation system, Transportation Science 6, 1972). Every headway counts once, as a
train brings it: the mean over the minutes of a grid, which holds each headway for as long as the *next* one lasts, would be
another figure. Of the headways that begin before the hour or end after it, the part of the passengers counts who come within
it; over whole headways that is the formula itself. So no train that leaves the hour by being held takes its gap with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

LOW, HIGH = 0.1, 0.9
INTERVAL_INFLATION = 1.3
"""Chance has more in store than the trains of one morning have shown: of what really happened on simulated mornings the bare
interval held 71 % (benchmarks/what_if_truth.py)."""


@dataclass(frozen=True)
class Wait:
    """What a passenger is expected to wait, in minutes, and the 10 % and 90 % quantiles of the difference."""

    baseline_mins: float
    changed_mins: float
    difference_mins: float
    low_mins: float
    high_mins: float

    @classmethod
    def of(cls, baseline: np.ndarray, changed: np.ndarray) -> Self | None:
        """Compare the waits of the same chances under two plans, (draws,) each; None where none can be told."""
        known = np.isfinite(baseline) & np.isfinite(changed)
        if not known.any():
            return None
        difference = (changed - baseline)[known]
        low, middle, high = np.quantile(difference, [LOW, 0.5, HIGH])
        low, high = (middle + INTERVAL_INFLATION * (side - middle) for side in (low, high))
        means = baseline[known].mean(), changed[known].mean()
        return cls(float(means[0]), float(means[1]), float(difference.mean()), float(low), float(high))


@dataclass(frozen=True)
class WaitTotals:
    """Passengers at platforms over a while: minutes `wait_totals` in all, one coming each minute, and minutes in which they came
    (`minutes`), of any shape."""

    wait_totals: np.ndarray
    minutes: np.ndarray

    @property
    def each(self) -> np.ndarray:
        """What one waits on average, NaN where none came."""
        with np.errstate(invalid="ignore"):
            return self.wait_totals / np.where(self.minutes > 0, self.minutes, np.nan)

    def over_platforms(self) -> Self:
        """Return all platforms (the first axis) together, the passengers of each counting alike."""
        return type(self)(self.wait_totals.sum(axis=0), self.minutes.sum(axis=0))


def stack_platforms(parts: Sequence[WaitTotals]) -> WaitTotals:
    """Return the platforms of several parts as one, along the first axis."""
    return WaitTotals(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("waited", "minutes"))
    )


def last_passings(passings: np.ndarray) -> np.ndarray:
    """Return when the last train passes, −inf where none does: (positions, …) of passings (trains, positions, …)."""
    return np.where(np.isfinite(passings), passings, -np.inf).max(axis=0, initial=-np.inf)


def wait_totals(passings: np.ndarray, now: float, until: np.ndarray) -> WaitTotals:
    """Return what passengers wait who come between `now` and `until` (positions, …), not after the last train.

    `passings` (trains, positions, …) in minutes, infinite where a train does not pass, in any order; those before `now` do
    not matter.
    """
    ends = np.maximum(until, now)
    comes = np.sort(np.maximum(passings, now), axis=0)
    begins = np.concatenate([np.full_like(comes[:1], now), comes[:-1]])
    begins = np.minimum(begins, ends)
    stops = np.minimum(comes, ends)
    # From when the first passenger of a headway comes to when the last one does.
    first, last = (np.where(np.isfinite(comes), comes, ends) - moment for moment in (begins, stops))
    return WaitTotals(((first**2 - last**2) / 2).sum(axis=0), ends - now)
