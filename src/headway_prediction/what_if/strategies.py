"""What can be done to the departures of a terminal in one click: each turns a plan into another."""

from collections.abc import Sequence

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.what_if.apply_edits import RevisedDeparture
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.departures import TerminalDepartures
from headway_prediction.what_if.request import Strategy, StrategyName

MIN_HOLD_MINS = 0.5
"""Nobody holds a train for less."""
HOLD_STEP_MINS = 0.1


def apply_strategy(
    baseline: Baseline, plan: Sequence[RevisedDeparture], strategy: Strategy
) -> tuple[RevisedDeparture, ...]:
    """Return the plan under a strategy; raises HeadwayError where its direction has no departure in the next hour, or none
    that can narrow the gap."""
    baseline.require_trips(strategy.direction)
    leaving = TerminalDepartures.of(baseline, plan, strategy.direction)
    if not len(leaving.places):
        raise HeadwayError(
            f"no train of direction {strategy.direction} is planned to leave within the hour",
            "a departure that can be changed",
            "choose the other direction or a later moment",
        )
    shifts = {
        StrategyName.EVEN_HEADWAYS: _even,
        StrategyName.HOLD_NEXT: _hold_next,
        StrategyName.FILL_GAP: _fill_gap,
    }[strategy.name]
    before = baseline.days[strategy.direction].last_observed(baseline.t0)[0]
    return leaving.shifted(shifts(leaving, before, strategy.mins))


def holds_to_even(expected: np.ndarray, before: float = np.nan) -> np.ndarray:
    """Return how long trains `expected` to leave (trains,), in any order, are held for the most even headways holding can
    make, from the train that left `before` them on, if one has: (trains,) minutes."""
    order = np.argsort(expected, kind="stable")
    anchored = expected[order] if np.isnan(before) else np.append(before, expected[order])
    holds = np.empty(len(expected))
    holds[order] = (evened(anchored) - anchored)[-len(expected) :]
    return holds


def evened(departures: np.ndarray) -> np.ndarray:
    """Return departures held, none earlier, so that the sum of squared headways between the first and the last is least.

    That is the tautest string above the points (number, minute): their upper concave hull. The first and the last stay.
    """
    hull: list[int] = []
    for place in range(len(departures)):
        while len(hull) > 1 and _below(departures, hull[-2], hull[-1], place):
            hull.pop()
        hull.append(place)
    return np.interp(np.arange(len(departures)), hull, departures[hull])


def _below(departures: np.ndarray, first: int, middle: int, last: int) -> bool:
    slope = (departures[last] - departures[first]) / (last - first)
    return departures[middle] <= departures[first] + slope * (middle - first)


def _even(leaving: TerminalDepartures, before: float, mins: float) -> np.ndarray:
    holds = np.round(holds_to_even(leaving.expected, before) / HOLD_STEP_MINS) * HOLD_STEP_MINS
    holds = np.where(holds >= MIN_HOLD_MINS, np.round(holds, 6), 0.0)
    # A train so late that it leaves after the next one cannot be held and keep the order of the plan.
    for place in reversed(range(len(holds) - 1)):
        if not leaving.apart(holds)[place]:
            holds[place] = 0.0
    return holds


def _hold_next(leaving: TerminalDepartures, before: float, mins: float) -> np.ndarray:
    shifts = np.zeros(len(leaving.places))
    shifts[np.argmin(leaving.expected)] = mins
    return shifts


def _fill_gap(leaving: TerminalDepartures, before: float, mins: float) -> np.ndarray:
    """Hold the train ahead of the widest gap; where that one has left, the one behind leaves earlier."""
    shifts = np.zeros(len(leaving.places))
    gaps = np.diff(leaving.expected, prepend=before)  # NaN where no train has left yet
    widest = int(np.argmax(np.nan_to_num(gaps, nan=-np.inf)))
    if widest:
        shifts[widest - 1] = mins
    else:
        shifts[0] = -mins
        _refuse_behind(leaving)
    return shifts


def _refuse_behind(leaving: TerminalDepartures) -> None:
    if leaving.behind[0] > 0:
        raise HeadwayError(
            f"the widest gap is that since the last train, and the one of {gtfs_time(leaving.minutes[0])} is late and "
            "leaves as soon as it can",
            "a widest gap that can be narrowed",
            "hold another train, or add one",
        )
