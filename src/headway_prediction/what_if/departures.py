"""The departures of one direction as a plan has them and as they are expected, and the same plan with them held.

A hold counts from when a train is expected to leave, as a dispatcher means it: one that stands at the platform three minutes
after its time, or that has not come from its last trip yet, is held beyond that. To be planned two minutes later would
change nothing for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from headway_prediction.what_if.apply_edits import RevisedDeparture
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.checks import MIN_SEPARATION_MINS, TOLERANCE_MINS


@dataclass(frozen=True)
class TerminalDepartures:
    """Departures of one direction that are not cancelled, in the order of the `plan`, (departures,) each: their `places` in
    it, the `minutes` they are planned at, when they are `expected`, and the minutes of that by which they are `behind` what
    is usual for them, being overdue or without their train. `now` is the minute that begins now."""

    plan: Sequence[RevisedDeparture]
    places: np.ndarray
    minutes: np.ndarray
    expected: np.ndarray
    behind: np.ndarray
    now: int

    @classmethod
    def of(cls, baseline: Baseline, plan: Sequence[RevisedDeparture], direction: int) -> Self:
        """Find the departures of a direction whose trips are known; there may be none."""
        places = [i for i, one in enumerate(plan) if one.direction == direction and one.minute is not None]
        places = np.array(sorted(places, key=lambda place: plan[place].minute), dtype=int)
        minutes = np.array([plan[place].minute for place in places])
        rows = np.array([plan[place].row for place in places], dtype=int)
        typical = minutes + baseline.typical_lateness(direction, rows)
        expected = np.maximum(typical, _earliest(baseline, direction, rows))
        return cls(plan, places, minutes, expected, expected - typical, baseline.now)

    def replanned(self, mins: np.ndarray) -> np.ndarray:
        """Return when departures are to be planned that are to leave `mins` (…, departures) later than they are expected, or
        earlier; where it is 0 the plan stays."""
        held = np.maximum(self.minutes + self.behind + mins, self.now)
        return np.where(mins > 0, held, self.minutes + mins)

    def shifted(self, mins: np.ndarray) -> tuple[RevisedDeparture, ...]:
        """Return the plan in which the departures leave `mins` (departures,) later, or earlier, than they are expected."""
        changed = list(self.plan)
        for place, minute, by in zip(self.places, self.replanned(mins).tolist(), mins, strict=True):
            if by:
                changed[place] = replace(changed[place], minute=minute)
        return tuple(changed)

    def apart(self, mins: np.ndarray) -> np.ndarray:
        """Return whether departures shifted by `mins` (…, departures) keep ahead of the next one by a minute, or by what is
        planned: (…, departures - 1)."""
        least = np.minimum(MIN_SEPARATION_MINS, np.diff(self.minutes))
        return np.diff(self.replanned(mins)) >= least - TOLERANCE_MINS


def _earliest(baseline: Baseline, direction: int, rows: np.ndarray) -> np.ndarray:
    """When trips can leave at the earliest, whatever is planned, as they are overdue or their train is late; −inf else."""
    known = baseline.expected_departures(direction)
    expected = np.array([known.get(row, -np.inf) for row in rows.tolist()])
    typical = np.append(baseline.days[direction].trips.minutes[:, 0], np.inf)[rows]
    return np.where(expected > typical + TOLERANCE_MINS, expected, -np.inf)
