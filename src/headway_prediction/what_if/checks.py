"""What no train can do: leave before now or after the hour, on the heels of another, past it, or before it is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.apply_edits import RevisedDeparture, direction_changes
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edited_timetable import ADDED, DirectionChange, EditedTrips
from headway_prediction.what_if.edits import EDITED_MINS

MIN_SEPARATION_MINS = 1.0
"""Two trains leave a terminal at least this long after each other, unless the plan itself has them nearer."""
TOLERANCE_MINS = 1e-6


def check_feasible(baseline: Baseline, plan: Sequence[RevisedDeparture]) -> None:
    """Raise HeadwayError for a departure before now or beyond the hour; one that would overtake another train, at the
    terminal or on the way, or leave within a minute of it; and one before its train has come and turned round, as far as it
    is known which train that is."""
    for one in plan:
        if one.changed and one.minute is not None:
            _refuse_other_times(baseline, one)
    for direction, change in zip(DIRECTIONS, direction_changes(baseline, plan), strict=True):
        if not change.is_none:
            order = TripOrder.of(baseline, change, direction)
            for row in np.flatnonzero(order.touched):
                order.refuse(int(row))
            _refuse_turns(baseline, change, direction)


def _refuse_other_times(baseline: Baseline, one: RevisedDeparture) -> None:
    if not baseline.now <= one.minute < baseline.now + EDITED_MINS:
        raise HeadwayError(
            f"a train of direction {one.direction} is to leave at {gtfs_time(one.minute)}",
            f"a time from now ({gtfs_time(baseline.now)}) until {EDITED_MINS} minutes later",
            "choose such a time",
        )


@dataclass(frozen=True)
class TripOrder:
    """The trips of a changed plan in one direction beside the present one.

    `departures` (trips,) from the terminal and `minutes` (trips, positions) on the way as changed, then the same as they are
    at present (NaN for an added trip), which trips are `touched`, and the trains of which have `left`.
    """

    departures: np.ndarray
    minutes: np.ndarray
    baseline_departures: np.ndarray
    baseline_minutes: np.ndarray
    touched: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, baseline: Baseline, change: DirectionChange, direction: int) -> Self:
        """Put the two plans side by side."""
        trips, departures = baseline.planned_trips(direction), baseline.departures_of_trips[direction]
        changed = EditedTrips.of(trips, departures, change, direction)
        added = changed.origin == ADDED
        now = np.append(departures + change.later, np.nan)[changed.origin]
        now[added] = np.sort(change.added)
        nowhere = np.full((1, trips.minutes.shape[1]), np.nan)
        return cls(
            now,
            changed.table.minutes,
            np.append(departures, np.nan)[changed.origin],
            np.concatenate([trips.minutes, nowhere])[changed.origin],
            added | np.append(change.touched, False)[changed.origin],
            np.append(baseline.left(direction), False)[changed.origin],
        )

    def refuse(self, row: int) -> None:
        """Raise HeadwayError where a trip leaves within a minute of another, or passes it, and did not at present."""
        apart, before = (part - part[row] for part in (self.departures, self.baseline_departures))
        near = np.abs(apart) < MIN_SEPARATION_MINS - TOLERANCE_MINS
        near &= ~(np.abs(before) <= np.abs(apart) + TOLERANCE_MINS)
        # A train that has left stays ahead of one that is overdue, whatever the plan was.
        passed = (apart * before < 0) & ~self.left
        passed |= _mixed(self.minutes - self.minutes[row]) & ~_mixed(
            self.baseline_minutes - self.baseline_minutes[row]
        )
        near[row] = passed[row] = False
        for found, what in ((passed, "overtake"), (near, "leave within a minute of")):
            if found.any():
                raise self._impossible(row, int(np.argmax(found)), what)

    def _impossible(self, row: int, other: int, what: str) -> HeadwayError:
        its, others = (gtfs_time(part) for part in (self.departures[row], self.first_minute(other)))
        return HeadwayError(
            f"the train that is to leave at {its} would {what} that of {others}",
            "trains in the order of the plan, a minute or more apart",
            "choose another time, or change the other train first",
        )

    def first_minute(self, row: int) -> float:
        """Return when a trip leaves the terminal or, where it begins further on, begins."""
        departure = self.departures[row]
        return float(np.nanmin(self.minutes[row]) if np.isnan(departure) else departure)


def _mixed(apart: np.ndarray) -> np.ndarray:
    """Which trips are clearly ahead somewhere and clearly behind elsewhere: (trips,)."""
    return (apart >= MIN_SEPARATION_MINS).any(axis=1) & (apart <= -MIN_SEPARATION_MINS).any(axis=1)


def _refuse_turns(baseline: Baseline, change: DirectionChange, direction: int) -> None:
    """Refuse trips that leave earlier than at present, and before their train has turned round."""
    inbound = baseline.days[direction].inbound
    if inbound is None:
        return
    ready = inbound.earliest(baseline.t0)
    planned = np.append(inbound.arriving.trips.minutes[:, -1], np.nan)[inbound.trip] + inbound.min_turnaround
    ready = np.where(np.isfinite(ready), ready, planned)
    leaves = baseline.departures_of_trips[direction] + change.later
    for row in np.flatnonzero((change.later < 0) & ~change.gone & (leaves < ready - TOLERANCE_MINS)):
        raise HeadwayError(
            f"the train that is to leave at {gtfs_time(leaves[row])} turns round until {gtfs_time(ready[row])}, "
            f"{inbound.min_turnaround[row]:g} minutes after it arrives",
            "a departure after that",
            "choose a later time",
        )
