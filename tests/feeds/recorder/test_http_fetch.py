"""The client against real servers on loopback that misbehave."""

import gzip
import socket
import tracemalloc
from itertools import chain, islice, repeat
from threading import Event

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import Key, feed_address, key_from_environment
from headway_prediction.feeds.recorder.body import FetchError
from headway_prediction.feeds.recorder.http_fetch import Limits, Validators, fetch
from headway_prediction.simulate.feed.server import PAGE, serving
from headway_prediction.simulate.feed.server_faults import ServerFault
from helpers.recording import always, feed, feed_server, http_server, polls, respond

PATIENT = Limits(seconds=60, body_bytes=1 << 20)
QUICK = Limits(seconds=0.6)
SECRET = "s3cret+/key"
GIVEN = polls(3)


def ask(url, validators=Validators(), limits=PATIENT, key=None):  # noqa: B008
    return fetch(feed_address(url, key), validators, limits)


def reason(url, **options) -> str:
    with pytest.raises(FetchError) as failed:
        ask(url, **options)
    return failed.value.reason


def reason_of(fault, **options) -> str:
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        return reason(server.url, **options)


def test_an_answer_is_the_body_and_what_the_server_says_of_it():
    with serving(feed_server(GIVEN)) as server:
        answer = ask(server.url)
    assert (answer.status, answer.body, answer.content_type) == (200, GIVEN[0].body, "application/x-protobuf")
    assert answer.validators.last_modified == "Tue, 13 Jan 2026 12:00:00 GMT"


def test_what_has_not_changed_is_not_sent_again():
    with serving(feed_server(GIVEN, speed=1e-9)) as server:
        first = ask(server.url)
        assert first.body == GIVEN[0].body
        by_etag = ask(server.url, first.validators)
        by_date = ask(server.url, Validators(last_modified=first.validators.last_modified))
    assert (by_etag.status, by_etag.body) == (by_date.status, by_date.body) == (304, None)
    assert by_etag.validators == first.validators


@pytest.mark.parametrize("fault", [ServerFault.GZIP, ServerFault.REDIRECT, ServerFault.STANDSTILL])
def test_compressed_or_moved_it_is_the_same_feed(fault):
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        assert ask(server.url).body in {poll.body for poll in GIVEN}


@pytest.mark.parametrize("fault, body", [(ServerFault.EMPTY, b""), (ServerFault.WRONG_TYPE, PAGE)])
def test_what_is_no_feed_is_for_others_to_judge(fault, body):
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        assert ask(server.url).body == body


def test_errors_are_named_with_their_status():
    assert reason_of(ServerFault.ERROR) == "status 500"
    with (
        serving(feed_server(GIVEN, faults=always(ServerFault.BUSY))) as server,
        pytest.raises(FetchError) as busy,
    ):
        ask(server.url)
    assert (busy.value.status, busy.value.retry_after) == (503, "30")


def test_broken_answers_are_told_apart():
    half, whole = len(GIVEN[0].body) // 2, len(GIVEN[0].body)
    assert reason_of(ServerFault.TRUNCATED) == f"the body broke off after {half} of {whole} bytes"
    assert reason_of(ServerFault.LOOP) == "over 5 redirects"
    assert "broke (RemoteDisconnected)" in reason_of(ServerFault.HANG_UP)


def test_slow_drips_do_not_outlast_the_time_for_the_whole():
    with serving(feed_server([*GIVEN], faults=always(ServerFault.SLOW), drip_seconds=0.2)) as server:
        assert reason(server.url, limits=QUICK) == "no whole answer within 0.6 s"


def drip_header():
    return (bytes([letter]) for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000)


def drip_without_length():
    return chain([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], repeat(b"\x0a\x00"))


def silence():
    return repeat(b"")


