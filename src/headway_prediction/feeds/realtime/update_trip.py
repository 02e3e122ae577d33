"""A trip that a poll holds: which stops its train has left since it was last seen."""

from dataclasses import replace

from headway_prediction.feeds.realtime.departed_stops import newly_passed
from headway_prediction.feeds.realtime.passing import Evidence, Passing, shifted
from headway_prediction.feeds.realtime.position import Position, locate
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop, with_sighting
from headway_prediction.feeds.realtime.upcoming_stops import stops_ahead


def follow(trip: Trip, sighting: Sighting, moment: PollTime) -> Trip:
    """Return the trip after a poll that holds it. `moment` is not before the one it was last seen at."""
    now = with_sighting(trip, sighting, moment)
    if sighting.cancelled:
        return replace(now, ahead=())
    listed = _listed(now, sighting)
    if listed is None:
        return now
    position = locate(now, listed, sighting.vehicle, moment.at)
    ahead = stops_ahead(now, listed, position, sighting.vehicle, moment)
    kept = _without_returned(now, ahead, position, moment)
    now = replace(now, passings=kept)
    passed = newly_passed(trip, now, ahead, position, sighting, moment) if sighting.assigned else {}
    return replace(
        now,
        ahead=ahead,
        passings=_restated(kept | passed, listed[: position.next_stop]),
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
    known = tuple(ListedStop(stop.stop_id, stop.due, stop.from_schedule, stop.track) for stop in now.ahead)
    placed = vehicle.status is not None and any(stop.stop_id == vehicle.stop_id for stop in known)
    return known if placed else None


def _without_returned(
    now: Trip, ahead: tuple[UpcomingStop, ...], position: Position, moment: PollTime
) -> dict[str, Passing]:
    """The passings but for those of stops that are ahead again: the train had not left them after all."""
    returned = {
        stop.stop_id for stop in ahead if position.seen or (stop.due is not None and stop.due > moment.at)
    }
    return {stop_id: known for stop_id, known in now.passings.items() if stop_id not in returned}


def _restated(passings: dict[str, Passing], behind: tuple[ListedStop, ...]) -> dict[str, Passing]:
    """Take over the times that the feed states for stops behind the train, where they are possible.

    A trip's delay is that of now, so of the stops that only the plan tells it dates the newest alone.
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
