"""What the NYCT extension of GTFS-Realtime says about trips and their stops (MTA, "NYCT Subway" extension, fields 1001).

It is read from the fields that the official bindings keep without knowing them, so that no second set of them is needed.
"""

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
    """A train's name, whether a train has been assigned to the trip, and direction_id (None for a direction nobody knows).

    The MTA's schedules count northbound trips as direction 0. Its feeds leave north, the field's default, unsaid.
    """

    train_id: str
    assigned: bool
    direction_id: int | None


def nyct_trip(descriptor: Message) -> NyctTrip | None:
    """Return the extension of a TripDescriptor; None where there is none that can be read."""
    fields = _extension(descriptor, TRIP_DESCRIPTOR)
    if fields is None:
        return None
    direction = fields.get(DIRECTION, NORTH)
    direction_id = _DIRECTION_IDS.get(direction) if isinstance(direction, int) else None
    return NyctTrip(_text(fields.get(TRAIN_ID)), fields.get(IS_ASSIGNED) == 1, direction_id)


def nyct_track(stop_time_update: Message) -> str:
    """Return the track of a StopTimeUpdate: the actual one, told shortly before the train comes, or else the scheduled.

    Empty where the extension does not say it.
    """
    fields = _extension(stop_time_update, STOP_TIME_UPDATE) or {}
    return _text(fields.get(ACTUAL_TRACK)) or _text(fields.get(SCHEDULED_TRACK))


def _extension(message: Message, number: int) -> dict[int, object] | None:
    for field in UnknownFieldSet(message):
        if field.field_number == number and isinstance(field.data, bytes):
            return _parsed(field.data)
    return None


def _parsed(data: bytes) -> dict[int, object] | None:
    try:
        return {field.field_number: field.data for field in UnknownFieldSet(Empty.FromString(data))}
    except DecodeError:
        return None


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
