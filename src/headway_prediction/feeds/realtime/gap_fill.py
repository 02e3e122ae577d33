"""Stops that a vehicle left while its trip went unseen, where positions alone tell of it: they name one stop at a time."""

from collections.abc import Iterable
from dataclasses import replace

from headway_prediction.feeds.realtime.snapshot import Sighting
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

MAX_GAP_SECS = 240
"""Of what passed in a longer time unseen nothing could be said of when."""
MIN_COMPARABLE_TRIPS = 3


def fill_gap(trip: Trip, sighting: Sighting, moment: PollTime, others: Iterable[Trip]) -> Trip:
    """Return the trip with the stops ahead that lie between where its vehicle was last seen and where it is now.

    Only of a trip that was lost: a vehicle that is seen in every poll and jumps over a stop has run through. How many they
    are says the trip itself, by its stop sequence; which they are say the other trains of its route and direction
    (`others`) that went the same way, if all of them called at the same. The times that they are given divide the time
    unseen evenly.
    """
    stops = _between(trip, sighting, moment, others)
    parts = (moment.at - trip.seen.at) / (len(stops) + 2)
    upcoming = [
        UpcomingStop(stop_id, trip.seen.at + place * parts, trip.seen.at)
        for place, stop_id in enumerate(stops, start=2)
    ]
    return replace(trip, ahead=(*trip.ahead, *upcoming)) if upcoming else trip


def _between(trip: Trip, sighting: Sighting, moment: PollTime, others: Iterable[Trip]) -> tuple[str, ...]:
    vehicle = sighting.vehicle
    if (
        not trip.lost
        or trip.by_updates
        or vehicle is None
        or sighting.listed is not None
        or len(trip.ahead) != 1
    ):
        return ()
    if vehicle.stop_sequence is None or trip.stop_sequence is None:
        return ()
    count = vehicle.stop_sequence - trip.stop_sequence - 1
    if count < 1 or moment.at - trip.seen.at > MAX_GAP_SECS:
        return ()
    ends = trip.ahead[0].stop_id, vehicle.stop_id
    ways = [
        _way(other, *ends) for other in others if _alike(other, trip) and other.passings.keys() >= {*ends}
    ]
    told = [way for way in ways if way is not None]
    agreed = len(told) >= MIN_COMPARABLE_TRIPS and len(set(told)) == 1 and len(told[0]) == count
    return told[0] if agreed and not trip.passings.keys() & {*told[0]} else ()


def _alike(other: Trip, trip: Trip) -> bool:
    kinds = [(each.run.route_id, each.run.direction_id) for each in (other, trip)]
    return other.run.trip != trip.run.trip and kinds[0] == kinds[1]


def _way(other: Trip, first: str, last: str) -> tuple[str, ...] | None:
    """The stops that another train left between two; None where it went unseen for a while on the way."""
    stops, polls_apart = tuple(other.passings), [after - before for before, after in _polls(other)]
    begin, end = stops.index(first), stops.index(last)
    if max(polls_apart[begin:end], default=0) > 2 * min(polls_apart):
        return None
    return stops[begin + 1 : end]


def _polls(trip: Trip) -> list[tuple[float, float]]:
    return [passing.polls for passing in trip.passings.values()]
