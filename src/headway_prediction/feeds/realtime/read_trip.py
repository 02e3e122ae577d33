"""One TripUpdate or VehiclePosition to a Sighting; whatever is out of its senses is left out, field by field."""

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate, VehiclePosition

from headway_prediction.feeds.realtime.nyct import nyct_trip
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting, Status, TripKey, Vehicle

FAR_SECS = 24 * 3600
"""A time further than this from its poll is a mistake, not a prediction."""
CANCELLED = {TripDescriptor.CANCELED, TripDescriptor.DELETED}
SKIPPED = TripUpdate.StopTimeUpdate.SKIPPED


def trip_key(trip: TripDescriptor) -> TripKey | None:
    """Return what tells the trip apart; None where it has no trip id.

    Runs by frequency share their id and differ in start_time.
    """
    trip_id = _text(trip.trip_id)
    if not trip_id:
        return None
    if trip.schedule_relationship == TripDescriptor.UNSCHEDULED and _text(trip.start_time):
        trip_id = f"{trip_id}@{_text(trip.start_time)}"
    return TripKey(_text(trip.start_date), trip_id)


def sighting_of_update(update: TripUpdate, fetched_at: float, ahead_secs: float) -> Sighting:
    """Return what a trip update says; `ahead_secs` is how far the feed's clock is ahead of ours."""
    listed: dict[str, ListedStop] = {}
    skipped = set()
    for stop in update.stop_time_update:
        stop_id = stop.stop_id
        if not stop_id or not isinstance(stop_id, str):
            continue
        if stop.schedule_relationship == SKIPPED:
            skipped.add(stop_id)
            continue
        # A stop that a trip visits twice is known by its last visit: it alone stays listed to the end.
        listed.pop(stop_id, None)
        listed[stop_id] = ListedStop(stop_id, _due(stop, fetched_at, ahead_secs))
    return _sighting(update.trip, tuple(listed.values()), frozenset(skipped.difference(listed)), None)


def sighting_of_vehicle(position: VehiclePosition, fetched_at: float, ahead_secs: float) -> Sighting:
    """Return what a vehicle position says; see `sighting_of_update`."""
    vehicle = Vehicle(
        _text(position.vehicle.id) or _text(position.vehicle.label),
        _text(position.stop_id),
        Status(position.current_status) if position.HasField("current_status") else None,
        position.current_stop_sequence if position.HasField("current_stop_sequence") else None,
        _near(position.timestamp, fetched_at, ahead_secs),
    )
    return _sighting(position.trip, None, frozenset(), vehicle)


def _sighting(
    trip: TripDescriptor,
    listed: tuple[ListedStop, ...] | None,
    skipped: frozenset[str],
    vehicle: Vehicle | None,
) -> Sighting:
    nyct = nyct_trip(trip)
    direction_id = nyct.direction_id if nyct else None
    if trip.HasField("direction_id"):
        direction_id = trip.direction_id if trip.direction_id in (0, 1) else None
    return Sighting(
        _text(trip.route_id),
        direction_id,
        nyct.train_id if nyct else "",
        nyct.assigned if nyct else True,
        trip.schedule_relationship in CANCELLED,
        listed,
        skipped,
        vehicle,
    )


def _due(stop: TripUpdate.StopTimeUpdate, fetched_at: float, ahead_secs: float) -> float | None:
    return _near(stop.departure.time or stop.arrival.time, fetched_at, ahead_secs)


def _near(time: int, fetched_at: float, ahead_secs: float) -> float | None:
    moment = time - ahead_secs
    return float(moment) if abs(moment - fetched_at) <= FAR_SECS else None


def _text(value: str | bytes) -> str:
    # The bindings hand out bytes that are no UTF-8 as they are.
    return value if isinstance(value, str) else ""
