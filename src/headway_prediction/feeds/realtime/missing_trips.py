"""Trips that a poll should hold and does not: the train arrived, continues under another trip id, or only the feed lost it.

`lose_trip` and `continues_as_other` decide at the first poll without the trip, `turnarounds` when the vehicle reappears in
the other direction, `fill_gap` when the trip itself reappears.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from headway_prediction.feeds.realtime.departures import MAX_EARLY_SECS, MAX_POLL_GAP_SECS, passing_of
from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.snapshot import Sighting, TripKey, VehicleStatus
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

MAX_TURNAROUND_SECS = 600
"""A vehicle that reappears later in the other direction does not show that its last trip reached the terminal."""
MAX_GAP_SECS = 240
"""Stops passed in a longer gap are not filled in: their times would be too uncertain."""
MIN_COMPARABLE_TRIPS = 3
"""Fewer trips of the same route and direction do not show which stops lie in a gap."""


def lose_trip(trip: Trip, now: PollTime, *, outage: bool, handed_over: bool) -> Trip:
    """Return the trip after the first poll without it.

    Its remaining stops count as passed where each was due by now, or the vehicle was incoming there, provided that the
    trip was seen recently and did not vanish together with most others (`outage`). A stop where the vehicle was seen
    stopped counts as passed even then, unless the vehicle continues from there under another trip (`handed_over`). No
    other stop does: a trip that is lost halfway may come back.
    """
    lost = replace(trip, lost=True)
    if not trip.assigned or handed_over or not trip.ahead:
        return lost
    recent = trip.unseen_secs(now) <= MAX_POLL_GAP_SECS
    arrived = recent and not outage and all(_has_arrived(stop, now) for stop in trip.ahead)
    gone = trip.ahead if arrived else trip.ahead[:1] if trip.ahead[0].stopped else ()
    passed: dict[str, Passing] = {}
    not_before = 0.0
    for stop in gone:
        evidence = Evidence.STOPPED if stop.stopped else Evidence.PREDICTED
        found = passing_of(trip, stop, now, evidence, latest=now.content_at, not_before=not_before)
        passed[stop.stop_id], not_before = found, found.time
    return replace(lost, passings={**trip.passings, **passed})


def _has_arrived(stop: UpcomingStop, now: PollTime) -> bool:
    incoming = stop.status is VehicleStatus.INCOMING_AT
    return incoming or (stop.due is not None and stop.due <= now.content_at + MAX_EARLY_SECS)


def continues_as_other(trip: Trip, sightings: Iterable[Sighting], new: Iterable[Sighting]) -> bool:
    """Return whether a trip that is lost continues under another id: as one of `sightings`, or of the `new` ones.

    It does where its vehicle is at the same stop under the other trip, or where a new trip has exactly the stops that
    remained of it. The direction must be the same: a train that turns around passes two platforms.
    """
    if not trip.ahead:
        return False
    return any(_same_direction(trip, other) and _same_vehicle(trip, other) for other in sightings) or any(
        _same_direction(trip, other) and _same_stops(trip, other) for other in new
    )


def _same_direction(trip: Trip, other: Sighting) -> bool:
    return None in (trip.run.direction_id, other.direction_id) or trip.run.direction_id == other.direction_id


def _same_vehicle(trip: Trip, other: Sighting) -> bool:
    vehicle = other.vehicle
    return (
        bool(trip.vehicle_id)
        and vehicle is not None
        and (vehicle.vehicle_id, vehicle.stop_id) == (trip.vehicle_id, trip.ahead[0].stop_id)
    )


def _same_stops(trip: Trip, other: Sighting) -> bool:
    return [stop.stop_id for stop in other.listed or ()] == [stop.stop_id for stop in trip.ahead]


def turnarounds(
    trips: Mapping[TripKey, Trip], sightings: Iterable[Sighting], now: PollTime
) -> Iterator[tuple[TripKey, Trip]]:
    """Yield lost trips whose vehicle is at their last stop in the other direction, with the passing of that stop."""
    candidates = {
        (trip.vehicle_id, trip.ahead[0].stop_id): key for key, trip in trips.items() if _may_turn(trip, now)
    }
    for sighting in sightings if candidates else ():
        vehicle = sighting.vehicle
        key = candidates.get((vehicle.vehicle_id, vehicle.stop_id)) if vehicle else None
        if key and {trips[key].run.direction_id, sighting.direction_id} == {0, 1}:
            trip, stop = trips[key], trips[key].ahead[0]
            if not _passed_as_other(trip, trips.values()):
                found = passing_of(trip, stop, now, Evidence.PREDICTED, latest=now.content_at, not_before=0.0)
                yield key, replace(trip, passings={**trip.passings, stop.stop_id: found})


def _may_turn(trip: Trip, now: PollTime) -> bool:
    return (
        trip.lost
        and trip.assigned
        and len(trip.ahead) == 1
        and bool(trip.vehicle_id)
        and trip.ahead[0].stop_id not in trip.passings
        and trip.unseen_secs(now) <= MAX_TURNAROUND_SECS
    )


def _passed_as_other(trip: Trip, trips: Iterable[Trip]) -> bool:
    """Whether the vehicle has since continued under another trip in the same direction, and left the stop as that."""
    stop_id = trip.ahead[0].stop_id
    return any(
        other.vehicle_id == trip.vehicle_id
        and other.run.direction_id == trip.run.direction_id
        and stop_id in other.passings
        and other.passings[stop_id].latest > trip.last_seen.content_at
        for other in trips
    )


def fill_gap(trip: Trip, sighting: Sighting, now: PollTime, others: Iterable[Trip]) -> Trip:
    """Return a lost trip with the stops between its last position and its present one, for feeds of positions alone.

    The trip's own stop sequence gives the number of stops. `others` of the same route and direction give their ids, if all
    that passed both ends called at the same stops. Their times divide the gap evenly. A trip that was not lost is returned
    as it is: a vehicle that is in every poll and jumps over a stop did not call there.
    """
    stops = _stops_between(trip, sighting, now, others)
    part = trip.unseen_secs(now) / (len(stops) + 2)
    start = trip.last_seen.content_at
    filled = [
        UpcomingStop(stop_id, start + place * part, start) for place, stop_id in enumerate(stops, start=2)
    ]
    return replace(trip, ahead=(*trip.ahead, *filled)) if filled else trip


def _stops_between(trip: Trip, sighting: Sighting, now: PollTime, others: Iterable[Trip]) -> tuple[str, ...]:
    vehicle = sighting.vehicle
    if not trip.lost or trip.by_updates or sighting.listed is not None or len(trip.ahead) != 1:
        return ()
    if vehicle is None or vehicle.stop_sequence is None or trip.stop_sequence is None:
        return ()
    count = vehicle.stop_sequence - trip.stop_sequence - 1
    if count < 1 or trip.unseen_secs(now) > MAX_GAP_SECS:
        return ()
    ends = trip.ahead[0].stop_id, vehicle.stop_id
    paths = [
        _path(other, *ends)
        for other in others
        if _is_comparable(other, trip) and other.passings.keys() >= {*ends}
    ]
    known = [path for path in paths if path is not None]
    agreed = len(known) >= MIN_COMPARABLE_TRIPS and len(set(known)) == 1 and len(known[0]) == count
    return known[0] if agreed and not trip.passings.keys() & {*known[0]} else ()


def _is_comparable(other: Trip, trip: Trip) -> bool:
    kinds = [(each.run.route_id, each.run.direction_id) for each in (other, trip)]
    return other.run.trip != trip.run.trip and kinds[0] == kinds[1]


def _path(other: Trip, first: str, last: str) -> tuple[str, ...] | None:
    """The stops that another train left between two; None where that train was itself unseen on the way."""
    stops = tuple(other.passings)
    poll_gaps = [after - before for before, after in (passing.polls for passing in other.passings.values())]
    begin, end = stops.index(first), stops.index(last)
    if max(poll_gaps[begin:end], default=0) > 2 * min(poll_gaps):
        return None
    return stops[begin + 1 : end]
