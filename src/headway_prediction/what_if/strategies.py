"""One-click strategies: each changes several departures of a terminal, by holds that count from the expected departure.

A train that stands at the platform three minutes after its time, or that has not arrived from its last trip yet, is held
beyond that: to plan it two minutes later would change nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edited_timetable import known_trips
from headway_prediction.what_if.plan import MIN_SEPARATION_MINS, TOLERANCE_MINS, Plan, RevisedDeparture
from headway_prediction.what_if.request import Strategy, StrategyName

MIN_HOLD_MINS = 0.5
"""Shorter holds are left out: no dispatcher orders them."""
HOLD_STEP_MINS = 0.1


@dataclass(frozen=True)
class TerminalDepartures:
    """Departures of one direction that are not cancelled, in the order of time, (departures,) each.

    `places` in the `plan`, the `minutes` they are planned at, when they are `expected`, and the `delay` of that beyond their
    typical lateness, for a train that is overdue or not there yet. `now` is the minute that begins now.
    """

    plan: Sequence[RevisedDeparture]
    places: np.ndarray
    minutes: np.ndarray
    expected: np.ndarray
    delay: np.ndarray
    now: int

    @classmethod
    def of(cls, baseline: Baseline, plan: Sequence[RevisedDeparture], direction: int) -> Self:
        """Find the departures of a direction whose trips are known; there may be none."""
        found = [
            (one.minute, place)
            for place, one in enumerate(plan)
            if one.direction == direction and one.minute is not None
        ]
        places = np.array([place for _, place in sorted(found, key=lambda pair: pair[0])], dtype=int)
        minutes = np.array(sorted(minute for minute, _ in found))
        rows = np.array([plan[place].row for place in places], dtype=int)
        typical = minutes + baseline.typical_lateness(direction, rows)
        expected = np.maximum(typical, _earliest(baseline, direction, rows))
        return cls(plan, places, minutes, expected, expected - typical, baseline.now)

    def replanned(self, mins: np.ndarray) -> np.ndarray:
        """Return the planned minutes with which departures leave `mins` (…, departures) later, or earlier, than expected;
        where `mins` is 0 the plan stays."""
        held = np.maximum(self.minutes + self.delay + mins, self.now)
        return np.asarray(np.where(mins > 0, held, self.minutes + mins))

    def shifted(self, mins: np.ndarray) -> Plan:
        """Return the plan in which the departures leave `mins` (departures,) later, or earlier, than expected."""
        changed = list(self.plan)
        for place, minute, by in zip(self.places, self.replanned(mins).tolist(), mins, strict=True):
            if by:
                changed[place] = replace(changed[place], minute=minute)
        return tuple(changed)

    def keep_apart(self, mins: np.ndarray) -> np.ndarray:
        """Return whether departures shifted by `mins` (…, departures) stay a minute ahead of the next one, or as far as
        planned: (…, departures - 1)."""
        separation = np.minimum(MIN_SEPARATION_MINS, np.diff(self.minutes))
        return np.diff(self.replanned(mins)) >= separation - TOLERANCE_MINS


def _earliest(baseline: Baseline, direction: int, rows: np.ndarray) -> np.ndarray:
    """Return when trips that are overdue or whose train is late can leave at the earliest, -inf for the others."""
    known = baseline.expected_departures(direction)
    expected = np.array([known.get(row, -np.inf) for row in rows.tolist()])
    typical = np.append(known_trips(baseline.days[direction]).minutes[:, 0], np.inf)[rows]
    return np.where(expected > typical + TOLERANCE_MINS, expected, -np.inf)


def apply_strategy(baseline: Baseline, plan: Sequence[RevisedDeparture], strategy: Strategy) -> Plan:
    """Return the plan under a strategy; raises HeadwayError where its direction has no departure in the next hour, or none
    that can narrow the gap."""
    baseline.require_trips(strategy.direction)
    departures = TerminalDepartures.of(baseline, plan, strategy.direction)
    if not len(departures.places):
        found = f"no train of direction {strategy.direction} is planned to leave within the hour"
        remedy = "choose the other direction or a later moment"
        raise HeadwayError(found, "a departure that can be changed", remedy)
    last_departed = float(baseline.days[strategy.direction].matched.last_observed(baseline.t0)[0])
    return departures.shifted(STRATEGIES[strategy.name](departures, last_departed, strategy.mins))


def holds_to_even(expected: np.ndarray, last_departed: float = np.nan) -> np.ndarray:
    """Return how long trains `expected` to leave (trains,), in any order, are held for the most even headways that holding
    can make, counted from the train that `last_departed`, if any: (trains,) minutes."""
    order = np.argsort(expected, kind="stable")
    anchored = expected[order] if np.isnan(last_departed) else np.append(last_departed, expected[order])
    holds = np.empty(len(expected))
    holds[order] = (evened(anchored) - anchored)[-len(expected) :]
    return holds


def evened(departures: np.ndarray) -> np.ndarray:
    """Return departures held, none earlier, with the least sum of squared headways between the first and the last.

    That is a taut string above the points (number, minute): their upper concave hull. The first and the last stay.
    """
    hull: list[int] = []
    for place in range(len(departures)):
        while len(hull) > 1 and _below(departures, hull[-2], hull[-1], place):
            hull.pop()
        hull.append(place)
    return np.asarray(np.interp(np.arange(len(departures)), hull, departures[hull]))


def _below(departures: np.ndarray, first: int, middle: int, last: int) -> bool:
    slope = (departures[last] - departures[first]) / (last - first)
    return bool(departures[middle] <= departures[first] + slope * (middle - first))


def _even_headways(departures: TerminalDepartures, last_departed: float, mins: float) -> np.ndarray:
    holds = np.round(holds_to_even(departures.expected, last_departed) / HOLD_STEP_MINS) * HOLD_STEP_MINS
    holds = np.where(holds >= MIN_HOLD_MINS, np.round(holds, 6), 0.0)
    # A train so late that it leaves after the next one cannot be held and keep the order of the plan.
    for place in reversed(range(len(holds) - 1)):
        if not departures.keep_apart(holds)[place]:
            holds[place] = 0.0
    return holds


def _hold_next(departures: TerminalDepartures, last_departed: float, mins: float) -> np.ndarray:
    shifts = np.zeros(len(departures.places))
    shifts[np.argmin(departures.expected)] = mins
    return shifts


def _fill_gap(departures: TerminalDepartures, last_departed: float, mins: float) -> np.ndarray:
    """Hold the train before the widest gap; where that one has left, the train after it leaves earlier."""
    shifts = np.zeros(len(departures.places))
    gaps = np.diff(departures.expected, prepend=last_departed)  # NaN where no train has left yet
    widest = int(np.argmax(np.nan_to_num(gaps, nan=-np.inf)))
    if widest:
        shifts[widest - 1] = mins
        return shifts
    if departures.delay[0] > 0:
        raise HeadwayError(
            f"the widest gap follows the last train, and the one of {gtfs_time(departures.minutes[0])} is late and leaves "
            "as soon as it can",
            "a widest gap that can be narrowed",
            "hold another train, or add one",
        )
    shifts[0] = -mins
    return shifts


STRATEGIES: dict[StrategyName, Callable[[TerminalDepartures, float, float], np.ndarray]] = {
    StrategyName.EVEN_HEADWAYS: _even_headways,
    StrategyName.HOLD_NEXT: _hold_next,
    StrategyName.FILL_GAP: _fill_gap,
}
