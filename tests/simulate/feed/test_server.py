"""The feed server on loopback: the poll of the moment, and faults in their shares."""

import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.error import HTTPError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate.feed.faults import ServerFault, ServerFaults, parse_server_faults
from headway_prediction.simulate.feed.server import PollPlayer, serving
from helpers.recording import FakeTime, always, feed_server, polls


def test_the_response_is_the_latest_poll_of_the_moment():
    time, given_polls = FakeTime(), polls(4, interval_secs=15)
    moment = PollPlayer(given_polls, 10, time.clock().elapsed)
    seen = []
    for _ in range(7):
        seen.append(given_polls.index(moment.poll()))
        time.sleep(0.75)
    assert seen == [0, 0, 1, 1, 2, 2, 3]
    time.sleep(10**6)
    assert moment.poll() == given_polls[-1]


@given(st.lists(st.floats(0, 100), max_size=20), st.floats(0.1, 50))
def test_the_feed_never_shows_the_future_nor_goes_back(steps, speed):
    time, given_polls = FakeTime(), polls(30, interval_secs=15)
    moment, latest = PollPlayer(given_polls, speed, time.clock().elapsed), -1
    for step in steps:
        started = given_polls[0].fetched_at
        number = given_polls.index(moment.poll())
        assert (
            number == 0 or given_polls[number].fetched_at <= started + (time.moment - started) * speed + 1e-3
        )
        assert number >= latest
        latest = number
        time.sleep(step)


def test_polls_are_read_one_ahead_so_there_may_be_endlessly_many():
    taken = []

    def endless():
        for number in count():
            taken.append(polls(1, start=number)[0])
            yield taken[-1]

    moment = PollPlayer(endless(), float("inf"))
    assert [moment.poll().fetched_at for _ in range(3)] == [0, 1, 2]
    assert len(taken) == 4


def test_a_feed_needs_a_poll_and_a_time_that_runs_forward():
    with pytest.raises(HeadwayError, match="no poll to serve"):
        PollPlayer([])
    with pytest.raises(HeadwayError, match="the speed is 0"):
        PollPlayer(polls(1), 0)


def fetched(url, **headers) -> tuple[int, bytes, dict]:
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def test_without_a_fault_it_behaves_as_good_feeds_do():
    (only,) = polls(1)
    with serving(feed_server([only])) as server:
        status, body, headers = fetched(server.url)
        assert (status, body) == (200, only.body)
        assert fetched(server.url, If_None_Match=headers["ETag"])[:2] == (304, b"")
        assert fetched(server.url, If_Modified_Since=headers["Last-Modified"])[:2] == (304, b"")
        assert fetched(server.url, If_None_Match='"another"')[0] == 200
        assert fetched(server.url, If_Modified_Since="Tue, 13 Jan 2026 11:59:59 GMT")[0] == 200
        assert fetched(server.url, If_Modified_Since="not a date")[0] == 200


def test_many_clients_are_served_at_once():
    given_polls = polls(200)
    with serving(feed_server(given_polls)) as server, ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: fetched(server.url)[1], range(200)))
    assert Counter(bodies) == Counter(poll.body for poll in given_polls)


@pytest.mark.parametrize(
    "fault, status",
    [
        (ServerFault.ERROR, 500),
        (ServerFault.BUSY, 503),
        (ServerFault.WRONG_TYPE, 200),
        (ServerFault.REDIRECT, 200),
    ],
)
def test_faults_are_what_they_are_called(fault, status):
    with serving(feed_server(polls(1), faults=always(fault))) as server:
        found, body, headers = fetched(server.url)
    assert found == status
    assert (body == polls(1)[0].body) == (fault is ServerFault.REDIRECT)
    assert ("Retry-After" in headers) == (fault is ServerFault.BUSY)


def test_a_standing_feed_repeats_its_last_poll():
    with serving(feed_server(polls(3), faults=always(ServerFault.STANDSTILL))) as server:
        assert {fetched(server.url)[1] for _ in range(3)} == {polls(1)[0].body}


def test_a_port_in_use_is_refused():
    with serving(feed_server(polls(1))) as server, pytest.raises(HeadwayError, match="cannot be listened on"):
        feed_server(polls(1), port=server.server_port)


def test_faults_affect_their_share_of_the_responses_the_same_ones_each_time():
    faults = parse_server_faults(["slow", "error=0.3"], seed=1)
    struck = [faults.at(request) for request in range(4000)]
    assert struck == [faults.at(request) for request in range(4000)]
    assert struck != [ServerFaults(faults.shares, seed=2).at(request) for request in range(4000)]
    # five standard deviations of 4000 throws
    assert Counter(struck)[ServerFault.SLOW] == pytest.approx(400, abs=95)
    assert Counter(struck)[ServerFault.ERROR] == pytest.approx(1200, abs=145)


def test_no_fault_by_default_and_always_where_the_share_is_one():
    assert {ServerFaults().at(request) for request in range(100)} == {None}
    assert {always(ServerFault.EMPTY).at(request) for request in range(100)} == {ServerFault.EMPTY}


@pytest.mark.parametrize(
    "texts", [["fast"], ["slow=x"], ["slow=1.1"], ["slow=-1"], ["slow=nan"], ["slow=0.6", "error=0.6"]]
)
def test_invalid_faults_are_refused(texts):
    with pytest.raises(HeadwayError, match="expected"):
        parse_server_faults(texts)
