"""The state machine: snapshots in, in the order they were fetched; trips and their passings out. Pure: states are values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from headway_prediction.feeds.realtime.feed_timestamp import content_time, is_outdated, newest_header_at
from headway_prediction.feeds.realtime.gap_fill import fill_gap
from headway_prediction.feeds.realtime.lost_trip import mark_lost
from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.snapshot import Snapshot, TripKey
from headway_prediction.feeds.realtime.trip import PollTime, Trip, is_new_run, new_trip
from headway_prediction.feeds.realtime.trip_change import continues_as_other
from headway_prediction.feeds.realtime.turnaround import turnaround_passings
from headway_prediction.feeds.realtime.update_trip import follow

TRIP_TIMEOUT_SECS = 3 * 3600
"""A trip unseen for as long is over; if its id comes back, it is another run."""
REPEAT_SECS = 900
"""A body that came before within this time is the same poll served again."""
MIN_OUTAGE_TRIPS = 3
"""Fewer trips than this may end at once without more than half of the line's going being an outage."""


class PollOutcome(StrEnum):
    """What became of a poll."""

    APPLIED = "applied"
    REPEATED = "repeated"
    OLDER = "older than the one before"
    EMPTY = "without trips"


@dataclass(frozen=True, slots=True)
class State:
    """What is known after some polls: the trips not yet over, by key, and what tells the next poll's place in time.

    `newest_header` is kept for each kind of poll (updates, vehicles, both), for they may come from different addresses;
    `recent` holds the bodies' digests of the last REPEAT_SECS with the times they were first fetched.
    """

    trips: Mapping[TripKey, Trip] = field(default_factory=dict)
    at: float = 0.0
    newest_header: Mapping[tuple[bool, bool], float] = field(default_factory=dict)
    recent: Mapping[bytes, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a snapshot, what became of that, the passings of trips that are over since, and its strays."""

    state: State
    use: PollOutcome
    closed: tuple[Passing, ...] = ()
    without_trip: int = 0


def advance(state: State, snapshot: Snapshot) -> Step:
    """Apply a snapshot that was fetched after all that `state` knows."""
    if snapshot.digest in state.recent:
        return Step(state, PollOutcome.REPEATED)
    kinds = (snapshot.has_updates, snapshot.has_vehicles)
    header = state.newest_header.get(kinds, 0.0)
    recent = {
        digest: at for digest, at in state.recent.items() if snapshot.fetched_at - at <= REPEAT_SECS
    } | {snapshot.digest: snapshot.fetched_at}
    if is_outdated(snapshot, header):
        return Step(replace(state, recent=recent), PollOutcome.OLDER)
    moment = PollTime(content_time(snapshot, header, state.at), snapshot.fetched_at)
    headers = {**state.newest_header, kinds: newest_header_at(snapshot, header)}
    if not any(kinds):
        return Step(replace(state, recent=recent), PollOutcome.EMPTY)
    trips, closed = _trips_after(state.trips, snapshot, moment)
    return Step(State(trips, moment.at, headers, recent), PollOutcome.APPLIED, closed, snapshot.without_trip)


def _trips_after(
    before: Mapping[TripKey, Trip], snapshot: Snapshot, moment: PollTime
) -> tuple[dict[TripKey, Trip], tuple[Passing, ...]]:
    trips = dict(before)
    closed: list[Passing] = []
    for key, trip in _lost(before, snapshot, moment):
        trips[key] = trip
    trips |= dict(turnaround_passings(trips, snapshot.sightings.values(), moment))
    for key, sighting in snapshot.sightings.items():
        trip = trips.get(key)
        if trip is not None and (
            moment.at - trip.seen.at > TRIP_TIMEOUT_SECS or is_new_run(trip, sighting, moment)
        ):
            closed += trip.passings.values()
            trip = None
        known = fill_gap(trip, sighting, moment, trips.values()) if trip else new_trip(key, moment)
        trips[key] = follow(known, sighting, moment)
    over = [key for key, trip in trips.items() if moment.at - trip.seen.at > TRIP_TIMEOUT_SECS]
    for key in over:
        closed += trips.pop(key).passings.values()
    return trips, tuple(closed)


def _lost(
    trips: Mapping[TripKey, Trip], snapshot: Snapshot, moment: PollTime
) -> Iterator[tuple[TripKey, Trip]]:
    """The trips that this poll should hold and does not, as they are after it."""
    expected = {
        key: trip
        for key, trip in trips.items()
        if not trip.lost and (snapshot.has_updates if trip.by_updates else snapshot.has_vehicles)
    }
    gone = {key: trip for key, trip in expected.items() if key not in snapshot.sightings}
    outage = len(gone) >= MIN_OUTAGE_TRIPS and len(gone) * 2 > len(expected)
    newcomers = [sighting for key, sighting in snapshot.sightings.items() if key not in trips]
    for key, trip in gone.items():
        goes_on = continues_as_other(trip, snapshot.sightings.values(), newcomers)
        yield key, mark_lost(trip, moment, outage=outage, continues_as_other=goes_on)
