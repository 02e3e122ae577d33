"""A train that goes on under another trip: what is left of the one is not passed by it, but by the other."""

from collections.abc import Iterable

from headway_prediction.feeds.realtime.snapshot import Sighting
from headway_prediction.feeds.realtime.trip import Trip


def continues_as_other(trip: Trip, sightings: Iterable[Sighting], newcomers: Iterable[Sighting]) -> bool:
    """Tell whether a trip that is lost goes on as one of `sightings`, or of those seen for the first time (`newcomers`).

    It does where its vehicle stands under the other where it stood under this, or where the other is new with just the
    stops that this had left; in the same direction, for where they turn trains pass two platforms.
    """
    if not trip.ahead:
        return False
    return any(_same_way(trip, other) and _same_vehicle(trip, other) for other in sightings) or any(
        _same_way(trip, other) and _same_stops(trip, other) for other in newcomers
    )


def _same_way(trip: Trip, other: Sighting) -> bool:
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
