"""What the NYCT extension of GTFS-Realtime says about a trip (MTA, "NYCT Subway" extension: TripDescriptor field 1001).

It is read from the fields that the official bindings keep without knowing them, so that no second set of them is needed.
"""

from typing import NamedTuple

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

TRIP_DESCRIPTOR = 1001
TRAIN_ID, IS_ASSIGNED, DIRECTION = 1, 2, 3
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
    for field in UnknownFieldSet(descriptor):
        if field.field_number == TRIP_DESCRIPTOR and isinstance(field.data, bytes):
            return _parsed(field.data)
    return None


def _parsed(data: bytes) -> NyctTrip | None:
    try:
        fields = {field.field_number: field.data for field in UnknownFieldSet(Empty.FromString(data))}
    except DecodeError:
        return None
    train_id = fields.get(TRAIN_ID, b"")
    name = train_id.decode("utf-8", "replace") if isinstance(train_id, bytes) else ""
    direction = fields.get(DIRECTION, NORTH)
    direction_id = _DIRECTION_IDS.get(direction) if isinstance(direction, int) else None
    return NyctTrip(name, fields.get(IS_ASSIGNED) == 1, direction_id)