@pytest.mark.parametrize("answer", [drip_header, drip_without_length, silence])
def test_every_way_of_being_slow_is_left_before_it_ends(answer):
    """The answer takes a minute, a hundred times what it may: no pause of a busy machine is that long."""
    left, ended = Event(), Event()

    def drip(handler):
        for piece in islice(answer(), 600):
            handler.wfile.write(piece)
            if left.wait(0.1):
                return
        ended.set()

    with http_server(drip) as url:
        assert reason(url, limits=QUICK) == "no whole answer within 0.6 s"
        assert not ended.is_set()
        left.set()


def test_a_body_without_an_end_is_cut_off_in_bounded_memory():
    limits = Limits(seconds=60, body_bytes=8 << 20)
    tracemalloc.start()
    try:
        assert reason_of(ServerFault.HUGE, limits=limits) == "the body is larger than 8,388,608 bytes"
        assert tracemalloc.get_traced_memory()[1] < 4 * limits.body_bytes
    finally:
        tracemalloc.stop()


def test_a_promise_of_too_much_is_not_waited_for():
    with http_server(lambda handler: respond(handler, Content_Length=str(2 << 30))) as url:
        assert reason(url) == "the body is larger than 1,048,576 bytes"


def test_a_small_body_that_unfolds_without_end_is_cut_off():
    bomb = gzip.compress(bytes(40 << 20), 9)
    assert len(bomb) < PATIENT.body_bytes
    with http_server(lambda handler: respond(handler, 200, bomb, Content_Encoding="gzip")) as url:
        tracemalloc.start()
        try:
            assert reason(url, limits=Limits(60, 1 << 20)) == "the body is larger than 1,048,576 bytes"
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


BODIES = {
    "the gzip body broke off": (gzip.compress(feed(1))[:-4], "gzip"),
    "the body is called gzip but is not": (feed(1), "gzip"),
    "the body is encoded as 'br', which was not asked for": (b"?", "br"),
}


@pytest.mark.parametrize("expected", BODIES)
def test_encodings_that_cannot_be_undone_are_named(expected):
    body, encoding = BODIES[expected]
    with http_server(lambda handler: respond(handler, 200, body, Content_Encoding=encoding)) as url:
        assert reason(url) == expected


def test_two_gzip_members_are_one_body():
    body = gzip.compress(b"\x0a") + gzip.compress(b"\x00")
    with http_server(lambda handler: respond(handler, 200, body, Content_Encoding="gzip")) as url:
        assert ask(url).body == b"\x0a\x00"


def chunked(*chunks: bytes):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.close_connection = True

    return answer


def test_chunks_are_put_together_and_missing_ones_missed():
    with http_server(chunked(b"\x0a", b"\x00", b"")) as url:
        assert ask(url).body == b"\x0a\x00"
    with http_server(chunked(b"\x0a", b"\x00")) as url:
        assert "broke (IncompleteRead)" in reason(url)


def test_servers_that_are_not_there_are_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/feed") == "127.0.0.1 refuses the connection"
    assert reason("http://no-such-host.invalid/feed") == "the host no-such-host.invalid is unknown"
    assert "broke (" in reason("https://127.0.0.1:1/".replace(":1/", f":{port}/")).replace(
        "refuses", "broke ("
    )


@pytest.mark.parametrize("garbage", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"\x00" * 70_000])
def test_what_is_no_http_is_a_failure_like_others(garbage):
    with http_server(
        lambda handler: (handler.wfile.write(garbage), setattr(handler, "close_connection", True))
    ) as url:
        assert "broke (" in reason(url)


def test_not_modified_without_having_asked_is_no_answer():
    with http_server(lambda handler: respond(handler, 304)) as url:
        assert reason(url) == "status 304"


def seen_by(told):
    def answer(handler):
        told.append((handler.path, dict(handler.headers)))
        respond(handler, 200, feed(1))

    return answer


