"""A poll's bytes to a Snapshot (GTFS-Realtime 2.0: gtfs.org/documentation/realtime/reference)."""

import hashlib
import math
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedHeader, FeedMessage, TripUpdate

from headway_prediction.feeds.realtime.clock_offset import HOUR, clock_offset_hours
from headway_prediction.feeds.realtime.merge import merge_sightings
from headway_prediction.feeds.realtime.parse_trip import sighting_of_update, sighting_of_vehicle, trip_key
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.feeds.realtime.poll import Poll
from headway_prediction.feeds.realtime.snapshot import Sighting, Snapshot, TripKey

MAX_EPOCH_SECS = 4e9
"""Epoch seconds of the year 2096: nobody polls later, and dates are still dates."""


class MalformedPoll(Exception):
    """A body that is no FeedMessage we can follow; the text says why."""


def read_snapshot(poll: Poll, planned: PlannedTrips = NO_PLAN) -> Snapshot:
    """Read one poll. Raises MalformedPoll for anything but a whole FeedMessage of the full data set.

    `planned` tells what delays are delays of, for feeds that tell these alone. Times of a feed whose clock is off by whole
    hours are set right (see hours_off).
    """
    message = _message(poll)
    updates = [entity.trip_update for entity in message.entity if _has(entity, "trip_update")]
    vehicles = [entity.vehicle for entity in message.entity if _has(entity, "vehicle")]
    header_at = float(message.header.timestamp) or None
    hours = (
        0 if header_at is None else clock_offset_hours(header_at, poll.fetched_at, _times(updates, vehicles))
    )
    ahead = (hours or 0) * HOUR
    pairs = [(trip_key(u.trip), sighting_of_update(u, poll.fetched_at, ahead, planned)) for u in updates]
    pairs += [(trip_key(v.trip), sighting_of_vehicle(v, poll.fetched_at, ahead)) for v in vehicles]
    sightings = _by_trip(pairs)
    return Snapshot(
        poll.fetched_at,
        hashlib.sha256(poll.body).digest(),
        None if header_at is None or hours is None else header_at - ahead,
        bool(updates),
        bool(vehicles),
        sightings,
        sum(key is None for key, _ in pairs),
    )


def _message(poll: Poll) -> FeedMessage:
    if not (math.isfinite(poll.fetched_at) and 0 <= poll.fetched_at <= MAX_EPOCH_SECS):
        raise MalformedPoll(f"it was fetched at {poll.fetched_at}, which is no time")
    try:
        message = FeedMessage.FromString(poll.body)
    except DecodeError as error:
        raise MalformedPoll(f"its {len(poll.body)} bytes are no FeedMessage") from error
    if not message.IsInitialized():
        raise MalformedPoll(f"its {len(poll.body)} bytes lack what every FeedMessage has")
    if message.header.incrementality == FeedHeader.DIFFERENTIAL:
        raise MalformedPoll("it holds changes only, not the full data set")
    return message


def _has(entity: object, kind: str) -> bool:
    return entity.HasField(kind) and not entity.is_deleted


def _times(updates: Iterable[TripUpdate], vehicles: Iterable) -> list[float]:
    """Each update's first time and each vehicle's measurement."""
    times = [float(vehicle.timestamp) for vehicle in vehicles if vehicle.timestamp]
    for update in updates:
        for stop in update.stop_time_update:
            time = stop.departure.time or stop.arrival.time
            if time:
                times.append(float(time))
                break
    return times


def _by_trip(pairs: Iterable[tuple[TripKey | None, Sighting]]) -> dict[TripKey, Sighting]:
    """One sighting per trip: an update and a vehicle are joined, also where one of them does not say the date."""
    pairs = [(key, sighting) for key, sighting in pairs if key is not None]
    dated: dict[str, set[TripKey]] = {}
    for key, _ in pairs:
        if key.start_date:
            dated.setdefault(key.trip_id, set()).add(key)
    sightings: dict[TripKey, Sighting] = {}
    for key, sighting in pairs:
        candidates = dated.get(key.trip_id, ())
        if not key.start_date and len(candidates) == 1:
            (key,) = candidates
        sightings[key] = merge_sightings(sightings[key], sighting) if key in sightings else sighting
    return sightings
