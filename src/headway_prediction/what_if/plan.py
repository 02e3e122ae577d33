"""The departure plan: edits applied to the baseline plan, and checks that trains can run like that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edited_timetable import (
    ADDED,
    DirectionChange,
    EditedPrior,
    EditedTrips,
    edited_timetable,
    known_trips,
)
from headway_prediction.what_if.request import EDITED_MINS, Add, Cancel, Edit, Hold, Move

MATCH_MINS = 0.5
"""An edit names a departure by its time to the minute: it means the nearest one, no further away than this."""
MIN_SEPARATION_MINS = 1.0
"""Minimum between two departures of a terminal, unless the plan itself has them nearer."""
TOLERANCE_MINS = 1e-6


@dataclass(frozen=True)
class RevisedDeparture:
    """A departure of the changed plan: `row` among the trips of its direction (ADDED for an added one), its `planned` minute
    (None: added) and its new `minute` (None: cancelled)."""

    direction: int
    row: int
    planned: float | None
    minute: float | None

    @property
    def changed(self) -> bool:
        """Whether it differs from the baseline plan."""
        return self.minute != self.planned


Plan = tuple[RevisedDeparture, ...]


def baseline_plan(baseline: Baseline) -> Plan:
    """Return the departures that may be edited, unchanged."""
    return tuple(RevisedDeparture(d.direction, d.row, d.planned, d.planned) for d in baseline.departures)


def apply_edits(baseline: Baseline, edits: Sequence[Edit]) -> Plan:
    """Return the plan under edits, not yet checked by `check_feasible`.

    Raises HeadwayError for a departure that does not exist or is edited twice.
    """
    plan, touched = list(baseline_plan(baseline)), set()
    for edit in edits:
        _check_finite(edit)
        baseline.require_trips(edit.direction)
        if isinstance(edit, Add):
            plan.append(RevisedDeparture(edit.direction, ADDED, None, edit.departure))
            continue
        place = _place(baseline, plan, edit)
        if place in touched:
            found = f"the departure at {gtfs_time(edit.departure)} is edited twice"
            raise HeadwayError(found, "one edit of each departure", "keep one of them")
        touched.add(place)
        plan[place] = replace(plan[place], minute=_new_minute(edit, plan[place].planned))
    return tuple(plan)


def _check_finite(edit: Edit) -> None:
    numbers = [value for name, value in vars(edit).items() if name != "direction"]
    if not np.isfinite(numbers).all():
        raise HeadwayError(f"an edit has the numbers {numbers}", "minutes", "correct them")


def _place(baseline: Baseline, plan: Sequence[RevisedDeparture], edit: Move | Hold | Cancel) -> int:
    distance = [
        abs(one.planned - edit.departure)
        if one.planned is not None and one.direction == edit.direction
        else np.inf
        for one in plan
    ]
    nearest = int(np.argmin(distance)) if distance else 0
    if not distance or distance[nearest] > MATCH_MINS:
        raise _unknown_departure(baseline, edit)
    return nearest


def _unknown_departure(baseline: Baseline, edit: Move | Hold | Cancel) -> HeadwayError:
    where = f"direction {edit.direction} at {gtfs_time(edit.departure)}"
    if edit.departure < baseline.now:
        found = f"the departure of {where} was before now ({gtfs_time(baseline.now)})"
    elif edit.departure >= baseline.now + EDITED_MINS:
        found = f"the departure of {where} is over {EDITED_MINS} minutes away"
    else:
        found = f"no train that has not left yet is planned to leave in {where}"
    known = [gtfs_time(d.planned) for d in baseline.departures if d.direction == edit.direction]
    expected = f"one of {', '.join(known) or 'none: no train is planned'}"
    return HeadwayError(found, expected, "name one of these")


def _new_minute(edit: Move | Hold | Cancel, planned: float | None) -> float | None:
    if isinstance(edit, Cancel) or planned is None:
        return None
    if isinstance(edit, Move):
        return edit.to
    if edit.mins < 0:
        found = f"the edit is a hold of {edit.mins:g} minutes"
        raise HeadwayError(found, "0 minutes or more", "use a move for an earlier departure")
    return planned + edit.mins


def as_edits(plan: Sequence[RevisedDeparture]) -> tuple[Edit, ...]:
    """Return the edits that turn the baseline plan into `plan`, at most one of each departure, in order of time."""
    edits = [edit for one in plan if (edit := _as_edit(one)) is not None]
    return tuple(sorted(edits, key=lambda edit: (edit.departure, edit.direction)))


def _as_edit(one: RevisedDeparture) -> Edit | None:
    if one.minute is None:
        return None if one.planned is None else Cancel(one.direction, one.planned)
    if one.planned is None:
        return Add(one.direction, one.minute)
    if one.minute > one.planned:
        return Hold(one.direction, one.planned, round(one.minute - one.planned, 6))
    return Move(one.direction, one.planned, one.minute) if one.changed else None


def direction_changes(
    baseline: Baseline, plan: Sequence[RevisedDeparture]
) -> tuple[DirectionChange, DirectionChange]:
    """Return what a plan changes in either direction."""
    return _direction_change(baseline, plan, 0), _direction_change(baseline, plan, 1)


def _direction_change(
    baseline: Baseline, plan: Sequence[RevisedDeparture], direction: int
) -> DirectionChange:
    trips = len(baseline.departures_of_trips[direction])
    later, gone, added = np.zeros(trips), np.zeros(trips, dtype=bool), []
    for one in plan:
        if one.direction != direction or not one.changed:
            continue
        if one.minute is None:
            gone[one.row] = True
        elif one.planned is None:
            added.append(one.minute)
        else:
            later[one.row] = one.minute - one.planned
    return DirectionChange(later, gone, np.array(sorted(added)))


def with_plan(baseline: Baseline, plan: Sequence[RevisedDeparture]) -> Baseline:
    """Return the same moment under a changed plan; the baseline itself where nothing changes."""
    changes = direction_changes(baseline, plan)
    if all(change.is_none for change in changes):
        return baseline
    timetable = baseline.history.timetable
    prior = EditedPrior.under(baseline.prior, timetable, baseline.departures_of_trips, changes)
    changed = timetable
    for direction, (planned, change) in enumerate(zip(baseline.planned_tables, changes, strict=True)):
        if changed is not None and planned is not None and not change.is_none:
            changed = edited_timetable(changed, planned, direction, change, baseline.service_date)
    return baseline.with_timetable(changed, prior)


def check_feasible(baseline: Baseline, plan: Sequence[RevisedDeparture]) -> None:
    """Check that trains can run a plan; raises HeadwayError for a departure

    - before now or after the hour,
    - that would overtake another train, at the terminal or on the way, or leave within a minute of it,
    - before its train has arrived and turned round, as far as the turnaround is known.
    """
    for one in plan:
        if one.changed and one.minute is not None:
            _check_within_hour(baseline, one.direction, one.minute)
    for direction, change in zip(DIRECTIONS, direction_changes(baseline, plan), strict=True):
        if not change.is_none:
            order = TripOrder.of(baseline, change, direction)
            for row in np.flatnonzero(order.touched):
                order.check(int(row))
            _check_turnarounds(baseline, change, direction)


def _check_within_hour(baseline: Baseline, direction: int, minute: float) -> None:
    if not baseline.now <= minute < baseline.now + EDITED_MINS:
        found = f"a train of direction {direction} is to leave at {gtfs_time(minute)}"
        expected = f"a time from now ({gtfs_time(baseline.now)}) until {EDITED_MINS} minutes later"
        raise HeadwayError(found, expected, "choose such a time")


@dataclass(frozen=True)
class TripOrder:
    """The trips of one direction under the changed plan beside the baseline plan.

    `departures` (trips,) from the terminal and `minutes` (trips, positions) on the way as changed, then the same of the
    baseline (NaN for an added trip), which trips are `touched`, and the trains of which have `left`.
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

    def check(self, row: int) -> None:
        """Raise HeadwayError where a trip leaves within a minute of another, or passes it, and did not in the baseline."""
        apart, before = (part - part[row] for part in (self.departures, self.baseline_departures))
        near = np.abs(apart) < MIN_SEPARATION_MINS - TOLERANCE_MINS
        near &= ~(np.abs(before) <= np.abs(apart) + TOLERANCE_MINS)
        # A train that has left stays ahead of one that is overdue, whatever the plan was.
        passed = (apart * before < 0) & ~self.left
        passed |= _crossing(self.minutes - self.minutes[row]) & ~_crossing(
            self.baseline_minutes - self.baseline_minutes[row]
        )
        near[row] = passed[row] = False
        for found, conflict in ((passed, "overtake"), (near, "leave within a minute of")):
            if found.any():
                raise self._infeasible(row, int(np.argmax(found)), conflict)

    def _infeasible(self, row: int, other: int, conflict: str) -> HeadwayError:
        its, others = (gtfs_time(part) for part in (self.departures[row], self.first_minute(other)))
        return HeadwayError(
            f"the train that is to leave at {its} would {conflict} that of {others}",
            "trains in the order of the plan, a minute or more apart",
            "choose another time, or change the other train first",
        )

    def first_minute(self, row: int) -> float:
        """Return when a trip leaves the terminal or, where it begins further on, begins."""
        departure = self.departures[row]
        return float(np.nanmin(self.minutes[row]) if np.isnan(departure) else departure)