def test_a_key_travels_where_it_is_asked_for():
    told = []
    with http_server(seen_by(told)) as url:
        ask(f"{url}?line=a%20b&x=1", key=Key(SECRET, header="x-api-key"))
        ask(f"{url}?line=7", key=Key(SECRET, parameter="apikey"))
        ask(url, key=Key(SECRET, parameter="apikey"))
    (first, headers), (second, no_headers), (third, _) = told
    assert first == "/feed?line=a%20b&x=1" and headers["x-api-key"] == SECRET
    assert second == "/feed?line=7&apikey=s3cret%2B%2Fkey" and SECRET not in str(no_headers)
    assert third == "/feed?apikey=s3cret%2B%2Fkey"
    assert headers["User-Agent"].startswith("headway-prediction/")


@pytest.mark.parametrize("key", [Key(SECRET, header="x-api-key"), Key(SECRET, parameter="apikey")])
def test_a_redirect_to_another_server_goes_without_the_key(key):
    told = []
    with (
        http_server(seen_by(told)) as elsewhere,
        http_server(lambda handler: respond(handler, 302, Location=elsewhere)) as url,
    ):
        ask(url, key=key)
    assert "s3cret" not in str(told)


def test_a_redirect_that_carries_the_key_elsewhere_is_not_followed():
    told = []
    with (
        http_server(seen_by(told)) as elsewhere,
        http_server(lambda handler: respond(handler, 302, Location=elsewhere + handler.path)) as url,
    ):
        assert "would tell the key to another server" in reason(url, key=Key(SECRET, parameter="apikey"))
    assert told == []


def test_a_redirect_within_the_server_keeps_the_key_once():
    told = []

    def answer(handler):
        if handler.path.startswith("/feed"):
            respond(handler, 307, Location="/new" + handler.path)
        else:
            seen_by(told)(handler)

    with http_server(answer) as url:
        ask(url, key=Key(SECRET, parameter="apikey"))
    assert told[0][0] == "/new/feed?apikey=s3cret%2B%2Fkey"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://[", "http://h:x/", "file:///etc/passwd"])
def test_a_redirect_to_no_web_address_is_not_followed(location):
    with http_server(lambda handler: respond(handler, 302, Location=location)) as url:
        assert reason(url) == "a redirect to no web address"


@pytest.mark.parametrize(
    "url, found",
    [
        ("trips.pb", "cannot be asked"),
        ("ftp://example.org/trips.pb", "cannot be asked"),
        ("https://", "cannot be asked"),
        ("https://example.org:x/", "cannot be asked"),
        ("https://example.org/a b", "cannot be asked"),
        ("https://example.org/\r\nX: y", "cannot be asked"),
        ("https://me:pass@example.org/", "a user name"),
        ("https://example.org/?line=1&API_KEY=abc", "the parameter 'API_KEY'"),
    ],
)
def test_addresses_that_cannot_be_asked_or_hold_a_secret_are_refused(url, found):
    with pytest.raises(HeadwayError, match=found) as refused:
        feed_address(url)
    assert "abc" not in str(refused.value) and "pass@" not in str(refused.value)


@pytest.mark.parametrize(
    "arguments, environment, found",
    [
        (("KEY", "x-key", None), {}, "KEY is not set"),
        (("KEY", "x-key", None), {"KEY": ""}, "KEY is not set"),
        (("KEY", "x-key", None), {"KEY": "hidden\n"}, "no key"),
        (("KEY", "x-key", None), {"KEY": "hiddén"}, "no key"),
        (("KEY", None, None), {"KEY": "hidden"}, "half described"),
        (("KEY", "x-key", "key"), {"KEY": "hidden"}, "half described"),
        ((None, "x-key", None), {"KEY": "hidden"}, "half described"),
        (("KEY", "x: key", None), {"KEY": "hidden"}, "sent as 'x: key'"),
    ],
)
def test_keys_come_from_the_environment_alone_and_are_never_shown(arguments, environment, found):
    with pytest.raises(HeadwayError, match=found) as refused:
        key_from_environment(*arguments, environment)
    assert "hidd" not in str(refused.value)


def test_a_key_is_not_shown_by_accident():
    key = key_from_environment("KEY", "x-key", None, {"KEY": SECRET})
    assert key.value == SECRET and SECRET not in repr(feed_address("http://h/", key))
    assert key_from_environment(None, None, None, {}) is None
