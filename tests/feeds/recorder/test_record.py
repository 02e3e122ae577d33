"""A recorder on a real server on loopback, with a clock that only its own sleep moves: weeks in seconds."""

import os
import shutil
import tracemalloc
from itertools import count, pairwise

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import Key, feed_address
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.http_fetch import Limits
from headway_prediction.feeds.recorder.record import Recorder, RecorderSettings
from headway_prediction.feeds.recorder.retention import Retention
from headway_prediction.simulate.feed.server import PAGE, serving
from headway_prediction.simulate.feed.server_faults import ServerFault, ServerFaults
from helpers.recording import (  # fmt: skip
    NOON,
    FakeTime,
    everything_written,
    feed,
    feed_server,
    http_server,
    lines,
    polls,
    replayed,
    respond,
)

LIMITS = Limits(seconds=60, body_bytes=1 << 20)


def recorded(url, folder, attempts, *, key=None, time=None, **settings):
    """Record `attempts` polls; return the recorder, what it said and its clock."""
    said, time = [], time or FakeTime()
    address = feed_address(url, key)
    with open_archive(folder, address.url, said.append) as archive:
        settings = RecorderSettings(**{"limits": LIMITS} | settings)
        recorder = Recorder(address, archive, settings, said.append, time.clock())
        recorder.run(attempts)
    return recorder, said, time


def test_each_distinct_poll_is_stored_once_at_a_steady_pace(tmp_path):
    given = polls(4)
    with serving(feed_server([poll for poll in given for _ in range(3)])) as server:
        recorder, said, time = recorded(server.url, tmp_path / "a", 12)
    assert str(recorder.total) == "12 polls, 4 new, 0 aside, 0 failed, 0 lost"
    assert time.slept == [15.0] * 11
    assert [line["status"] for line in lines(tmp_path / "a")] == [200, 304, 304] * 4
    came = replayed(tmp_path / "a")
    assert [poll.body for poll in came] == [poll.body for poll in given for _ in range(3)]
    assert [poll.fetched_at for poll in came] == [NOON + 15 * k for k in range(12)]
    assert len(list(tmp_path.glob("a/*/*.gz"))) == 4
    assert said == []


def test_a_feed_that_always_answers_in_full_and_stands_still_is_stored_once(tmp_path):
    with http_server(lambda handler: respond(handler, 200, feed(1))) as url:
        recorder, *_ = recorded(url, tmp_path / "a", 5)
    assert (recorder.total.polls, recorder.total.new) == (5, 1)
    assert len(replayed(tmp_path / "a")) == 5


STORM = {
    ServerFault.ERROR: 0.08, ServerFault.BUSY: 0.05, ServerFault.HANG_UP: 0.08, ServerFault.TRUNCATED: 0.08, ServerFault.HALF: 0.08, ServerFault.EMPTY: 0.08,
    ServerFault.WRONG_TYPE: 0.08, ServerFault.HUGE: 0.04, ServerFault.REDIRECT: 0.08, ServerFault.LOOP: 0.05, ServerFault.GZIP: 0.08,
    ServerFault.STANDSTILL: 0.08,
}  # fmt: skip


def test_no_fault_of_the_server_ends_a_recording_or_gets_into_it(tmp_path):
    given = polls(150)
    with serving(feed_server(given, faults=ServerFaults(STORM, seed=4))) as server:
        recorder, said, time = recorded(server.url, tmp_path / "a", 150)
    total = recorder.total
    assert total.polls + total.quarantined + total.failed == 150 and total.lost == 0
    assert total.polls > 50 and total.quarantined > 8 and total.failed > 30
    bodies = [poll.body for poll in replayed(tmp_path / "a")]
    assert set(bodies) <= {poll.body for poll in given}
    order = [[poll.body for poll in given].index(body) for body in bodies]
    assert order == sorted(order)
    asides = {line["file"] for line in lines(tmp_path / "a") if line["outcome"] == "quarantined"}
    assert asides and len(asides) <= total.quarantined
    assert min(time.slept) >= 15 and max(time.slept) <= 300
    reasons = {line["reason"] for line in lines(tmp_path / "a") if line["outcome"] == "failed"}
    assert {"status 500", "status 503", "the body is empty", "over 5 redirects"} <= reasons
    assert "the feed is back" in said


def test_failures_are_answered_with_patience_and_two_lines(tmp_path):
    numbers = count()

    def answer(handler):
        if 1 <= next(numbers) <= 6:
            respond(handler, 503, PAGE)
        else:
            respond(handler, 200, feed(1))

    with http_server(answer) as url:
        _, said, time = recorded(url, tmp_path / "a", 9)
    assert time.slept == [15, 22.5, 45, 90, 180, 225, 225, 15]
    assert said == ["status 503; asked again in 22 s", "the feed is back"]


def test_a_server_that_asks_to_be_left_alone_is(tmp_path):
    with http_server(lambda handler: respond(handler, 429, Retry_After="900")) as url:
        _, said, time = recorded(url, tmp_path / "a", 3)
    assert time.slept == [907.5, 907.5]
    assert said == ["status 429; asked again in 908 s"]


def test_after_the_last_attempt_none_is_promised(tmp_path):
    with http_server(lambda handler: respond(handler, 503, PAGE)) as url:
        _, said, time = recorded(url, tmp_path / "a", 1)
    assert (said, time.slept) == (["status 503"], [])


