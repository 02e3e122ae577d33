"""A recorder on a real server on loopback, with a clock that only its own sleep moves: weeks in seconds."""

import os
import shutil
import tracemalloc
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import Key, feed_address
from headway_prediction.feeds.recorder.archive import Retention, open_archive
from headway_prediction.feeds.recorder.record import Recorder, RecorderSettings, pause_seconds
from headway_prediction.simulate.feed.faults import ServerFault, ServerFaults
from headway_prediction.simulate.feed.server import PAGE, serving
from helpers.recording import (  # fmt: skip
    LIMITS,
    NOON,
    FakeTime,
    everything_written,
    feed,
    feed_server,
    http_server,
    lines,
    polls,
    recorded,
    replayed,
    respond,
)


def test_each_distinct_poll_is_stored_once_at_a_steady_pace(tmp_path):
    sent = polls(4)
    with serving(feed_server([poll for poll in sent for _ in range(3)])) as server:
        recorder, logged, time = recorded(server.url, tmp_path / "a", 12)
    assert str(recorder.total) == "12 polls, 4 new, 0 quarantined, 0 failed, 0 lost"
    assert time.slept == [15.0] * 11
    assert [line["status"] for line in lines(tmp_path / "a")] == [200, 304, 304] * 4
    came = replayed(tmp_path / "a")
    assert [poll.body for poll in came] == [poll.body for poll in sent for _ in range(3)]
    assert [poll.fetched_at for poll in came] == [NOON + 15 * k for k in range(12)]
    assert len(list(tmp_path.glob("a/*/*.gz"))) == 4
    assert logged == []


def test_a_feed_that_stands_still_with_complete_responses_is_stored_once(tmp_path):
    with http_server(lambda handler: respond(handler, 200, feed(1))) as url:
        recorder, *_ = recorded(url, tmp_path / "a", 5)
    assert (recorder.total.polls, recorder.total.new) == (5, 1)
    assert len(replayed(tmp_path / "a")) == 5


STORM = dict.fromkeys(
    (
        ServerFault.ERROR,
        ServerFault.BUSY,
        ServerFault.HANG_UP,
        ServerFault.TRUNCATED,
        ServerFault.HALF,
        ServerFault.EMPTY,
        ServerFault.WRONG_TYPE,
        ServerFault.HUGE,
        ServerFault.REDIRECT,
        ServerFault.LOOP,
        ServerFault.GZIP,
        ServerFault.STANDSTILL,
    ),
    0.08,
) | {ServerFault.BUSY: 0.05, ServerFault.HUGE: 0.04, ServerFault.LOOP: 0.05}


def test_no_fault_of_the_server_ends_a_recording_or_gets_into_it(tmp_path):
    sent = polls(150)
    with serving(feed_server(sent, faults=ServerFaults(STORM, seed=4))) as server:
        recorder, logged, time = recorded(server.url, tmp_path / "a", 150)
    total = recorder.total
    assert total.polls + total.quarantined + total.failed == 150 and total.lost == 0
    assert total.polls > 50 and total.quarantined > 8 and total.failed > 30
    bodies = [poll.body for poll in replayed(tmp_path / "a")]
    assert set(bodies) <= {poll.body for poll in sent}
    order = [[poll.body for poll in sent].index(body) for body in bodies]
    assert order == sorted(order)
    quarantined = {line["file"] for line in lines(tmp_path / "a") if line["outcome"] == "quarantined"}
    assert quarantined and len(quarantined) <= total.quarantined
    assert min(time.slept) >= 15 and max(time.slept) <= 300
    reasons = {line["reason"] for line in lines(tmp_path / "a") if line["outcome"] == "failed"}
    assert {"status 500", "status 503", "the body is empty", "over 5 redirects"} <= reasons
    assert "the feed works again" in logged


def test_failures_lengthen_the_pause_and_log_two_lines(tmp_path):
    numbers = count()

    def response(handler):
        if 1 <= next(numbers) <= 6:
            respond(handler, 503, PAGE)
        else:
            respond(handler, 200, feed(1))

    with http_server(response) as url:
        _, logged, time = recorded(url, tmp_path / "a", 9)
    assert time.slept == [15, 22.5, 45, 90, 180, 225, 225, 15]
    assert logged == ["status 503; next attempt in 22 s", "the feed works again"]


def test_retry_after_is_obeyed(tmp_path):
    with http_server(lambda handler: respond(handler, 429, Retry_After="900")) as url:
        _, logged, time = recorded(url, tmp_path / "a", 3)
    assert time.slept == [907.5, 907.5]
    assert logged == ["status 429; next attempt in 908 s"]


