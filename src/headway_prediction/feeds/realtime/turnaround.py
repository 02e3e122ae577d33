"""A vehicle that has turned: it is found at the stop that its last trip took it to, under a trip the other way."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from headway_prediction.feeds.realtime.passing import Evidence
from headway_prediction.feeds.realtime.passing_time import passing
from headway_prediction.feeds.realtime.snapshot import Sighting, TripKey
from headway_prediction.feeds.realtime.trip import PollTime, Trip

MAX_TURNAROUND_SECS = 600


def turnaround_passings(
    trips: Mapping[TripKey, Trip], sightings: Iterable[Sighting], moment: PollTime
) -> Iterator[tuple[TripKey, Trip]]:
    """Give the lost trips whose last stop is passed for that reason: between when it was last seen and now."""
    upcoming = {
        (trip.vehicle_id, trip.ahead[0].stop_id): key
        for key, trip in trips.items()
        if _may_have(trip, moment)
    }
    for sighting in sightings if upcoming else ():
        vehicle = sighting.vehicle
        key = vehicle and upcoming.get((vehicle.vehicle_id, vehicle.stop_id))
        if key and {trips[key].run.direction_id, sighting.direction_id} == {0, 1}:
            trip, stop = trips[key], trips[key].ahead[0]
            if not _passed_as_another(trip, trips.values()):
                found = passing(trip, stop, moment, Evidence.PREDICTED, latest=moment.at, not_before=0.0)
                yield key, replace(trip, passings={**trip.passings, stop.stop_id: found})


def _passed_as_another(trip: Trip, trips: Iterable[Trip]) -> bool:
    """Tell whether the vehicle has since gone on under another trip, and left the stop as that."""
    stop_id = trip.ahead[0].stop_id
    return any(
        other.vehicle_id == trip.vehicle_id
        and other.run.direction_id == trip.run.direction_id
        and stop_id in other.passings
        and other.passings[stop_id].latest > trip.seen.at
        for other in trips
    )


def _may_have(trip: Trip, moment: PollTime) -> bool:
    return (
        trip.lost
        and trip.assigned
        and len(trip.ahead) == 1
        and bool(trip.vehicle_id)
        and trip.ahead[0].stop_id not in trip.passings
        and moment.at - trip.seen.at <= MAX_TURNAROUND_SECS
    )
