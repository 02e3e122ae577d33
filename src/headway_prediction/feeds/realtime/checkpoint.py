"""The settled state of a tracker as bytes and back: compressed JSON, exact to the last bit, nothing unpickled."""

import json
import zlib
from typing import Any

from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import TripKey, VehicleStatus
from headway_prediction.feeds.realtime.tracker import SettledState
from headway_prediction.feeds.realtime.tracker_state import TrackerState
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

VERSION = 3
"""Increases with every change of the fields of TrackerState, Trip or Passing."""

Json = dict[str, Any]


def to_bytes(settled: SettledState) -> bytes:
    """Return the bytes that `from_bytes` reads."""
    state = settled.state
    content = {
        "version": VERSION,
        "until": settled.until,
        "outcomes": settled.outcomes,
        "rejected": settled.rejected,
        "content_at": state.content_at,
        "newest_header": [[*kinds, header] for kinds, header in state.newest_header.items()],
        "recent": {digest.hex(): at for digest, at in state.recent.items()},
        "trips": [_trip_to_json(trip) for trip in state.trips.values()],
    }
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode())


def from_bytes(raw: bytes) -> SettledState:
    """Rebuild the state that `to_bytes` wrote. Raises ValueError for anything else, and for another version."""
    try:
        content = json.loads(zlib.decompress(raw))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}")
        trips = {trip.run.trip: trip for trip in map(_trip, content["trips"])}
        state = TrackerState(
            trips,
            content["content_at"],
            {(updates, vehicles): header for updates, vehicles, header in content["newest_header"]},
            {bytes.fromhex(digest): at for digest, at in content["recent"].items()},
        )
        return SettledState(state, content["until"], content["outcomes"], content["rejected"])
    except (zlib.error, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"it is no tracker state of version {VERSION} ({error})") from error


def _trip_to_json(trip: Trip) -> Json:
    run = trip.run
    return {
        "run": [*run.trip, run.first_seen, run.route_id, run.direction_id, run.train_id],
        "last_seen": trip.last_seen,
        "ahead": [_stop_to_json(stop) for stop in trip.ahead],
        "passings": [_passing_to_json(passing) for passing in trip.passings.values()],
        "vehicle_id": trip.vehicle_id,
        "stop_sequence": trip.stop_sequence,
        "assigned": trip.assigned,
        "by_updates": trip.by_updates,
        "lost": trip.lost,
    }


def _trip(content: Json) -> Trip:
    start_date, trip_id, *others = content["run"]
    run = Run(TripKey(start_date, trip_id), *others)
    passings = [_passing(run, known) for known in content["passings"]]
    return Trip(
        run,
        PollTime(*content["last_seen"]),
        tuple(map(_stop, content["ahead"])),
        {passing.stop_id: passing for passing in passings},
        content["vehicle_id"],
        content["stop_sequence"],
        content["assigned"],
        content["by_updates"],
        content["lost"],
    )


def _stop_to_json(stop: UpcomingStop) -> list[object]:
    status = None if stop.status is None else stop.status.value
    return [stop.stop_id, stop.due, stop.not_departed_at, status, stop.from_schedule, stop.track]


def _stop(content: list[Any]) -> UpcomingStop:
    stop_id, due, not_departed_at, status, from_schedule, track = content
    known = None if status is None else VehicleStatus(status)
    return UpcomingStop(stop_id, due, not_departed_at, known, from_schedule, track)


def _passing_to_json(passing: Passing) -> list[object]:
    times = (passing.time, passing.earliest, passing.latest)
    return [passing.stop_id, *times, passing.evidence.value, passing.polls, passing.vehicle_id, passing.track]


def _passing(run: Run, content: list[Any]) -> Passing:
    stop_id, time, earliest, latest, evidence, (before, after), vehicle_id, track = content
    return Passing(
        run, stop_id, time, earliest, latest, Evidence(evidence), (before, after), vehicle_id, track
    )