def test_after_the_last_attempt_no_next_one_is_logged(tmp_path):
    with http_server(lambda handler: respond(handler, 503, PAGE)) as url:
        _, logged, time = recorded(url, tmp_path / "a", 1)
    assert (logged, time.slept) == (["status 503"], [])


def test_a_server_that_is_gone_is_waited_for(tmp_path):
    with serving(feed_server(polls(2))) as server:
        url, port = server.url, server.server_port
    time, settings = FakeTime(), {"interval_secs": 15}
    recorder, *_ = recorded(url, tmp_path / "a", 2, time=time, **settings)
    assert recorder.total.failed == 2
    with serving(feed_server(polls(2), port=port)):
        recorder, *_ = recorded(url, tmp_path / "a", 2, time=time, **settings)
    assert recorder.total.polls == 2
    assert [line["outcome"] for line in lines(tmp_path / "a")] == ["failed", "failed", "poll", "poll"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_of_the_first_attempt_is_an_error(tmp_path, status):
    with (
        http_server(lambda handler: respond(handler, status)) as url,
        pytest.raises(
            HeadwayError, match=f"answers with status {status}; expected a feed that may be fetched"
        ),
    ):
        recorded(url, tmp_path / "a", 1)


def test_a_later_refusal_is_outlasted(tmp_path):
    numbers = count()
    with http_server(lambda handler: respond(handler, 404 if next(numbers) == 1 else 200, feed(1))) as url:
        recorder, *_ = recorded(url, tmp_path / "a", 3)
    assert (recorder.total.polls, recorder.total.failed) == (2, 1)


def test_pages_go_to_quarantine_and_feeds_are_stored_whatever_their_type(tmp_path):
    responses = [(feed(1), "text/html"), (PAGE, "application/x-protobuf"), (feed(2), "")]
    numbers = count()

    def response(handler):
        body, content_type = responses[next(numbers)]
        respond(handler, 200, body, Content_Type=content_type)

    with http_server(response) as url:
        recorder, logged, _ = recorded(url, tmp_path / "a", 3)
    assert (recorder.total.polls, recorder.total.quarantined) == (2, 1)
    assert [poll.body for poll in replayed(tmp_path / "a")] == [feed(1), feed(2)]
    assert PAGE in everything_written(tmp_path / "a")
    assert "no complete GTFS-Realtime feed (content type application/x-protobuf)" in logged[0]


SECRET = "s3cret+/key"


@pytest.mark.parametrize("key", [Key(SECRET, header="x-api-key"), Key(SECRET, parameter="apikey")])
def test_the_key_is_in_no_file_and_no_log_even_if_the_server_repeats_it(tmp_path, key):
    def repeated(handler):
        return (handler.headers.get("x-api-key", "") + handler.path).encode()

    responses = [
        lambda handler: respond(handler, 200, feed(1), ETag=f'"{SECRET}"', Content_Type=f"x/{SECRET}"),
        lambda handler: respond(handler, 200, b"<p>no such key: " + repeated(handler)),
        lambda handler: respond(handler, 302, Location=f"ftp://x/{SECRET}"),
        lambda handler: respond(handler, 200, feed(2), Content_Encoding=SECRET),
        lambda handler: respond(handler, 500, repeated(handler)),
        lambda handler: handler.wfile.write(b"HTTP/1.1 nonsense " + repeated(handler) + b"\r\n\r\n"),
    ]
    numbers = count()
    with http_server(lambda handler: responses[next(numbers) % len(responses)](handler)) as url:
        recorder, logged, _ = recorded(url, tmp_path / "a", 12, key=key)
    assert (recorder.total.polls, recorder.total.failed) == (2, 10)
    written = everything_written(tmp_path / "a") + "\n".join(logged).encode()
    assert b"s3cret" not in written and b"(the key)" in written


def test_five_weeks_keep_their_days_their_room_and_their_memory(tmp_path):
    a_day, days = 8, 35
    sent = polls(a_day * days + 1, interval_secs=3 * 3600)
    with serving(feed_server(sent)) as server:
        time, logged = FakeTime(), []
        with open_archive(tmp_path / "a", server.url, logged.append) as archive:
            settings = RecorderSettings(3 * 3600, LIMITS, Retention(days=7))
            recorder = Recorder(feed_address(server.url), archive, settings, logged.append, time.clock())
            recorder.run(5 * a_day)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            recorder.run((days - 5) * a_day)
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
    assert recorder.total.new == a_day * days
    assert [text.split()[1] for text in logged if text.startswith("deleted")][:2] == [
        "2026-01-13",
        "2026-01-14",
    ]
    held = sorted(path.name for path in (tmp_path / "a").iterdir() if path.is_dir())
    assert len(held) == 7 and held[-1] == "2026-02-17"
    assert "2026-01-14: 8 polls, 8 new, 0 quarantined, 0 failed, 0 lost" in logged
    assert grown < 500_000
    moments = [poll.fetched_at for poll in replayed(tmp_path / "a")]
    assert {later - earlier for earlier, later in pairwise(moments)} == {3 * 3600.0}


def test_the_oldest_days_are_deleted_to_save_space(tmp_path):
    numbers = count(1)
    with http_server(lambda handler: respond(handler, 200, feed(next(numbers), os.urandom(50_000)))) as url:
        _, logged, _ = recorded(
            url, tmp_path / "a", 24, interval_secs=6 * 3600, retention=Retention(bytes=500_000)
        )
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert used < 600_000
    assert sum(text.startswith("deleted") for text in logged) >= 3
    assert len(replayed(tmp_path / "a")) < 12


def test_a_disk_that_fails_is_logged_once_and_the_recording_continues(tmp_path):
    logged, numbers = [], count(1)
    with (
        http_server(lambda handler: respond(handler, 200, feed(next(numbers)))) as url,
        open_archive(tmp_path / "a", url, logged.append) as archive,
    ):
        recorder = Recorder(
            feed_address(url), archive, RecorderSettings(limits=LIMITS), logged.append, FakeTime().clock()
        )
        recorder.run(2)
        shutil.move(tmp_path / "a", tmp_path / "away")
        recorder.run(3)
        shutil.move(tmp_path / "away", tmp_path / "a")
        recorder.run(2)
    assert str(recorder.total) == "4 polls, 4 new, 0 quarantined, 0 failed, 3 lost"
    assert len(logged) == 2
    assert "could not be written: No such file" in logged[0] and logged[0].endswith(
        "Until then polls are lost."
    )
    assert logged[1] == "the archive can be written again; 3 attempts were lost so far"
    assert [poll.body for poll in replayed(tmp_path / "a")] == [feed(1), feed(2), feed(6), feed(7)]


JITTER = st.floats(0, 1, exclude_max=True)


def test_a_working_feed_is_fetched_at_a_steady_interval():
    assert pause_seconds(15, 0, 0.7) == 15


def test_failures_double_the_pause_up_to_five_minutes():
    # 2^n × 15 s, capped at 300, of which jitter 0.5 leaves three quarters
    pauses = [pause_seconds(15, failures, 0.5) for failures in (1, 2, 3, 4, 5, 50, 10**6)]
    assert pauses == [22.5, 45, 90, 180, 225, 225, 225]


def test_jitter_spreads_recorders_that_failed_together():
    assert pause_seconds(15, 3, 0.0) == 60
    assert pause_seconds(15, 3, 0.99) == pytest.approx(119.4)


@given(st.floats(0.1, 3600), st.integers(0, 10**4), JITTER)
def test_a_pause_is_never_shorter_than_the_interval_nor_endless(interval_secs, failures, jitter):
    assert interval_secs <= pause_seconds(interval_secs, failures, jitter) <= max(interval_secs, 300)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("120", 120),
        (" 600 ", 600),
        ("0", 22.5),
        ("99999999", 24 * 3600),
        ("9" * 40, 24 * 3600),
        ("Tue, 13 Jan 2026 12:20:00 GMT", 1200),
        ("Tue, 13 Jan 2026 11:00:00 GMT", 22.5),
        ("soon", 22.5),
        ("", 22.5),
        ("-5", 22.5),
        ("²", 22.5),
        ("Tue, 13 Jan 99999999 11:00:00 GMT", 22.5),
        (None, 22.5),
    ],
)
def test_retry_after_is_obeyed_up_to_a_day(text, seconds):
    pause = pause_seconds(15, 1, 0.5, retry_after=text, now=NOON)
    assert pause == (seconds + 7.5 if seconds > 22.5 else seconds)


@given(st.text(max_size=40), JITTER)
def test_any_retry_after_is_outlived(text, jitter):
    assert 15 <= pause_seconds(15, 1, jitter, retry_after=text, now=NOON) <= 24 * 3600 + 15