def _crossing(apart: np.ndarray) -> np.ndarray:
    """Return which trips are clearly ahead somewhere and clearly behind elsewhere: (trips,)."""
    ahead = np.asarray(apart >= MIN_SEPARATION_MINS).any(axis=1)
    return np.asarray(ahead & (apart <= -MIN_SEPARATION_MINS).any(axis=1))


def _check_turnarounds(baseline: Baseline, change: DirectionChange, direction: int) -> None:
    """Raise HeadwayError for a trip that leaves earlier than in the baseline, and before its train has turned round."""
    inbound = baseline.days[direction].inbound
    if inbound is None:
        return
    ready = inbound.earliest(baseline.t0)
    planned = (
        np.append(known_trips(inbound.arriving).minutes[:, -1], np.nan)[inbound.trip] + inbound.min_turnaround
    )
    ready = np.where(np.isfinite(ready), ready, planned)
    leaves = baseline.departures_of_trips[direction] + change.later
    for row in np.flatnonzero((change.later < 0) & ~change.gone & (leaves < ready - TOLERANCE_MINS)):
        raise HeadwayError(
            f"the train that is to leave at {gtfs_time(leaves[row])} turns round until {gtfs_time(ready[row])}, "
            f"{inbound.min_turnaround[row]:g} minutes after it arrives",
            "a departure after that",
            "choose a later time",
        )
