"""What a follower knows for good, as bytes and back: compressed JSON, nothing unpickled."""

import json
import zlib

from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import Status, TripKey
from headway_prediction.feeds.realtime.tracker import SettledState
from headway_prediction.feeds.realtime.tracker_state import State
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

VERSION = 2
"""To be raised with every change of what State, Trip or Passing hold."""


def to_bytes(settled: SettledState) -> bytes:
    """Return what `from_bytes` reads."""
    state = settled.state
    plain = {
        "version": VERSION,
        "until": settled.until,
        "uses": settled.outcomes,
        "left_out": settled.excluded,
        "at": state.at,
        "newest_header": [[*kinds, header] for kinds, header in state.newest_header.items()],
        "recent": {digest.hex(): at for digest, at in state.recent.items()},
        "trips": [_plain_trip(trip) for trip in state.trips.values()],
    }
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def from_bytes(raw: bytes) -> SettledState:
    """Rebuild what `to_bytes` wrote, to the last bit. Raises ValueError for anything else, and for another version."""
    try:
        plain = json.loads(zlib.decompress(raw))
        if plain["version"] != VERSION:
            raise ValueError(f"version {plain['version']}")
        trips = {trip.run.trip: trip for trip in map(_trip, plain["trips"])}
        state = State(
            trips,
            plain["at"],
            {(updates, vehicles): header for updates, vehicles, header in plain["newest_header"]},
            {bytes.fromhex(digest): at for digest, at in plain["recent"].items()},
        )
        return SettledState(state, plain["until"], plain["uses"], plain["left_out"])
    except (zlib.error, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"this is no follower's state of version {VERSION} ({error})") from error


def _plain_trip(trip: Trip) -> dict[str, object]:
    run = trip.run
    return {
        "run": [*run.trip, run.first_seen, run.route_id, run.direction_id, run.train_id],
        "seen": trip.seen,
        "ahead": [_plain_waiting(stop) for stop in trip.ahead],
        "passings": [_plain_passing(passing) for passing in trip.passings.values()],
        "rest": [trip.vehicle_id, trip.stop_sequence, trip.assigned, trip.by_updates, trip.lost],
    }


def _plain_waiting(stop: UpcomingStop) -> list[object]:
    status = None if stop.status is None else stop.status.value
    return [stop.stop_id, stop.due, stop.not_departed_at, status, stop.from_schedule, stop.track]


def _plain_passing(passing: Passing) -> list[object]:
    times = (passing.time, passing.earliest, passing.latest)
    return [passing.stop_id, *times, passing.evidence.value, passing.polls, passing.vehicle_id, passing.track]


def _trip(plain: dict) -> Trip:
    start_date, trip_id, *rest = plain["run"]
    run = Run(TripKey(start_date, trip_id), *rest)
    passings = [_passing(run, known) for known in plain["passings"]]
    return Trip(
        run,
        PollTime(*plain["seen"]),
        tuple(map(_waiting, plain["ahead"])),
        {passing.stop_id: passing for passing in passings},
        *plain["rest"],
    )


def _passing(run: Run, plain: list) -> Passing:
    stop_id, time, earliest, latest, evidence, polls, vehicle_id, track = plain
    return Passing(run, stop_id, time, earliest, latest, Evidence(evidence), tuple(polls), vehicle_id, track)


def _waiting(plain: list) -> UpcomingStop:
    stop_id, due, not_departed_at, status, from_schedule, track = plain
    return UpcomingStop(
        stop_id, due, not_departed_at, None if status is None else Status(status), from_schedule, track
    )
