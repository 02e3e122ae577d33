"""The stops that a train has left since its trip was last seen."""

from dataclasses import replace

from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.passing_time import evidence_of_leaving, may_have_left, passing
from headway_prediction.feeds.realtime.position import Position
from headway_prediction.feeds.realtime.snapshot import Sighting, Vehicle
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop


def newly_passed(
    trip: Trip,
    now: Trip,
    ahead: tuple[UpcomingStop, ...],
    position: Position,
    sighting: Sighting,
    moment: PollTime,
) -> dict[str, Passing]:
    """Return the passings, by stop, of what was ahead of `trip` when last seen and is behind what is still `ahead`.

    `now` is the same trip with what the sighting tells of it, and with the passings that stand.
    """
    if _went_back(trip, ahead, sighting.vehicle):
        return {}
    still = {stop.stop_id for stop in ahead}
    listed = {stop.stop_id for stop in sighting.listed or ()}
    latest = _seen_beyond_at(trip, sighting.vehicle, position, moment)
    passed: dict[str, Passing] = {}
    not_before = 0.0
    for stop in trip.ahead:
        if stop.stop_id in still:
            break
        if stop.stop_id in now.passings or stop.stop_id in sighting.skipped:
            continue
        if not may_have_left(stop, trip, moment, position.seen):
            continue
        stated = stop.stop_id in listed and not position.seen and not stop.from_schedule
        evidence = Evidence.STATED if stated else evidence_of_leaving(stop, trip, moment, position.seen)
        found = passing(
            replace(trip, run=now.run), stop, moment, evidence, latest=latest, not_before=not_before
        )
        passed[stop.stop_id], not_before = found, found.time
    return passed


def _went_back(trip: Trip, ahead: tuple[UpcomingStop, ...], vehicle: Vehicle | None) -> bool:
    """Tell whether a vehicle without a list of stops is at a place that it had left, or at an earlier one."""
    if trip.by_updates or vehicle is None:
        return False
    backward = None not in (trip.stop_sequence, vehicle.stop_sequence) and (
        vehicle.stop_sequence < trip.stop_sequence
    )
    return backward or any(stop.stop_id in trip.passings for stop in ahead)


def _seen_beyond_at(trip: Trip, vehicle: Vehicle | None, position: Position, moment: PollTime) -> float:
    """When the stops behind the train had been left at the latest: by the vehicle's own time, where that is possible."""
    known = max((stop.not_departed_at or 0 for stop in trip.ahead[:1]), default=0)
    if position.seen and vehicle is not None and vehicle.measured_at is not None:
        return vehicle.measured_at if known < vehicle.measured_at <= moment.at else moment.at
    return moment.at
