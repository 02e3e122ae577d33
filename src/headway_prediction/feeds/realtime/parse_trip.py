"""One TripUpdate or VehiclePosition to a Sighting; whatever is out of its senses is left out, field by field."""

from collections.abc import Iterable

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate, VehiclePosition

from headway_prediction.feeds.realtime.delays import delayed_stops, has_delays_only, planned_stops_of, time_of
from headway_prediction.feeds.realtime.nyct import nyct_track, nyct_trip
from headway_prediction.feeds.realtime.planned import PlannedTrips
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting, Status, TripKey, Vehicle

FAR_SECS = 24 * 3600
"""A time further than this from its poll is a mistake, not a prediction."""
CANCELLED = {TripDescriptor.CANCELED, TripDescriptor.DELETED}
TRACKS_READ = 2
"""Of so many stops of a list: further ahead a track is only the planned one, and reading all takes as long as the rest."""
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


def sighting_of_update(
    update: TripUpdate, fetched_at: float, ahead_secs: float, planned: PlannedTrips
) -> Sighting:
    """Return what a trip update says; `ahead_secs` is how far the feed's clock is ahead of ours.

    Delays that no time stands beside are times where `planned` holds the trip.
    """
    listed: dict[str, ListedStop] = {}
    skipped = set()
    for stop, is_skipped in _stops(update, fetched_at, ahead_secs, planned):
        if is_skipped:
            skipped.add(stop.stop_id)
            continue
        # A stop that a trip visits twice is known by its last visit: it alone stays listed to the end.
        listed.pop(stop.stop_id, None)
        listed[stop.stop_id] = stop
    return _sighting(update.trip, tuple(listed.values()), frozenset(skipped.difference(listed)), None)


def _stops(
    update: TripUpdate, fetched_at: float, ahead_secs: float, planned: PlannedTrips
) -> Iterable[tuple[ListedStop, bool]]:
    """The stops that an update tells of, each with whether it is skipped."""
    stops = planned_stops_of(update, planned, fetched_at) if has_delays_only(update) else ()
    if stops:
        return [
            (stop._replace(due=_near(stop.due, fetched_at)), is_skipped)
            for stop, is_skipped in delayed_stops(update, stops, ahead_secs)
        ]
    return [
        (
            ListedStop(
                stop.stop_id,
                _near(time_of(stop, ahead_secs), fetched_at),
                False,
                nyct_track(stop) if place < TRACKS_READ else "",
            ),
            stop.schedule_relationship == SKIPPED,
        )
        for place, stop in enumerate(update.stop_time_update)
        if stop.stop_id and isinstance(stop.stop_id, str)
    ]


def sighting_of_vehicle(position: VehiclePosition, fetched_at: float, ahead_secs: float) -> Sighting:
    """Return what a vehicle position says; see `sighting_of_update`."""
    vehicle = Vehicle(
        _text(position.vehicle.id) or _text(position.vehicle.label),
        _text(position.stop_id),
        Status(position.current_status) if position.HasField("current_status") else None,
        position.current_stop_sequence if position.HasField("current_stop_sequence") else None,
        _near(position.timestamp - ahead_secs, fetched_at),
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


def _near(moment: float | None, fetched_at: float) -> float | None:
    return float(moment) if moment is not None and abs(moment - fetched_at) <= FAR_SECS else None


def _text(value: str | bytes) -> str:
    # The bindings hand out bytes that are no UTF-8 as they are.
    return value if isinstance(value, str) else ""
