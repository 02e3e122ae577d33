"""No content of a poll raises, and no impossible passing follows from it: over random bytes, and over valid messages.

With the environment variable CI=true each of three searches goes on for twenty seconds, with other examples every round.
"""

import math
import os
from collections.abc import Callable
from datetime import date
from itertools import count
from time import monotonic

from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrip, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, track_polls
from headway_prediction.feeds.realtime.tracker_state import TRIP_TIMEOUT_SECS
from helpers.realtime_feed import T0, message, update, vehicle

SEARCH_SECS = 20 if os.environ.get("CI") == "true" else 0
"""Beyond the first round of examples, which always runs."""
RUN = PlannedTrip(
    frozenset([date(2025, 9, 8)]),
    tuple(PlannedStop(stop, k, 50_400 + 60 * k) for k, stop in enumerate("ABC")),
)
PLAN = PlannedTrips("UTC", {"T": (RUN,), "U": (RUN, RUN)})

GOOD = message(
    update("T", {"A": 10, "B": 100}, nyct=b"\x0a\x02XY\x10\x01\x18\x03"),
    vehicle("T", "A", "stopped", measured=1, sequence=4),
    header=0,
).SerializeToString()

stops = st.sampled_from(["A", "B", "C", "D", "", "S" * 300, "ü\x00"])
trips = st.sampled_from(["T", "U", "", "T@x"])
dates = st.sampled_from(["20250908", "", "today", "99999999"])


def search(strategy: st.SearchStrategy, holds: Callable[[object], None], examples: int) -> None:
    """Check `holds` on examples: one round of them, and further rounds within SEARCH_SECS."""
    until = monotonic() + SEARCH_SECS
    for number in count():
        tried = settings(max_examples=examples, derandomize=False, database=None)(given(strategy)(holds))
        seed(number)(tried)()
        if monotonic() >= until:
            break


def with_delays(draw, entity):
    """The update, sometimes with delays in place of its times."""
    if draw(st.booleans()):
        return entity
    delay = st.integers(-300, 300) | st.sampled_from([2**31 - 1, -(2**31)])
    if draw(st.booleans()):
        entity.trip_update.delay = draw(delay)
    for stop in entity.trip_update.stop_time_update:
        stop.departure.delay = draw(delay)
        if draw(st.booleans()):
            stop.departure.ClearField("time")
        if draw(st.booleans()):
            stop.stop_sequence = draw(st.integers(0, 4))
    return entity


@st.composite
def updates(draw):
    entity = update(
        draw(trips),
        draw(st.dictionaries(stops, st.one_of(st.none(), st.integers(-200, 500)), max_size=5)),
        skipped=draw(st.sets(stops, max_size=1)),
        date=draw(dates),
        direction=draw(st.sampled_from([None, 0, 1, 7])),
        nyct=draw(st.one_of(st.just(b""), st.binary(max_size=8))),
        cancelled=draw(st.booleans()),
    )
    return with_delays(draw, entity)


@st.composite
def vehicles(draw):
    return vehicle(
        draw(trips),
        draw(stops),
        draw(st.sampled_from([None, "stopped", "to", "incoming"])),
        measured=draw(st.one_of(st.none(), st.integers(-100, 400))),
        vehicle_id=draw(st.sampled_from(["", "V1", "V2"])),
        date=draw(dates),
        sequence=draw(st.one_of(st.none(), st.integers(0, 2**32 - 1))),
    )


@st.composite
def plausible_polls(draw):
    found = []
    for place in range(draw(st.integers(1, 5))):
        header = draw(st.one_of(st.just(15 * place), st.none(), st.integers(0, 120)))
        entities = draw(st.lists(st.one_of(updates(), vehicles()), max_size=3))
        feed = message(*entities, header=header)
        wild = draw(st.sampled_from([0, 0, 0, 0, 3600, -T0, 2**40, -(2**62)]))
        for entity in feed.entity if wild else ():
            for stop in entity.trip_update.stop_time_update:
                stop.departure.time = wild
        found.append(Poll(T0 + 15.0 * place, feed.SerializeToString()))
    return found


