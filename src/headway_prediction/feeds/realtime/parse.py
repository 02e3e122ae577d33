"""A poll's bytes to a Snapshot (GTFS-Realtime 2.0: gtfs.org/documentation/realtime/reference).

A body that is no FeedMessage is refused as a whole. Within a message, implausible values are dropped field by field.
"""

import hashlib
import math
from collections.abc import Collection, Iterable

from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import (
    FeedHeader,
    FeedMessage,
    TripDescriptor,
    TripUpdate,
    VehiclePosition,
)

from headway_prediction.feeds.realtime.delays import (
    delayed_stops,
    has_delays_only,
    planned_stops_of,
    stop_time,
    text_or_empty,
)
from headway_prediction.feeds.realtime.nyct import nyct_track, nyct_trip
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import (
    ListedStop,
    Poll,
    Sighting,
    Snapshot,
    TripKey,
    Vehicle,
    VehicleStatus,
    merge_sightings,
)

MAX_EPOCH_SECS = 4e9
"""Epoch seconds of the year 2096. Later times are rejected, so that every accepted time converts to a date."""
MAX_SECS_FROM_POLL = 24 * 3600
"""A time further than this from its poll is treated as an error, not as a prediction."""
MAX_TRACKS_READ = 2
"""Stops per trip whose track is read: further ahead only the planned track is known, and reading every track would double
the time to parse a poll."""
CANCELLED = {TripDescriptor.CANCELED, TripDescriptor.DELETED}
SKIPPED = TripUpdate.StopTimeUpdate.SKIPPED

HOUR_SECS = 3600
MAX_HEADER_ERROR_SECS = 300
"""A header timestamp dates its poll only if it lies within this time of the fetch, whole hours of clock offset aside."""
NEAR_SECS = 600
"""Next stops are due, and positions were measured, within about this time of the fetch."""
MAX_OFFSET_HOURS = 14


class MalformedPoll(Exception):
    """The body is no FeedMessage of the full data set; the message is the reason."""


def read_snapshot(poll: Poll, planned: PlannedTrips = NO_PLAN) -> Snapshot:
    """Parse one poll. Raises MalformedPoll for anything but a whole FeedMessage of the full data set.

    `planned` holds the planned times that delays refer to, for feeds that publish delays without times. Times of a feed
    whose clock is off by whole hours are corrected (see `clock_offset_hours`).
    """
    message = _message(poll)
    entities = [entity for entity in message.entity if not entity.is_deleted]
    updates = [entity.trip_update for entity in entities if entity.HasField("trip_update")]
    vehicles = [entity.vehicle for entity in entities if entity.HasField("vehicle")]
    header_at = float(message.header.timestamp) or None
    hours = (
        0 if header_at is None else clock_offset_hours(header_at, poll.fetched_at, _times(updates, vehicles))
    )
    offset = (hours or 0) * HOUR_SECS
    pairs = [(trip_key(u.trip), sighting_of_update(u, poll.fetched_at, offset, planned)) for u in updates]
    pairs += [(trip_key(v.trip), sighting_of_vehicle(v, poll.fetched_at, offset)) for v in vehicles]
    with_trip = [(key, sighting) for key, sighting in pairs if key is not None]
    return Snapshot(
        poll.fetched_at,
        hashlib.sha256(poll.body).digest(),
        None if header_at is None or hours is None else header_at - offset,
        bool(updates),
        bool(vehicles),
        _by_trip(with_trip),
        len(pairs) - len(with_trip),
    )


def _message(poll: Poll) -> FeedMessage:
    if not (math.isfinite(poll.fetched_at) and 0 <= poll.fetched_at <= MAX_EPOCH_SECS):
        raise MalformedPoll(f"its fetch time {poll.fetched_at} is not a valid time")
    try:
        message = FeedMessage.FromString(poll.body)
    except DecodeError as error:
        raise MalformedPoll(f"its {len(poll.body)} bytes are no FeedMessage") from error
    if not message.IsInitialized():
        raise MalformedPoll(f"its {len(poll.body)} bytes lack required fields of a FeedMessage")
    if message.header.incrementality == FeedHeader.DIFFERENTIAL:
        raise MalformedPoll("it holds changes only, not the full data set")
    return message


def clock_offset_hours(header_at: float, fetched_at: float, times: Collection[float]) -> int | None:
    """Return by how many whole hours the feed's clock is ahead; None for a header that is implausible.

    Some feeds are off by an hour after a clock change. `times` are each trip's next stop and each vehicle's measurement:
    the offset counts only if more of them lie near `fetched_at` once corrected. A header that froze an hour ago has the
    same age, but then the times do not move with it.
    """
    hours = round((header_at - fetched_at) / HOUR_SECS)
    if (
        abs(header_at - hours * HOUR_SECS - fetched_at) > MAX_HEADER_ERROR_SECS
        or abs(hours) > MAX_OFFSET_HOURS
    ):
        return None
    if hours and _count_near(times, fetched_at + hours * HOUR_SECS) <= _count_near(times, fetched_at):
        return None
    return hours


