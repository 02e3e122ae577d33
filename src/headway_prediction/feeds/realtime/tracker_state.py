"""The tracker's state machine: snapshots in, in the order they were fetched; trips and their passings out.

Pure: states are immutable values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from headway_prediction.feeds.realtime.missing_trips import (
    continues_as_other,
    fill_gap,
    lose_trip,
    turnarounds,
)
from headway_prediction.feeds.realtime.parse import MAX_HEADER_ERROR_SECS
from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.snapshot import Sighting, Snapshot, TripKey
from headway_prediction.feeds.realtime.trip import PollTime, Trip, is_new_run, new_trip
from headway_prediction.feeds.realtime.update_trip import update_trip

TRIP_TIMEOUT_SECS = 3 * 3600
"""A trip unseen for this long is over; if its id appears again, it is another run."""
REPEAT_SECS = 900
"""A body identical to one fetched within this time is the same poll served again."""
MIN_OUTAGE_TRIPS = 3
"""An outage takes at least this many trips, and more than half of those in the feed, out of the same poll."""


class PollOutcome(StrEnum):
    """The effect of a poll on the state."""

    APPLIED = "applied"
    REPEATED = "repeated"
    OLDER = "older than the previous"
    EMPTY = "without trips"


@dataclass(frozen=True, slots=True)
class TrackerState:
    """The trips that are not over, by key, and what places the next poll in time.

    `content_at` is the time of the latest content. `newest_header` is by kind of poll (has updates, has vehicles), because
    the kinds may come from different addresses. `recent` holds the digests of the bodies of the last REPEAT_SECS with the
    times they were first fetched.
    """

    trips: Mapping[TripKey, Trip] = field(default_factory=dict)
    content_at: float = 0.0
    newest_header: Mapping[tuple[bool, bool], float] = field(default_factory=dict)
    recent: Mapping[bytes, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a snapshot, its outcome, the passings of trips that ended, and its entities without a trip."""

    state: TrackerState
    outcome: PollOutcome
    closed: tuple[Passing, ...] = ()
    without_trip: int = 0


def advance(state: TrackerState, snapshot: Snapshot) -> Step:
    """Apply a snapshot that was fetched after every snapshot in `state`."""
    if snapshot.digest in state.recent:
        return Step(state, PollOutcome.REPEATED)
    kinds = (snapshot.has_updates, snapshot.has_vehicles)
    newest_header = state.newest_header.get(kinds, 0.0)
    recent = {
        digest: at for digest, at in state.recent.items() if snapshot.fetched_at - at <= REPEAT_SECS
    } | {snapshot.digest: snapshot.fetched_at}
    if snapshot.header_at is not None and snapshot.header_at < newest_header:
        # Caches serve content older than what they served before.
        return Step(replace(state, recent=recent), PollOutcome.OLDER)
    if not any(kinds):
        return Step(replace(state, recent=recent), PollOutcome.EMPTY)
    now = PollTime(content_time(snapshot, newest_header, state.content_at), snapshot.fetched_at)
    headers = {**state.newest_header, kinds: newer_header(snapshot, newest_header)}
    trips, closed = _advance_trips(state.trips, snapshot, now)
    after = TrackerState(trips, now.content_at, headers, recent)
    return Step(after, PollOutcome.APPLIED, closed, snapshot.without_trip)


def content_time(snapshot: Snapshot, newest_header: float, previous: float) -> float:
    """Return the time of the snapshot's content: the header's, or else the fetch time, and never before `previous`.

    A header that has not changed, or is far from the fetch time, does not date content that changed.
    """
    header, fetched_at = snapshot.header_at, snapshot.fetched_at
    if header is not None and newest_header < header and fetched_at - MAX_HEADER_ERROR_SECS <= header:
        return max(previous, min(header, fetched_at))
    return max(previous, fetched_at)


def newer_header(snapshot: Snapshot, newest_header: float) -> float:
    """Return the newest header so far; a header in the future does not count."""
    header = snapshot.header_at
    if header is None or header > snapshot.fetched_at + MAX_HEADER_ERROR_SECS:
        return newest_header
    return max(header, newest_header)


def _advance_trips(
    previous: Mapping[TripKey, Trip], snapshot: Snapshot, now: PollTime
) -> tuple[dict[TripKey, Trip], tuple[Passing, ...]]:
    """The trips after a snapshot, and the passings of those that ended."""
    trips = dict(previous)
    closed: list[Passing] = []
    trips.update(_lost_trips(previous, snapshot, now))
    trips.update(list(turnarounds(trips, snapshot.sightings.values(), now)))
    for key, sighting in snapshot.sightings.items():
        known = trips.get(key)
        if known is not None and _is_over(known, sighting, now):
            closed += known.passings.values()
            known = None
        trip = fill_gap(known, sighting, now, trips.values()) if known else new_trip(key, now)
        trips[key] = update_trip(trip, sighting, now)
    for key in [key for key, trip in trips.items() if trip.unseen_secs(now) > TRIP_TIMEOUT_SECS]:
        closed += trips.pop(key).passings.values()
    return trips, tuple(closed)


def _is_over(trip: Trip, sighting: Sighting, now: PollTime) -> bool:
    return trip.unseen_secs(now) > TRIP_TIMEOUT_SECS or is_new_run(trip, sighting, now)


def _lost_trips(
    trips: Mapping[TripKey, Trip], snapshot: Snapshot, now: PollTime
) -> Iterator[tuple[TripKey, Trip]]:
    """The trips that this poll should hold and does not."""
    expected = {
        key: trip
        for key, trip in trips.items()
        if not trip.lost and (snapshot.has_updates if trip.by_updates else snapshot.has_vehicles)
    }
    gone = {key: trip for key, trip in expected.items() if key not in snapshot.sightings}
    outage = len(gone) >= MIN_OUTAGE_TRIPS and len(gone) * 2 > len(expected)
    new = [sighting for key, sighting in snapshot.sightings.items() if key not in trips]
    for key, trip in gone.items():
        handed_over = continues_as_other(trip, snapshot.sightings.values(), new)
        yield key, lose_trip(trip, now, outage=outage, handed_over=handed_over)
