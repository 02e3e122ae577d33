"""A trip that a poll holds: which stops its train has left since it was last seen."""

from dataclasses import replace

from headway_prediction.feeds.realtime.infer import evidence_of_leaving, may_have_left, passing
from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.position import Position, believable, place
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting, Vehicle
from headway_prediction.feeds.realtime.trip import Moment, Trip, Waiting, acquainted


def follow(trip: Trip, sighting: Sighting, moment: Moment) -> Trip:
    """Return the trip after a poll that holds it. `moment` is not before the one it was last seen at."""
    now = acquainted(trip, sighting, moment)
    if sighting.cancelled:
        return replace(now, ahead=())
    listed = _listed(now, sighting)
    if listed is None:
        return now
    position = place(now, listed, sighting.vehicle, moment.at)
    ahead = tuple(_waiting(now, listed, position, sighting.vehicle, moment))
    kept = _without_returned(now, ahead, position, moment)
    now = replace(now, passings=kept)
    passed = _passed(trip, now, ahead, position, sighting, moment) if sighting.assigned else {}
    return replace(
        now,
        ahead=ahead,
        passings=_restated(kept, listed[: position.next_stop]) | passed,
        stop_sequence=sighting.vehicle.stop_sequence if sighting.vehicle else None,
    )


def _listed(now: Trip, sighting: Sighting) -> tuple[ListedStop, ...] | None:
    """The stops that may be ahead; None where the sighting tells nothing of them."""
    if sighting.listed is not None and (sighting.listed or now.by_updates):
        return sighting.listed
    vehicle = sighting.vehicle
    if vehicle is None or not vehicle.stop_id:
        return None
    if not now.by_updates:
        return (ListedStop(vehicle.stop_id, None),)
    known = tuple(ListedStop(stop.stop_id, stop.due) for stop in now.ahead)
    return known if any(stop.stop_id == vehicle.stop_id for stop in known) and vehicle.status else None


def _waiting(
    now: Trip,
    listed: tuple[ListedStop, ...],
    position: Position,
    vehicle: Vehicle | None,
    moment: Moment,
) -> list[Waiting]:
    before = {stop.stop_id: stop for stop in now.ahead}
    ahead = [
        Waiting(stop.stop_id, _newest_due(stop, before.get(stop.stop_id)), moment.at, False)
        for stop in listed[position.next_stop :]
    ]
    if ahead:
        earlier = before.get(ahead[0].stop_id)
        not_left_at: float | None = moment.at
        if not position.certain:
            not_left_at = earlier.not_left_at if earlier else None
        elif position.seen:
            not_left_at = _measured(vehicle, earlier, moment)
        ahead[0] = ahead[0]._replace(not_left_at=not_left_at, stopped=position.stopped)
    return ahead


def _newest_due(stop: ListedStop, earlier: Waiting | None) -> float | None:
    if earlier is None or (stop.due is not None and believable(stop, earlier)):
        return stop.due
    return earlier.due


def _measured(vehicle: Vehicle | None, earlier: Waiting | None, moment: Moment) -> float:
    """When the vehicle was seen there: its own time where that is a little before the poll, and no step back."""
    at = moment.at
    if vehicle is not None and vehicle.measured_at is not None and at - 60 <= vehicle.measured_at <= at:
        at = vehicle.measured_at
    known = earlier.not_left_at if earlier and earlier.not_left_at is not None else at
    return max(at, known)


def _without_returned(
    now: Trip, ahead: tuple[Waiting, ...], position: Position, moment: Moment
) -> dict[str, Passing]:
    """The passings but for those of stops that are ahead again: the train had not left them after all."""
    returned = {
        stop.stop_id for stop in ahead if position.seen or (stop.due is not None and stop.due > moment.at)
    }
    return {stop_id: known for stop_id, known in now.passings.items() if stop_id not in returned}


def _restated(passings: dict[str, Passing], behind: tuple[ListedStop, ...]) -> dict[str, Passing]:
    """Take over the times that the feed states for stops behind the train, where they are possible."""
    for stop in behind:
        known = passings.get(stop.stop_id)
        if known is not None and stop.due is not None and known.earliest <= stop.due <= known.latest:
            passings[stop.stop_id] = replace(known, time=stop.due)
    return passings


def _passed(
    trip: Trip, now: Trip, ahead: tuple[Waiting, ...], position: Position, sighting: Sighting, moment: Moment
) -> dict[str, Passing]:
    """The passings of stops that were ahead when the trip was last seen, and are now behind the first one still ahead."""
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
        stated = stop.stop_id in listed and not position.seen
        evidence = Evidence.STATED if stated else evidence_of_leaving(stop, trip, moment)
        found = passing(
            replace(trip, run=now.run), stop, moment, evidence, latest=latest, not_before=not_before
        )
        passed[stop.stop_id], not_before = found, found.time
    return passed


def _went_back(trip: Trip, ahead: tuple[Waiting, ...], vehicle: Vehicle | None) -> bool:
    """Tell whether a vehicle without a list of stops is at a place that it had left, or at an earlier one."""
    if trip.by_updates or vehicle is None:
        return False
    backward = None not in (trip.stop_sequence, vehicle.stop_sequence) and (
        vehicle.stop_sequence < trip.stop_sequence
    )
    return backward or any(stop.stop_id in trip.passings for stop in ahead)


def _seen_beyond_at(trip: Trip, vehicle: Vehicle | None, position: Position, moment: Moment) -> float:
    """When the stops behind the train had been left at the latest: by the vehicle's own time, where that is possible."""
    known = max((stop.not_left_at or 0 for stop in trip.ahead[:1]), default=0)
    if position.seen and vehicle is not None and vehicle.measured_at is not None:
        return vehicle.measured_at if known < vehicle.measured_at <= moment.at else moment.at
    return moment.at
