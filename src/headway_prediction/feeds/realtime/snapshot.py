"""What one poll says about the trips of a feed, in plain values. All times are epoch seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class TripKey(NamedTuple):
    """What tells trips apart in a feed. `start_date` (YYYYMMDD) is empty where the feed does not say it."""

    start_date: str
    trip_id: str


class Status(Enum):
    """What a vehicle does at the stop it names (GTFS-Realtime, VehicleStopStatus)."""

    INCOMING_AT = 0
    STOPPED_AT = 1
    IN_TRANSIT_TO = 2


class ListedStop(NamedTuple):
    """A stop of a trip update: `due` is its departure, or its arrival where no departure is given; None without a time.

    `track` is that of the NYCT extension, read for the stops to come next. `from_schedule` says that the feed does not list the
    stop: the plan does, and the time is the plan's with the trip's delay.
    """

    stop_id: str
    due: float | None
    from_schedule: bool = False
    track: str = ""


class Vehicle(NamedTuple):
    """Where a vehicle is: `status` is None where the feed does not say it, and so is `measured_at`."""

    vehicle_id: str
    stop_id: str
    status: Status | None
    stop_sequence: int | None
    measured_at: float | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One trip in one poll: its TripUpdate, its VehiclePosition, or both.

    `listed` holds the stops of the update without the skipped ones; None without an update. `assigned` is False where the
    feed says that no train has been assigned yet.
    """

    route_id: str
    direction_id: int | None
    train_id: str
    assigned: bool
    cancelled: bool
    listed: tuple[ListedStop, ...] | None
    skipped: frozenset[str]
    vehicle: Vehicle | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One poll, read. `header_at` is the feed's own time, None where it has none that can be believed.

    `digest` tells bodies apart; `has_updates` and `has_vehicles` say which kinds of entities came at all.
    """

    fetched_at: float
    digest: bytes
    header_at: float | None
    has_updates: bool
    has_vehicles: bool
    sightings: Mapping[TripKey, Sighting] = field(repr=False)
    without_trip: int
