"""Polls built by hand, and journals as plain rows; all times are seconds since T0."""

from collections.abc import Iterable, Mapping

from google.transit.gtfs_realtime_pb2 import (
    FeedEntity,
    FeedMessage,
    TripDescriptor,
    TripUpdate,
    VehiclePosition,
)

from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import track_polls

T0 = 1_757_340_000
DAY = 86_400
STATUS = {
    "stopped": VehiclePosition.STOPPED_AT,
    "incoming": VehiclePosition.INCOMING_AT,
    "to": VehiclePosition.IN_TRANSIT_TO,
}


def _describe(trip: TripDescriptor, name: str, date: str, direction: int | None, nyct: bytes) -> None:
    trip.trip_id, trip.route_id = name, "L"
    if date:
        trip.start_date = date
    if direction is not None:
        trip.direction_id = direction
    if nyct:
        trip.MergeFromString(b"\xca\x3e" + bytes([len(nyct)]) + nyct)


def update(
    name: str,
    due: Mapping[str, float | None],
    *,
    skipped: Iterable[str] = (),
    date: str = "20250908",
    direction: int | None = 0,
    nyct: bytes = b"",
    cancelled: bool = False,
) -> FeedEntity:
    """A TripUpdate that lists the stops of `due` with their departures."""
    entity = FeedEntity(id=f"u-{name}")
    _describe(entity.trip_update.trip, name, date, direction, nyct)
    if cancelled:
        entity.trip_update.trip.schedule_relationship = TripDescriptor.CANCELED
    for stop_id, secs in due.items():
        stop = entity.trip_update.stop_time_update.add(stop_id=stop_id)
        if stop_id in skipped:
            stop.schedule_relationship = TripUpdate.StopTimeUpdate.SKIPPED
        elif secs is not None:
            stop.departure.time = int(T0 + secs)
    return entity


def vehicle(
    name: str,
    stop_id: str,
    status: str | None,
    *,
    measured: float | None = None,
    vehicle_id: str = "V1",
    date: str = "20250908",
    direction: int | None = 0,
    sequence: int | None = None,
) -> FeedEntity:
    """A VehiclePosition at, or on the way to, `stop_id`; without a trip where `name` is empty."""
    entity = FeedEntity(id=f"v-{vehicle_id}")
    if name:
        _describe(entity.vehicle.trip, name, date, direction, b"")
    entity.vehicle.vehicle.id = vehicle_id
    entity.vehicle.stop_id = stop_id
    if status:
        entity.vehicle.current_status = STATUS[status]
    if measured is not None:
        entity.vehicle.timestamp = int(T0 + measured)
    if sequence is not None:
        entity.vehicle.current_stop_sequence = sequence
    return entity


def message(*entities: FeedEntity, header: float | None) -> FeedMessage:
    """A FeedMessage; `header` is its time, None for none."""
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    if header is not None:
        feed.header.timestamp = int(T0 + header)
    feed.entity.extend(entities)
    return feed


def poll(at: float, *entities: FeedEntity, header: float | str | None = "fetched") -> Poll:
    """A poll fetched at `at`, with the same time in its header by default."""
    header_at = at if header == "fetched" else header
    return Poll(float(T0 + at), message(*entities, header=header_at).SerializeToString())


def row(passing: Passing) -> tuple:
    """(trip, stop, time, earliest, latest, evidence)."""
    times = (passing.time - T0, passing.earliest - T0, passing.latest - T0)
    return (passing.run.trip.trip_id, passing.stop_id, *times, passing.evidence.value)


def journal(*polls: Poll) -> list[tuple]:
    """The rows of the journal of `polls`."""
    return [row(passing) for passing in track_polls(polls).journal()]
