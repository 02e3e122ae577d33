"""Edits applied to the departures of the present plan, and checked: what a dispatcher can do, and what no train can."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edited_timetable import (
    ADDED,
    DirectionChange,
    EditedPrior,
    edited_timetable,
)
from headway_prediction.what_if.edits import EDITED_MINS, Add, Cancel, Edit, Hold, Move

MATCH_MINS = 0.5
"""A departure is known by its time, to the minute: an edit means the nearest one, no further away than this."""


@dataclass(frozen=True)
class RevisedDeparture:
    """A departure as it is to be: `row` among the trips of its direction (ADDED for one more), `planned` None for one more,
    `minute` None for one cancelled."""

    direction: int
    row: int
    planned: float | None
    minute: float | None

    @property
    def changed(self) -> bool:
        """Whether it is not as planned at present."""
        return self.minute != self.planned


def as_planned(baseline: Baseline) -> tuple[RevisedDeparture, ...]:
    """Return the departures that may be edited, as they are."""
    return tuple(RevisedDeparture(d.direction, d.row, d.planned, d.planned) for d in baseline.departures)


def apply_edits(baseline: Baseline, edits: Sequence[Edit]) -> tuple[RevisedDeparture, ...]:
    """Return the departures under edits; raises HeadwayError for a departure that is not there or is edited twice.

    Whether trains can run like that `checks` tells.
    """
    plan, touched = list(as_planned(baseline)), set()
    for edit in edits:
        _refuse_no_numbers(edit)
        baseline.require_trips(edit.direction)
        if isinstance(edit, Add):
            plan.append(RevisedDeparture(edit.direction, ADDED, None, edit.departure))
            continue
        place = _place(baseline, plan, edit)
        if place in touched:
            raise HeadwayError(
                f"the departure at {gtfs_time(edit.departure)} is edited twice",
                "one edit of each departure",
                "keep one of them",
            )
        touched.add(place)
        plan[place] = replace(plan[place], minute=_new_minute(plan[place].planned, edit))
    return tuple(plan)


def _refuse_no_numbers(edit: Edit) -> None:
    numbers = [value for name, value in vars(edit).items() if name != "direction"]
    if not np.isfinite(numbers).all():
        raise HeadwayError(f"an edit has the numbers {numbers}", "minutes", "correct them")


def _place(baseline: Baseline, plan: Sequence[RevisedDeparture], edit: Move | Hold | Cancel) -> int:
    away = [
        abs(one.planned - edit.departure)
        if one.planned is not None and one.direction == edit.direction
        else np.inf
        for one in plan
    ]
    nearest = int(np.argmin(away)) if away else 0
    if not away or away[nearest] > MATCH_MINS:
        raise _unknown(baseline, edit)
    return nearest


def _unknown(baseline: Baseline, edit: Move | Hold | Cancel) -> HeadwayError:
    where = f"direction {edit.direction} at {gtfs_time(edit.departure)}"
    if edit.departure < baseline.now:
        found = f"the departure of {where} was before now ({gtfs_time(baseline.now)})"
    elif edit.departure >= baseline.now + EDITED_MINS:
        found = f"the departure of {where} is over {EDITED_MINS} minutes away"
    else:
        found = f"no train that has not left yet is planned to leave in {where}"
    known = [gtfs_time(d.planned) for d in baseline.departures if d.direction == edit.direction]
    return HeadwayError(
        found, f"one of {', '.join(known) or 'none: no train is planned'}", "name one of these"
    )


def _new_minute(planned: float, edit: Move | Hold | Cancel) -> float | None:
    if isinstance(edit, Cancel):
        return None
    if isinstance(edit, Move):
        return edit.to
    if edit.mins < 0:
        raise HeadwayError(
            f"a hold of {edit.mins:g} minutes is asked for",
            "0 minutes or more",
            "use a move for an earlier departure",
        )
    return planned + edit.mins


def as_edits(plan: Sequence[RevisedDeparture]) -> tuple[Edit, ...]:
    """Return the edits that make a plan of the present one, each departure edited once at most, in order of time."""
    edits = [_edit(one) for one in plan if one.changed]
    return tuple(sorted(edits, key=lambda edit: (edit.departure, edit.direction)))


def _edit(one: RevisedDeparture) -> Edit:
    if one.planned is None:
        return Add(one.direction, one.minute)
    if one.minute is None:
        return Cancel(one.direction, one.planned)
    if one.minute > one.planned:
        return Hold(one.direction, one.planned, round(one.minute - one.planned, 6))
    return Move(one.direction, one.planned, one.minute)


def direction_changes(
    baseline: Baseline, plan: Sequence[RevisedDeparture]
) -> tuple[DirectionChange, DirectionChange]:
    """Return what a plan changes in either direction."""
    return tuple(_direction_change(baseline, plan, direction) for direction in DIRECTIONS)


def _direction_change(
    baseline: Baseline, plan: Sequence[RevisedDeparture], direction: int
) -> DirectionChange:
    trips = len(baseline.departures_of_trips[direction])
    later, gone = np.zeros(trips), np.zeros(trips, dtype=bool)
    own = [one for one in plan if one.direction == direction and one.changed]
    for one in own:
        if one.minute is None:
            gone[one.row] = True
        elif one.planned is not None:
            later[one.row] = one.minute - one.planned
    added = sorted(one.minute for one in own if one.planned is None)
    return DirectionChange(later, gone, np.array(added))


def under(baseline: Baseline, plan: Sequence[RevisedDeparture]) -> Baseline:
    """Return the same moment under a changed plan; the present one itself where nothing changes."""
    changes = direction_changes(baseline, plan)
    if all(change.is_none for change in changes):
        return baseline
    timetable = baseline.history.timetable
    prior = EditedPrior.under(baseline.prior, timetable, baseline.departures_of_trips, changes)
    changed = timetable
    for direction, (planned, change) in enumerate(zip(baseline.planned_tables, changes, strict=True)):
        if planned is not None and not change.is_none:
            changed = edited_timetable(changed, planned, direction, change, baseline.service_date)
    return baseline.under(changed, prior)
