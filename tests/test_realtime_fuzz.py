"""Nothing that a poll holds raises, and nothing is invented from it: over bytes, and over messages that look right."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.feeds.realtime.follower import Follower, follow_polls
from headway_prediction.feeds.realtime.poll import Poll
from realtime_feed import T0, message, update, vehicle

GOOD = message(
    update("T", {"A": 10, "B": 100}, nyct=b"\x0a\x02XY\x10\x01\x18\x03"),
    vehicle("T", "A", "stopped", measured=1, sequence=4),
    header=0,
).SerializeToString()

stops = st.sampled_from(["A", "B", "C", "D", "", "S" * 300, "ü\x00"])
trips = st.sampled_from(["T", "U", "", "T@x"])
dates = st.sampled_from(["20250908", "", "today", "99999999"])


@st.composite
def updates(draw):
    return update(
        draw(trips),
        draw(st.dictionaries(stops, st.one_of(st.none(), st.integers(-200, 500)), max_size=5)),
        skipped=draw(st.sets(stops, max_size=1)),
        date=draw(dates),
        direction=draw(st.sampled_from([None, 0, 1, 7])),
        nyct=draw(st.one_of(st.just(b""), st.binary(max_size=8))),
        cancelled=draw(st.booleans()),
    )


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
    for count in range(draw(st.integers(1, 5))):
        header = draw(st.one_of(st.just(15 * count), st.none(), st.integers(0, 120)))
        entities = draw(st.lists(st.one_of(updates(), vehicles()), max_size=3))
        feed = message(*entities, header=header)
        wild = draw(st.sampled_from([0, 0, 0, 0, 3600, -T0, 2**40, -(2**62)]))
        for entity in feed.entity if wild else ():
            for stop in entity.trip_update.stop_time_update:
                stop.departure.time = wild
        found.append(Poll(T0 + 15.0 * count, feed.SerializeToString()))
    return found


def check(polls: list[Poll]) -> None:
    """Whatever came, each passing of the journal is possible."""
    follower = follow_polls(polls)
    counted = sum(count for use, count in follower.counts.items() if use != "entities without a trip")
    assert counted == len(polls)
    seen = set()
    for passing in follower.journal():
        key = passing.run.trip, passing.run.first_seen, passing.stop_id
        assert key not in seen
        seen.add(key)
        assert passing.stop_id and passing.run.trip.trip_id
        assert passing.earliest <= passing.time <= passing.latest
        assert 0 <= passing.uncertainty_secs < math.inf
        before, after = passing.polls
        assert before < after and {before, after} <= {poll.fetched_at for poll in polls}
    assert follow_polls(polls[::-1]).journal() == follower.journal()


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


@settings(max_examples=100)
@given(st.lists(bodies, min_size=1, max_size=4))
def test_any_bytes_are_followed_or_kept_aside(found):
    check([Poll(T0 + 15.0 * count, body) for count, body in enumerate(found)])


@settings(max_examples=40)
@given(plausible_polls())
def test_messages_that_look_right_raise_nothing_and_invent_nothing_impossible(found):
    check(found)


@pytest.mark.slow
@settings(max_examples=5000)
@given(st.lists(bodies, min_size=1, max_size=6))
def test_any_bytes_at_length(found):
    check([Poll(T0 + 15.0 * count, body) for count, body in enumerate(found)])


@pytest.mark.slow
@settings(max_examples=5000)
@given(plausible_polls())
def test_messages_that_look_right_at_length(found):
    check(found)


@settings(max_examples=15)
@given(plausible_polls())
def test_one_poll_alone_passes_nothing(found):
    for each in found:
        follower = Follower()
        follower.add(each)
        assert follower.journal() == []
