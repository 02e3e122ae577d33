"""The position of a train among the stops of its trip: from its vehicle where one is reported, or else from the times."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headway_prediction.feeds.realtime.snapshot import ListedStop, Vehicle, VehicleStatus
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

STALE_PREDICTION_SECS = 60
"""A time this far in the past that has not changed since the previous poll is no longer a prediction: the train has left."""
CONTRADICTION_SECS = 60
"""A time this much before the train was last known not to have left is an error."""
MAX_MEASUREMENT_AGE_SECS = 60
"""An older measurement does not say when the vehicle was at the stop."""


class Position(NamedTuple):
    """`next_stop` indexes the first listed stop that the train has not left.

    It is not `certain` where that stop's time has passed and nothing shows whether the train still stands there.
    `observed` is whether a vehicle was reported there, `status` its status.
    """

    next_stop: int
    certain: bool
    observed: bool = False
    status: VehicleStatus | None = None


def locate(trip: Trip, listed: Sequence[ListedStop], vehicle: Vehicle | None, at: float) -> Position:
    """Return where the train of `trip` is among the `listed` stops at `at`."""
    if vehicle is not None and (vehicle.status is not None or not trip.by_updates):
        for index, stop in enumerate(listed):
            if stop.stop_id == vehicle.stop_id:
                return Position(index, True, True, vehicle.status)
    return _locate_by_times(trip, listed, at)


def _locate_by_times(trip: Trip, listed: Sequence[ListedStop], at: float) -> Position:
    known = {stop.stop_id: stop for stop in trip.ahead}
    past = _last_past(listed, known, at)
    if past is None:
        return Position(0, _first_time_agrees(listed, known))
    stop = listed[past]
    # The feed does not list a stop that comes from the schedule: only the clock shows that it was passed.
    if stop.from_schedule or stop.stop_id in trip.passings or _is_stale(stop, known.get(stop.stop_id), at):
        return Position(past + 1, True)
    return Position(past, False)


def _last_past(listed: Sequence[ListedStop], known: Mapping[str, UpcomingStop], at: float) -> int | None:
    last = None
    for index, stop in enumerate(listed):
        if stop.due is None:
            continue
        if stop.due > at or not is_plausible(stop, known.get(stop.stop_id)):
            break
        last = index
    return last


def _first_time_agrees(listed: Sequence[ListedStop], known: Mapping[str, UpcomingStop]) -> bool:
    return not listed or (listed[0].due is not None and is_plausible(listed[0], known.get(listed[0].stop_id)))


def _is_stale(stop: ListedStop, known: UpcomingStop | None, at: float) -> bool:
    return (
        known is not None
        and stop.due is not None
        and stop.due == known.due
        and stop.due <= at - STALE_PREDICTION_SECS
    )


def is_plausible(stop: ListedStop, known: UpcomingStop | None) -> bool:
    """Return whether a stop's time agrees with when the train was last known not to have left it."""
    if stop.due is None or known is None or known.not_departed_at is None:
        return True
    return stop.due >= known.not_departed_at - CONTRADICTION_SECS


def stops_ahead(
    trip: Trip, listed: Sequence[ListedStop], position: Position, vehicle: Vehicle | None, now: PollTime
) -> tuple[UpcomingStop, ...]:
    """Return the `listed` stops that the train has not left by `position`, each with its latest prediction."""
    known = {stop.stop_id: stop for stop in trip.ahead}
    ahead = [_upcoming(stop, known.get(stop.stop_id), now) for stop in listed[position.next_stop :]]
    if ahead:
        previous = known.get(ahead[0].stop_id)
        not_departed_at: float | None = now.content_at
        if not position.certain:
            not_departed_at = previous.not_departed_at if previous else None
        elif position.observed:
            not_departed_at = _observed_at(vehicle, previous, now.content_at)
        ahead[0] = ahead[0]._replace(not_departed_at=not_departed_at, status=position.status)
    return tuple(ahead)


def _upcoming(stop: ListedStop, previous: UpcomingStop | None, now: PollTime) -> UpcomingStop:
    track = stop.track or (previous.track if previous else "")
    due = stop.due
    if previous is not None and (due is None or not is_plausible(stop, previous)):
        due = previous.due
    return UpcomingStop(stop.stop_id, due, now.content_at, None, stop.from_schedule, track)


def _observed_at(vehicle: Vehicle | None, previous: UpcomingStop | None, at: float) -> float:
    """When the vehicle was at the stop: its own time where that is a little before the poll, and never a step back."""
    earliest = at - MAX_MEASUREMENT_AGE_SECS
    if vehicle is not None and vehicle.measured_at is not None and earliest <= vehicle.measured_at <= at:
        at = vehicle.measured_at
    known = previous.not_departed_at if previous and previous.not_departed_at is not None else at
    return max(at, known)
