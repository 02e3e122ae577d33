"""What can be done to the departures of a terminal in one click: each turns a plan into another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.changes import Planned
from headway_prediction.what_if.present import Present
from headway_prediction.what_if.request import Strategy, StrategyName

LEAST_HOLD_MINS = 0.5
"""Nobody holds a train for less."""
HOLD_STEP_MINS = 0.1


def apply_strategy(present: Present, plan: Sequence[Planned], strategy: Strategy) -> tuple[Planned, ...]:
    """Return the plan under a strategy; raises HeadwayError where its direction has no departure in the next hour."""
    present.refuse_unknown_trips(strategy.direction)
    places = leaving(plan, strategy.direction)
    if not places:
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
    expected = expected_departures(present, [plan[place] for place in places], strategy.direction)
    before = present.days[strategy.direction].last_seen(present.t0)[0]
    return shifted(plan, places, shifts(expected, before, strategy.mins))


def leaving(plan: Sequence[Planned], direction: int) -> list[int]:
    """Return the places in a plan of the departures of one direction that are not cancelled, in order of time."""
    own = [i for i, one in enumerate(plan) if one.direction == direction and one.minute is not None]
    return sorted(own, key=lambda place: plan[place].minute)


def shifted(plan: Sequence[Planned], places: Sequence[int], mins: np.ndarray) -> tuple[Planned, ...]:
    """Return a plan in which the departures at `places` leave so many minutes later, or earlier."""
    changed = list(plan)
    for place, shift in zip(places, mins.tolist(), strict=True):
        if shift:
            changed[place] = replace(changed[place], minute=changed[place].minute + shift)
    return tuple(changed)


def expected_departures(present: Present, departures: Sequence[Planned], direction: int) -> np.ndarray:
    """Return when trains are expected to leave that are planned as `departures` of one direction: with the lateness that
    their trips usually have, and that of the trains that are to run them."""
    known = present.expected_departures(direction)
    late = [known.get(one.row, one.planned or 0.0) - (one.planned or 0.0) for one in departures]
    return np.array([one.minute for one in departures]) + late


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


def _even(expected: np.ndarray, before: float, mins: float) -> np.ndarray:
    anchored = expected if np.isnan(before) else np.append(before, expected)
    holds = (evened(anchored) - anchored)[-len(expected) :]
    holds = np.round(holds / HOLD_STEP_MINS) * HOLD_STEP_MINS
    return np.where(holds >= LEAST_HOLD_MINS, np.round(holds, 6), 0.0)


def _hold_next(expected: np.ndarray, before: float, mins: float) -> np.ndarray:
    shifts = np.zeros(len(expected))
    shifts[0] = mins
    return shifts


def _fill_gap(expected: np.ndarray, before: float, mins: float) -> np.ndarray:
    """Hold the train ahead of the widest gap; where that one has left, the one behind leaves earlier."""
    shifts = np.zeros(len(expected))
    gaps = np.diff(expected, prepend=before)  # NaN where no train has left yet
    widest = int(np.argmax(np.nan_to_num(gaps, nan=-np.inf)))
    if widest:
        shifts[widest - 1] = mins
    else:
        shifts[0] = -mins
    return shifts
