"""The effect of a changed plan on one direction: headways, expected waits, and where the change can arrive.

A passenger who comes at any moment alike waits half the headway in which he comes, and comes into a long headway more often
than into a short one, in proportion to its length: E[h²] / (2 E[h]), the mean over trains (Osuna and Newell, Control
strategies for an idealized public transportation system, Transportation Science 6, 1972). Every headway counts once, as a
train brings it; the mean over the minutes of a grid, which holds each headway for as long as the *next* one lasts, differs.
Of a headway that begins before the hour or ends after it, only the passengers who come within the hour count; over whole
headways that is the formula itself. So a train that is held beyond the hour does not take its gap along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.monte_carlo import UpcomingTrains, held_headways
from headway_prediction.what_if.request import EDITED_MINS

DRAWS = 100
FASTEST_SHARE = 0.9
"""No train takes less than this share of its expected running time."""
MAX_EARLY_MINS = 1.0
"""No train leaves its first position earlier than this before it is expected to."""
LOW, HIGH = 0.1, 0.9
INTERVAL_INFLATION = 1.3
"""Factor on both sides of the interval: without it the interval covered 71 % of the simulated mornings
(benchmarks/what_if_truth.py), for one morning shows less than the whole distribution."""


@dataclass(frozen=True)
class Wait:
    """Expected wait of a passenger under both plans in minutes, and the 10 % and 90 % quantiles of the difference."""

    baseline_mins: float
    changed_mins: float
    difference_mins: float
    low_mins: float
    high_mins: float

    @classmethod
    def of(cls, baseline: np.ndarray, changed: np.ndarray) -> Self | None:
        """Compare the waits of the same draws under two plans, (draws,) each; None where no draw has both."""
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
    """Passengers of a period, one coming each minute: minutes `waited` in all, and `minutes` in which they came; any
    shape."""

    waited: np.ndarray
    minutes: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean wait of a passenger, NaN where none came."""
        with np.errstate(invalid="ignore"):
            return self.waited / np.where(self.minutes > 0, self.minutes, np.nan)

    def over_platforms(self) -> Self:
        """Return the totals over the first axis, passengers of all platforms counting alike."""
        return type(self)(self.waited.sum(axis=0), self.minutes.sum(axis=0))


def stack_platforms(parts: Sequence[WaitTotals]) -> WaitTotals:
    """Concatenate the platforms of several parts along the first axis."""
    return WaitTotals(
        np.concatenate([part.waited for part in parts]), np.concatenate([part.minutes for part in parts])
    )


def last_passings(passings: np.ndarray) -> np.ndarray:
    """Return when the last train passes, -inf where none does: (positions, …) of passings (trains, positions, …)."""
    return np.asarray(np.where(np.isfinite(passings), passings, -np.inf).max(axis=0, initial=-np.inf))


def wait_totals(passings: np.ndarray, now: float, until: np.ndarray) -> WaitTotals:
    """Return the waits of passengers who come between `now` and `until` (positions, …), not after the last train.

    `passings` (trains, positions, …) in minutes, infinite where a train does not pass, in any order; those before `now` have
    no effect.
    """
    ends = np.maximum(until, now)
    comes = np.sort(np.maximum(passings, now), axis=0)
    begins = np.concatenate([np.full_like(comes[:1], now), comes[:-1]])
    begins = np.minimum(begins, ends)
    stops = np.minimum(comes, ends)
    # From when the first passenger of a headway comes to when the last one does.
    first, last = (np.where(np.isfinite(comes), comes, ends) - moment for moment in (begins, stops))
    return WaitTotals(((first**2 - last**2) / 2).sum(axis=0), ends - now)


