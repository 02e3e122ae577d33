"""A trip that a poll holds: its stops ahead, and the stops that its train has left since it was last seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headway_prediction.feeds.realtime.departures import newly_passed
from headway_prediction.feeds.realtime.passing import Evidence, Passing, shifted
from headway_prediction.feeds.realtime.position import Position, locate, stops_ahead
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop, with_sighting


def update_trip(trip: Trip, sighting: Sighting, now: PollTime) -> Trip:
    """Return the trip after a poll that holds it. `now` is not before the poll in which it was last seen."""
    updated = with_sighting(trip, sighting, now)
    if sighting.cancelled:
        return replace(updated, ahead=())
    listed = _possible_stops(updated, sighting)
    if listed is None:
        return updated
    position = locate(updated, listed, sighting.vehicle, now.content_at)
    ahead = stops_ahead(updated, listed, position, sighting.vehicle, now)
    valid = _without_returned(updated.passings, ahead, position, now)
    updated = replace(updated, passings=valid)
    passed = newly_passed(trip, updated, ahead, position, sighting, now) if sighting.assigned else {}
    return replace(
        updated,
        ahead=ahead,
        passings=_with_stated_times(valid | passed, listed[: position.next_stop]),
        stop_sequence=sighting.vehicle.stop_sequence if sighting.vehicle else None,
    )


def _possible_stops(trip: Trip, sighting: Sighting) -> tuple[ListedStop, ...] | None:
    """The stops that may be ahead; None where the sighting holds no information about them."""
    if sighting.listed is not None and (sighting.listed or trip.by_updates):
        return sighting.listed
    vehicle = sighting.vehicle
    if vehicle is None or not vehicle.stop_id:
        return None
    if not trip.by_updates:
        return (ListedStop(vehicle.stop_id, None),)
    known = tuple(ListedStop(stop.stop_id, stop.due, stop.from_schedule, stop.track) for stop in trip.ahead)
    located = vehicle.status is not None and any(stop.stop_id == vehicle.stop_id for stop in known)
    return known if located else None


def _without_returned(
    passings: Mapping[str, Passing], ahead: Sequence[UpcomingStop], position: Position, now: PollTime
) -> dict[str, Passing]:
    """The passings except those of stops that are ahead again: the train had not left them."""
    returned = {
        stop.stop_id
        for stop in ahead
        if position.observed or (stop.due is not None and stop.due > now.content_at)
    }
    return {stop_id: passing for stop_id, passing in passings.items() if stop_id not in returned}


def _with_stated_times(passings: dict[str, Passing], behind: Sequence[ListedStop]) -> dict[str, Passing]:
    """Adopt the times that the feed states for stops behind the train, where they are possible.

    A trip's delay is its present one, so among the stops from the schedule it dates only the last one passed.
    """
    for stop in behind:
        known = passings.get(stop.stop_id)
        if known is None or stop.due is None:
            continue
        if not stop.from_schedule and known.earliest <= stop.due <= known.latest:
            passings[stop.stop_id] = replace(known, time=stop.due)
        elif stop.from_schedule and stop is behind[-1] and known.evidence is Evidence.PREDICTED:
            passings[stop.stop_id] = shifted(known, stop.due - known.time)
    return passings