def check(polls: list[Poll]) -> None:
    """Assert that each passing of the journal is possible, whatever the polls hold."""
    tracker = track_polls(polls, planned=PLAN)
    named = {stop.stop_id for stop in RUN.stops}.union(*(stops_named(poll.body) for poll in polls))
    counted = sum(count for use, count in tracker.counts.items() if use != "entities without a trip")
    assert counted == len(polls)
    seen = set()
    for passing in tracker.journal():
        key = passing.run.trip, passing.run.first_seen, passing.stop_id
        assert key not in seen
        seen.add(key)
        assert passing.stop_id in named and passing.stop_id and passing.run.trip.trip_id
        assert passing.earliest <= passing.time <= passing.latest
        assert 0 <= passing.uncertainty_secs < math.inf
        before, after = passing.polls
        assert before < after and {before, after} <= {poll.fetched_at for poll in polls}
    assert track_polls(polls[::-1], planned=PLAN).journal() == tracker.journal()


def stops_named(body: bytes) -> set[str]:
    """Every stop id anywhere in a body."""
    try:
        entities = FeedMessage.FromString(body).entity
    except DecodeError:
        return set()
    listed = (stop.stop_id for entity in entities for stop in entity.trip_update.stop_time_update)
    return {*listed, *(entity.vehicle.stop_id for entity in entities)}


def broken(body: bytes, places: list[tuple[int, int]]) -> bytes:
    """The body with some of its bytes replaced."""
    changed = bytearray(body)
    for place, value in places:
        changed[place % len(changed)] = value
    return bytes(changed)


some_places = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6)
bodies = st.one_of(
    st.binary(max_size=80),
    some_places.map(lambda places: broken(GOOD, places)),
    st.integers(0, len(GOOD)).map(lambda length: GOOD[:length]),
)


def test_any_bytes_are_applied_or_quarantined():
    search(
        st.lists(bodies, min_size=1, max_size=4),
        lambda found: check([Poll(T0 + 15.0 * place, body) for place, body in enumerate(found)]),
        examples=100,
    )


def test_valid_messages_raise_nothing_and_give_no_impossible_passing():
    search(plausible_polls(), check, examples=40)


def check_memory(found: list[Poll]) -> None:
    """Assert that the state does not grow, however often the polls are repeated hours later."""
    tracker, sizes = FeedTracker(planned=PLAN), []
    for again in range(10):
        for each in found:
            at = each.fetched_at + again * (TRIP_TIMEOUT_SECS + 3600)
            # A different entity id makes it a new body, not a repetition.
            tracker.add(Poll(at, each.body + b"\x12\x03\x0a\x01" + bytes([48 + again])))
        tracker.take_closed()
        sizes.append((len(tracker._state.trips), len(tracker._recent), len(tracker._settled)))
    assert max(trips for trips, _, _ in sizes) <= sum(len(trips_named(each.body)) for each in found)
    assert max(recent for _, recent, _ in sizes) <= 2 * len(found)
    assert all(settled == 0 for _, _, settled in sizes) and len(tracker.quarantine) <= 100


def trips_named(body: bytes) -> list[str]:
    entities = FeedMessage.FromString(body).entity
    return [
        *(entity.trip_update.trip.trip_id for entity in entities),
        *(e.vehicle.trip.trip_id for e in entities),
    ]


def test_the_state_does_not_grow_over_time():
    search(plausible_polls(), check_memory, examples=10)


@settings(max_examples=15)
@given(plausible_polls())
def test_one_poll_alone_passes_nothing(found):
    for each in found:
        tracker = FeedTracker(planned=PLAN)
        tracker.add(each)
        assert tracker.journal() == []
