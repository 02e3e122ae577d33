"""One poll of a GTFS-Realtime feed: its bytes, and its content in plain values. All times are epoch seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


@dataclass(frozen=True)
class Poll:
    """The response to one request of a feed."""

    fetched_at: float
    """When the response was complete, by the clock of the machine that made the request."""
    body: bytes = field(repr=False)
    """The response body, not parsed: it need not be a valid FeedMessage."""


class TripKey(NamedTuple):
    """The key of a trip within a feed. `start_date` (YYYYMMDD) is empty where the feed leaves it out."""

    start_date: str
    trip_id: str


class VehicleStatus(Enum):
    """What a vehicle does at the stop it names (GTFS-Realtime, VehicleStopStatus)."""

    INCOMING_AT = 0
    STOPPED_AT = 1
    IN_TRANSIT_TO = 2


class ListedStop(NamedTuple):
    """A stop of a trip update: `due` is its departure, or its arrival where no departure is given; None without a time.

    `track` comes from the NYCT extension, and is read for the next stops only. `from_schedule` marks a stop that the feed
    does not list: it comes from the schedule, and `due` is its planned time plus the trip's delay.
    """

    stop_id: str
    due: float | None
    from_schedule: bool = False
    track: str = ""


class Vehicle(NamedTuple):
    """The position of a vehicle. `status`, `stop_sequence` and `measured_at` are None where the feed leaves them out."""

    vehicle_id: str
    stop_id: str
    status: VehicleStatus | None
    stop_sequence: int | None
    measured_at: float | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One trip in one poll: its TripUpdate, its VehiclePosition, or both.

    `listed` holds the stops of the update without the skipped ones; None without an update. `assigned` is False where the
    NYCT extension marks the trip as not yet assigned to a train.
    """

    route_id: str
    direction_id: int | None
    train_id: str
    assigned: bool
    cancelled: bool
    listed: tuple[ListedStop, ...] | None
    skipped: frozenset[str]
    vehicle: Vehicle | None


def merge_sightings(first: Sighting, second: Sighting) -> Sighting:
    """Join the update and the vehicle of one trip; of two updates, or two vehicles, the first counts."""
    return Sighting(
        first.route_id or second.route_id,
        second.direction_id if first.direction_id is None else first.direction_id,
        first.train_id or second.train_id,
        first.assigned and second.assigned,
        first.cancelled or second.cancelled,
        second.listed if first.listed is None else first.listed,
        first.skipped | second.skipped,
        first.vehicle or second.vehicle,
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of one poll.

    `header_at` is the header's timestamp, None where it is missing or implausible. `digest` is the SHA-256 of the body.
    `has_updates` and `has_vehicles` are whether the poll holds any entity of that kind, `without_trip` counts the entities
    without a trip id.
    """

    fetched_at: float
    digest: bytes
    header_at: float | None
    has_updates: bool
    has_vehicles: bool
    sightings: Mapping[TripKey, Sighting] = field(repr=False)
    without_trip: int