def _count_near(times: Collection[float], moment: float) -> int:
    return sum(abs(time - moment) <= NEAR_SECS for time in times)


def _times(updates: Iterable[TripUpdate], vehicles: Iterable[VehiclePosition]) -> list[float]:
    """Each update's first time and each vehicle's measurement."""
    times = [float(vehicle.timestamp) for vehicle in vehicles if vehicle.timestamp]
    for update in updates:
        for stop in update.stop_time_update:
            time = stop.departure.time or stop.arrival.time
            if time:
                times.append(float(time))
                break
    return times


def _by_trip(pairs: Iterable[tuple[TripKey, Sighting]]) -> dict[TripKey, Sighting]:
    """One sighting per trip: an update and a vehicle are joined, also where one of them lacks the start date."""
    pairs = list(pairs)
    dated: dict[str, set[TripKey]] = {}
    for key, _ in pairs:
        if key.start_date:
            dated.setdefault(key.trip_id, set()).add(key)
    sightings: dict[TripKey, Sighting] = {}
    for key, sighting in pairs:
        candidates = dated.get(key.trip_id, set())
        if not key.start_date and len(candidates) == 1:
            (key,) = candidates
        sightings[key] = merge_sightings(sightings[key], sighting) if key in sightings else sighting
    return sightings


def trip_key(trip: TripDescriptor) -> TripKey | None:
    """Return the key of a trip; None without a trip id. Frequency-based runs share their id and differ in start_time."""
    trip_id = text_or_empty(trip.trip_id)
    if not trip_id:
        return None
    start_time = text_or_empty(trip.start_time)
    if trip.schedule_relationship == TripDescriptor.UNSCHEDULED and start_time:
        trip_id = f"{trip_id}@{start_time}"
    return TripKey(text_or_empty(trip.start_date), trip_id)


def sighting_of_update(
    update: TripUpdate, fetched_at: float, offset_secs: float, planned: PlannedTrips
) -> Sighting:
    """Return the sighting of a trip update; `offset_secs` is how far the feed's clock is ahead.

    Where the update gives delays without times and `planned` holds the trip, planned times plus delays are used.
    """
    listed: dict[str, ListedStop] = {}
    skipped = set()
    for stop, is_skipped in _stops(update, fetched_at, offset_secs, planned):
        if is_skipped:
            skipped.add(stop.stop_id)
            continue
        # A stop that a trip visits twice counts by its last visit, the only one that stays listed to the end.
        listed.pop(stop.stop_id, None)
        listed[stop.stop_id] = stop
    return _sighting(update.trip, tuple(listed.values()), frozenset(skipped.difference(listed)), None)


def _stops(
    update: TripUpdate, fetched_at: float, offset_secs: float, planned: PlannedTrips
) -> Iterable[tuple[ListedStop, bool]]:
    """The stops of an update, each with whether it is skipped."""
    stops = planned_stops_of(update, planned, fetched_at) if has_delays_only(update) else ()
    if stops:
        return [
            (stop._replace(due=_plausible(stop.due, fetched_at)), is_skipped)
            for stop, is_skipped in delayed_stops(update, stops, offset_secs)
        ]
    return [
        (
            ListedStop(
                stop.stop_id,
                _plausible(stop_time(stop, offset_secs), fetched_at),
                False,
                nyct_track(stop) if place < MAX_TRACKS_READ else "",
            ),
            stop.schedule_relationship == SKIPPED,
        )
        for place, stop in enumerate(update.stop_time_update)
        if text_or_empty(stop.stop_id)
    ]


def sighting_of_vehicle(position: VehiclePosition, fetched_at: float, offset_secs: float) -> Sighting:
    """Return the sighting of a vehicle position; `offset_secs` is how far the feed's clock is ahead."""
    vehicle = Vehicle(
        text_or_empty(position.vehicle.id) or text_or_empty(position.vehicle.label),
        text_or_empty(position.stop_id),
        VehicleStatus(position.current_status) if position.HasField("current_status") else None,
        position.current_stop_sequence if position.HasField("current_stop_sequence") else None,
        _plausible(position.timestamp - offset_secs, fetched_at),
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
        text_or_empty(trip.route_id),
        direction_id,
        nyct.train_id if nyct else "",
        nyct.assigned if nyct else True,
        trip.schedule_relationship in CANCELLED,
        listed,
        skipped,
        vehicle,
    )


def _plausible(moment: float | None, fetched_at: float) -> float | None:
    return float(moment) if moment is not None and abs(moment - fetched_at) <= MAX_SECS_FROM_POLL else None