def test_a_server_that_is_gone_is_waited_for(tmp_path):
    with serving(feed_server(polls(2))) as server:
        url, port = server.url, server.server_port
    time, settings = FakeTime(), {"every": 15}
    recorder, *_ = recorded(url, tmp_path / "a", 2, time=time, **settings)
    assert recorder.total.failed == 2
    with serving(feed_server(polls(2), port=port)):
        recorder, *_ = recorded(url, tmp_path / "a", 2, time=time, **settings)
    assert recorder.total.polls == 2
    assert [line["outcome"] for line in lines(tmp_path / "a")] == ["failed", "failed", "poll", "poll"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_of_the_first_attempt_is_a_mistake_to_mend(tmp_path, status):
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


def test_pages_are_put_aside_whatever_they_are_called_and_feeds_are_kept(tmp_path):
    answers = [(feed(1), "text/html"), (PAGE, "application/x-protobuf"), (feed(2), "")]
    numbers = count()

    def answer(handler):
        body, content_type = answers[next(numbers)]
        respond(handler, 200, body, Content_Type=content_type)

    with http_server(answer) as url:
        recorder, said, _ = recorded(url, tmp_path / "a", 3)
    assert (recorder.total.polls, recorder.total.quarantined) == (2, 1)
    assert [poll.body for poll in replayed(tmp_path / "a")] == [feed(1), feed(2)]
    assert PAGE in everything_written(tmp_path / "a")
    assert "no GTFS-Realtime feed, or half of one (content type application/x-protobuf)" in said[0]


SECRET = "s3cret+/key"


@pytest.mark.parametrize("key", [Key(SECRET, header="x-api-key"), Key(SECRET, parameter="apikey")])
def test_the_key_is_in_no_file_and_no_remark_even_if_the_server_repeats_it(tmp_path, key):
    def told(handler):
        return (handler.headers.get("x-api-key", "") + handler.path).encode()

    answers = [
        lambda handler: respond(handler, 200, feed(1), ETag=f'"{SECRET}"', Content_Type=f"x/{SECRET}"),
        lambda handler: respond(handler, 200, b"<p>no such key: " + told(handler)),
        lambda handler: respond(handler, 302, Location=f"ftp://x/{SECRET}"),
        lambda handler: respond(handler, 200, feed(2), Content_Encoding=SECRET),
        lambda handler: respond(handler, 500, told(handler)),
        lambda handler: handler.wfile.write(b"HTTP/1.1 nonsense " + told(handler) + b"\r\n\r\n"),
    ]
    numbers = count()
    with http_server(lambda handler: answers[next(numbers) % len(answers)](handler)) as url:
        recorder, said, _ = recorded(url, tmp_path / "a", 12, key=key)
    assert (recorder.total.polls, recorder.total.failed) == (2, 10)
    written = everything_written(tmp_path / "a") + "\n".join(said).encode()
    assert b"s3cret" not in written and b"(the key)" in written


def test_five_weeks_keep_their_days_their_room_and_their_memory(tmp_path):
    a_day, days = 8, 35
    given = polls(a_day * days + 1, interval_secs=3 * 3600)
    with serving(feed_server(given)) as server:
        time, said = FakeTime(), []
        with open_archive(tmp_path / "a", server.url, said.append) as archive:
            settings = RecorderSettings(3 * 3600, LIMITS, Retention(days=7))
            recorder = Recorder(feed_address(server.url), archive, settings, said.append, time.clock())
            recorder.run(5 * a_day)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            recorder.run((days - 5) * a_day)
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
    assert recorder.total.new == a_day * days
    assert [text.split()[1] for text in said if text.startswith("deleted")][:2] == [
        "2026-01-13",
        "2026-01-14",
    ]
    held = sorted(path.name for path in (tmp_path / "a").iterdir() if path.is_dir())
    assert len(held) == 7 and held[-1] == "2026-02-17"
    assert "2026-01-14: 8 polls, 8 new, 0 aside, 0 failed, 0 lost" in said
    assert grown < 500_000
    moments = [poll.fetched_at for poll in replayed(tmp_path / "a")]
    assert {later - earlier for earlier, later in pairwise(moments)} == {3 * 3600.0}


def test_room_is_kept_by_deleting_the_oldest_days(tmp_path):
    numbers = count(1)
    with http_server(lambda handler: respond(handler, 200, feed(next(numbers), os.urandom(50_000)))) as url:
        _, said, _ = recorded(
            url, tmp_path / "a", 24, interval_secs=6 * 3600, retention=Retention(bytes=500_000)
        )
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert used < 600_000
    assert sum(text.startswith("deleted") for text in said) >= 3
    assert len(replayed(tmp_path / "a")) < 12


def test_a_disk_that_fails_is_said_once_and_the_recording_goes_on(tmp_path):
    said, numbers = [], count(1)
    with (
        http_server(lambda handler: respond(handler, 200, feed(next(numbers)))) as url,
        open_archive(tmp_path / "a", url, said.append) as archive,
    ):
        recorder = Recorder(
            feed_address(url), archive, RecorderSettings(limits=LIMITS), said.append, FakeTime().clock()
        )
        recorder.run(2)
        shutil.move(tmp_path / "a", tmp_path / "away")
        recorder.run(3)
        shutil.move(tmp_path / "away", tmp_path / "a")
        recorder.run(2)
    assert str(recorder.total) == "4 polls, 4 new, 0 aside, 0 failed, 3 lost"
    assert len(said) == 2
    assert "could not be written: No such file" in said[0] and said[0].endswith("Until then polls are lost.")
    assert said[1] == "the archive can be written again; 3 attempts were lost so far"
    assert [poll.body for poll in replayed(tmp_path / "a")] == [feed(1), feed(2), feed(6), feed(7)]
