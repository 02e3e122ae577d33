"""The NYCT extension of GTFS-Realtime for trips and stop times (MTA, "NYCT Subway" extension, field number 1001).

The official bindings do not know the extension and keep it as unknown fields. Reading those avoids a second, generated set
of bindings.
"""

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

TRIP_DESCRIPTOR = 1001
TRAIN_ID, IS_ASSIGNED, DIRECTION = 1, 2, 3
STOP_TIME_UPDATE = 1001
SCHEDULED_TRACK, ACTUAL_TRACK = 1, 2
NORTH, EAST, SOUTH, WEST = 1, 2, 3, 4
_DIRECTION_IDS = {NORTH: 0, EAST: 0, SOUTH: 1, WEST: 1}


class NyctTrip(NamedTuple):
    """The train's id, whether a train is assigned to the trip, and direction_id (None for an unknown direction).

    North is direction 0, as in the MTA's schedules, and the default where the field is missing.
    """

    train_id: str
    assigned: bool
    direction_id: int | None


def nyct_trip(descriptor: Message) -> NyctTrip | None:
    """Return the extension of a TripDescriptor; None where it is missing or cannot be parsed."""
    fields = _extension(descriptor, TRIP_DESCRIPTOR)
    if fields is None:
        return None
    direction = fields.get(DIRECTION, NORTH)
    direction_id = _DIRECTION_IDS.get(direction) if isinstance(direction, int) else None
    return NyctTrip(_text(fields.get(TRAIN_ID)), fields.get(IS_ASSIGNED) == 1, direction_id)


def nyct_track(stop_time_update: Message) -> str:
    """Return the track of a StopTimeUpdate: the actual one, which feeds add shortly before the train arrives, or else the
    scheduled one; empty without either."""
    fields = _extension(stop_time_update, STOP_TIME_UPDATE) or {}
    return _text(fields.get(ACTUAL_TRACK)) or _text(fields.get(SCHEDULED_TRACK))


def _extension(message: Message, number: int) -> dict[int, object] | None:
    for field_number, data in _unknown_fields(message):
        if field_number == number and isinstance(data, bytes):
            return _parsed(data)
    return None


def _parsed(data: bytes) -> dict[int, object] | None:
    try:
        return dict(_unknown_fields(Empty.FromString(data)))
    except DecodeError:
        return None


def _unknown_fields(message: Message) -> Iterator[tuple[int, object]]:
    fields = UnknownFieldSet(message)
    for index in range(len(fields)):
        yield fields[index].field_number, fields[index].data


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