@dataclass(frozen=True)
class Effect:
    """One direction under the `baseline` plan and under a changed one, positions in the order of travel.

    `passings` are those of the baseline and of the changed plan, (trains, positions, draws) each; `reached` (leads,
    positions) is True where the headways of the two may differ.
    """

    baseline: Baseline
    direction: int
    passings: tuple[np.ndarray, np.ndarray]
    reached: np.ndarray

    @classmethod
    def of(cls, baseline: Baseline, changed: Baseline, direction: int, draws: int = DRAWS) -> Self:
        """Run the trains of one direction whose trips are known under both plans, with the same random draws."""
        monte_carlo = baseline.monte_carlo(direction, draws)
        before = monte_carlo.upcoming(baseline.days[direction])
        after = monte_carlo.upcoming(changed.days[direction], baseline.trips_under(changed, direction))
        first = _first_reached(before, after, baseline.now)
        reached = first[None] < (baseline.now + 1 + np.arange(EDITED_MINS))[:, None]
        return cls(baseline, direction, (monte_carlo.passings(before), monte_carlo.passings(after)), reached)

    @cached_property
    def headways(self) -> tuple[np.ndarray, np.ndarray]:
        """Headways held at the end of each minute under either plan: (leads, positions, draws) each."""
        before, after = self.passings
        return self._headways(before), self._headways(after)

    def waits(self, mins: int = EDITED_MINS) -> tuple[WaitTotals, WaitTotals]:
        """Return the waits of passengers of the next `mins` minutes under either plan: (positions, draws) each."""
        before, after = self.passings
        now = self.baseline.now
        until = np.minimum(now + mins, np.minimum(last_passings(before), last_passings(after)))
        return wait_totals(before, now, until), wait_totals(after, now, until)

    @property
    def mean_difference(self) -> np.ndarray:
        """Change of the mean headway, 0 where the change cannot arrive: (leads, positions)."""
        baseline, changed = self.headways
        return np.where(self.reached, (changed - baseline).mean(axis=-1), 0.0)

    def level_differences(self, levels: Sequence[float]) -> np.ndarray:
        """Return the change of headway quantiles, 0 where the change cannot arrive: (levels, leads, positions)."""
        baseline, changed = (np.quantile(headways, levels, axis=-1) for headways in self.headways)
        return np.where(self.reached, changed - baseline, 0.0)

    def _headways(self, passings: np.ndarray) -> np.ndarray:
        """Headways held from now on, capped; before a first train those held now, 10 minutes where there are none."""
        baseline, history = self.baseline, self.baseline.history
        stations = history.line.travel_order(self.direction)
        grid = history.day(baseline.service_date)["headway"].values
        now = grid[max(baseline.t0, 0)][stations, self.direction]
        current = np.where(np.isfinite(now), now, FALLBACK_HEADWAY_MINS)[None, :, None]
        last_observed = baseline.days[self.direction].matched.last_observed(baseline.t0)
        ahead = held_headways(passings, last_observed, baseline.now, EDITED_MINS)
        return np.asarray(
            np.minimum(np.where(np.isfinite(ahead), ahead, current), history.grid.attrs["cap_mins"])
        )


def _first_reached(baseline: UpcomingTrains, changed: UpcomingTrains, now: float) -> np.ndarray:
    """Return the minute from which the difference of two plans can arrive at each position, infinite if never.

    It arrives with the first train that differs between the plans, and nowhere before.
    """
    touched = [*_not_in(baseline, changed), *_not_in(changed, baseline)]
    earliest = [_earliest(minutes, now) for minutes in touched]
    return np.asarray(np.min([np.full(baseline.minutes.shape[1], np.inf), *earliest], axis=0))


def _not_in(one: UpcomingTrains, other: UpcomingTrains) -> list[np.ndarray]:
    """Minutes of the trains of one plan that are not the same in the other."""
    same = dict(zip(other.stream.tolist(), other.minutes, strict=True))
    return [
        minutes
        for stream, minutes in zip(one.stream.tolist(), one.minutes, strict=True)
        if stream not in same or not np.array_equal(minutes, same[stream])
    ]


def _earliest(minutes: np.ndarray, now: float) -> np.ndarray:
    expected = float(np.min(minutes, initial=np.inf))
    starts = max(expected - MAX_EARLY_MINS, now)
    return np.where(np.isfinite(minutes), starts + FASTEST_SHARE * (minutes - expected), np.inf)
