"""One moment of a simulated feed as a FeedMessage: TripUpdates, VehiclePositions, and the NYCT extension."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripDescriptor, TripUpdate, VehiclePosition

from headway_prediction.feeds.realtime.nyct import (
    DIRECTION,
    IS_ASSIGNED,
    NORTH,
    SOUTH,
    TRAIN_ID,
    TRIP_DESCRIPTOR,
)
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.trains import ERROR_BLOCK_SECS, LISTED_BEFORE_SECS, FeedTrain

INCOMING_SECS = 15
BOARDING_SECS = 60
"""A train stands at its first platform so long before the planned dwell."""
LISTED_PAST_SECS = 90
ANNOUNCED_BEFORE_SECS = 180
WITHDRAWN_BEFORE_SECS = 240
CANCELLED_BEFORE_SECS = 300
RENAMED = "-R"
"""The suffix of the trip id of a train that continues under another id."""


@dataclass(frozen=True)
class FeedContent:
    """What a feed holds: trip updates, vehicle positions or both, and whether with the NYCT extension.

    With `delays` the updates have delays of departures and no times: at `stops`, or one of the whole `trip`, which is that
    at its next stop.
    """

    trip_updates: bool = True
    vehicle_positions: bool = True
    nyct: bool = False
    delays: Literal["stops", "trip"] | None = None


@dataclass(frozen=True)
class MessageWriter:
    """Writes one moment of a feed. `start` is the epoch second at which the service day begins, by the feed's own clock."""

    content: FeedContent
    faults: FeedFaults
    route_id: str
    start_date: str
    start: int

    def add(self, message: FeedMessage, train: FeedTrain, now: float, lag_secs: float) -> None:
        """Add the entities of `train` at second `now` of the service day; vehicles were seen `lag_secs` before."""
        if now < train.planned_secs - LISTED_BEFORE_SECS:
            return
        ends = train.planned_secs + 600 if train.cancelled else train.departure_secs[train.last_served]
        if now >= ends + (LISTED_PAST_SECS if self.faults.moving_past else 0):
            return
        if any(begin <= now < end for begin, end in train.gaps):
            return
        if self.content.trip_updates:
            self._add_update(message, train, now)
        seen = now - lag_secs
        there = train.arrival_secs[0] - BOARDING_SECS <= seen < ends
        if self.content.vehicle_positions and not train.cancelled and there:
            self._add_vehicle(message, train, now, seen)

    def _describe(self, trip: TripDescriptor, train: FeedTrain, now: float) -> None:
        trip.trip_id = train.name + (RENAMED if now >= train.renamed_secs else "")
        trip.route_id = self.route_id
        if not self.faults.undated_trips:
            trip.start_date = self.start_date
        if train.cancelled and now >= train.planned_secs - CANCELLED_BEFORE_SECS:
            trip.schedule_relationship = TripDescriptor.CANCELED
        if self.content.nyct:
            trip.MergeFromString(_nyct_bytes(train, assigned=bool(now >= train.arrival_secs[0])))
        else:
            trip.direction_id = train.direction

    def _add_update(self, message: FeedMessage, train: FeedTrain, now: float) -> None:
        entity = message.entity.add(id=f"{len(message.entity) + 1}")
        self._describe(entity.trip_update.trip, train, now)
        arrivals, departures = predicted(train, now)
        listed_from = now - LISTED_PAST_SECS if self.faults.moving_past else now
        if self.content.delays == "trip":
            # Past its last stop, as long as the feed lists it: the delay it ended with.
            station = min(int(np.sum(train.departure_secs <= now)), len(train.departure_secs) - 1)
            entity.trip_update.delay = int(departures[station] - train.planned_departure_secs[station])
            return
        for station in np.flatnonzero(train.departure_secs > listed_from).tolist():
            relationship = _listed_as(train, station, now)
            if relationship is None:
                continue
            stop = entity.trip_update.stop_time_update.add(stop_id=train.stops[station])
            if relationship == TripUpdate.StopTimeUpdate.SKIPPED:
                stop.schedule_relationship = relationship
                continue
            if self.content.delays:
                stop.departure.delay = int(departures[station] - train.planned_departure_secs[station])
                continue
            stop.arrival.time = self.start + int(arrivals[station])
            stop.departure.time = self.start + int(departures[station])

    def _add_vehicle(self, message: FeedMessage, train: FeedTrain, now: float, seen: float) -> None:
        station = int(np.flatnonzero(train.served & (train.departure_secs > seen))[0])
        entity = message.entity.add(id=f"{len(message.entity) + 1}")
        position = entity.vehicle
        self._describe(position.trip, train, now)
        position.vehicle.id = train.vehicle
        position.stop_id = train.stops[station]
        position.current_stop_sequence = station + 1
        position.current_status = _status(train, station, seen)
        position.timestamp = self.start + int(seen)


def predicted(train: FeedTrain, now: float) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted arrivals and departures (stations,), in seconds of the service day: errors grow with the lead.

    The departure of a train that stands longer than a typical dwell is in the past and moves with the clock.
    """
    blocks = now / ERROR_BLOCK_SECS
    share = np.interp(blocks, np.arange(len(train.errors)), train.errors)
    both = np.stack([train.arrival_secs, train.departure_secs], axis=1).ravel()
    both = np.maximum.accumulate(both + share * (both - now).clip(0))
    arrivals, departures = both[::2], both[1::2].copy()
    standing = (train.arrival_secs <= now) & (now < train.departure_secs)
    departures[standing] = np.maximum(train.arrival_secs[standing] + 25, now - 10)
    left = train.departure_secs <= now
    departures[left] += 6 * np.sin(now / 20)
    return arrivals, departures


def _listed_as(
    train: FeedTrain, station: int, now: float
) -> "TripUpdate.StopTimeUpdate.ScheduleRelationship | None":
    """How a stop ahead is listed: scheduled, skipped, or not at all."""
    wait = train.arrival_secs[station] - now
    scheduled = TripUpdate.StopTimeUpdate.SCHEDULED
    if train.cancelled or train.served[station]:
        hidden = train.added[station] and wait > ANNOUNCED_BEFORE_SECS
        return None if hidden else scheduled
    if station > train.last_served:
        # A short turn is decided when the train leaves the station before.
        return scheduled if now < train.departure_secs[max(0, train.last_served - 1)] else None
    if train.marked_skips[station]:
        return TripUpdate.StopTimeUpdate.SKIPPED
    return scheduled if wait > WITHDRAWN_BEFORE_SECS else None


def _status(train: FeedTrain, station: int, now: float) -> "VehiclePosition.VehicleStopStatus":
    if train.arrival_secs[station] <= now or station == 0:
        return VehiclePosition.STOPPED_AT
    near = train.arrival_secs[station] - now <= INCOMING_SECS
    return VehiclePosition.INCOMING_AT if near else VehiclePosition.IN_TRANSIT_TO


def _nyct_bytes(train: FeedTrain, assigned: bool) -> bytes:
    """The extension's field of a TripDescriptor, in the wire format: its number and length, then three fields."""
    name = f"1{train.name}".encode()
    fields = bytes([TRAIN_ID << 3 | 2, len(name)]) + name
    fields += bytes([IS_ASSIGNED << 3, assigned, DIRECTION << 3, SOUTH if train.direction else NORTH])
    tag = TRIP_DESCRIPTOR << 3 | 2
    return bytes([tag & 0x7F | 0x80, tag >> 7, len(fields)]) + fields
