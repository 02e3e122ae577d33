"""One fetch from real servers on loopback: what is returned, what is refused, and within what limits."""

import gzip
import socket
import tracemalloc
from itertools import chain, islice, repeat
from threading import Event

import pytest

from headway_prediction.feeds.recorder.address import Key, feed_address
from headway_prediction.feeds.recorder.fetch import Fetcher, FetchError, Limits, Validators
from headway_prediction.simulate.feed.faults import ServerFault, ServerFaults
from headway_prediction.simulate.feed.server import PAGE, serving
from helpers.recording import always, behind_tls, feed, feed_server, http_server, polls, respond

PATIENT = Limits(seconds=60, body_bytes=1 << 20)
QUICK = Limits(seconds=0.6)
SECRET = "s3cret+/key"
GIVEN = polls(3)


def fetch(url, validators=Validators(), limits=PATIENT, key=None):  # noqa: B008
    return Fetcher(feed_address(url, key), limits).fetch(validators)


def reason(url, **options) -> str:
    with pytest.raises(FetchError) as failed:
        fetch(url, **options)
    return failed.value.reason


def reason_of(fault, **options) -> str:
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        return reason(server.url, **options)


def test_a_response_has_the_body_its_type_and_its_validators():
    with serving(feed_server(GIVEN)) as server:
        response = fetch(server.url)
    assert (response.status, response.body, response.content_type) == (
        200,
        GIVEN[0].body,
        "application/x-protobuf",
    )
    assert response.validators.last_modified == "Tue, 13 Jan 2026 12:00:00 GMT"


def test_an_unchanged_feed_is_not_sent_again():
    with serving(feed_server(GIVEN, speed=1e-9)) as server:
        first = fetch(server.url)
        assert first.body == GIVEN[0].body
        by_etag = fetch(server.url, first.validators)
        by_date = fetch(server.url, Validators(last_modified=first.validators.last_modified))
    assert (by_etag.status, by_etag.body) == (by_date.status, by_date.body) == (304, None)
    assert by_etag.validators == first.validators


@pytest.mark.parametrize("fault", [ServerFault.GZIP, ServerFault.REDIRECT, ServerFault.STANDSTILL])
def test_compressed_or_moved_it_is_the_same_feed(fault):
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        assert fetch(server.url).body in {poll.body for poll in GIVEN}


@pytest.mark.parametrize("fault, body", [(ServerFault.EMPTY, b""), (ServerFault.WRONG_TYPE, PAGE)])
def test_a_body_that_is_no_feed_is_returned_for_classification(fault, body):
    with serving(feed_server(GIVEN, faults=always(fault))) as server:
        assert fetch(server.url).body == body


def test_errors_are_named_with_their_status():
    assert reason_of(ServerFault.ERROR) == "status 500"
    with (
        serving(feed_server(GIVEN, faults=always(ServerFault.BUSY))) as server,
        pytest.raises(FetchError) as busy,
    ):
        fetch(server.url)
    assert (busy.value.status, busy.value.retry_after) == (503, "30")


def test_each_broken_response_has_its_own_reason():
    half, whole = len(GIVEN[0].body) // 2, len(GIVEN[0].body)
    assert reason_of(ServerFault.TRUNCATED) == f"the body broke off after {half} of {whole} bytes"
    assert reason_of(ServerFault.LOOP) == "over 5 redirects"
    assert "failed (RemoteProtocolError)" in reason_of(ServerFault.HANG_UP)


def test_a_body_that_drips_is_cut_off_at_the_deadline():
    with serving(feed_server([*GIVEN], faults=always(ServerFault.SLOW), drip_seconds=0.2)) as server:
        assert reason(server.url, limits=QUICK) == "no complete response within 0.6 s"


def drip_header():
    return (bytes([letter]) for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000)


def drip_without_length():
    return chain([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], repeat(b"\x0a\x00"))


def silence():
    return repeat(b"")


@pytest.mark.parametrize("response", [drip_header, drip_without_length, silence])
def test_every_slow_response_is_cut_off_at_the_deadline(response):
    """The response takes a minute, a hundred times its limit: no pause of a busy machine is that long."""
    left, ended = Event(), Event()

    def drip(handler):
        for piece in islice(response(), 600):
            handler.wfile.write(piece)
            if left.wait(0.1):
                return
        ended.set()

    with http_server(drip) as url:
        assert reason(url, limits=QUICK) == "no complete response within 0.6 s"
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


def test_a_body_that_is_declared_too_large_is_not_read():
    with http_server(lambda handler: respond(handler, Content_Length=str(2 << 30))) as url:
        assert reason(url) == "the body is larger than 1,048,576 bytes"


def test_a_gzip_bomb_is_cut_off():
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
        assert fetch(url).body == b"\x0a\x00"


def chunked(*chunks: bytes):
    def response(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.close_connection = True

    return response


def test_chunks_are_joined_and_a_missing_end_is_a_failure():
    with http_server(chunked(b"\x0a", b"\x00", b"")) as url:
        assert fetch(url).body == b"\x0a\x00"
    with http_server(chunked(b"\x0a", b"\x00")) as url:
        assert "failed (RemoteProtocolError)" in reason(url)


def test_absent_servers_are_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/feed") == "127.0.0.1 refuses the connection"
    assert reason("http://no-such-host.invalid/feed") == "the host no-such-host.invalid is unknown"
    assert "failed (" in reason("https://127.0.0.1:1/".replace(":1/", f":{port}/")).replace(
        "refuses", "failed ("
    )


@pytest.mark.parametrize("garbage", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"\x00" * 70_000])
def test_a_response_that_is_no_http_is_a_failure(garbage):
    with http_server(
        lambda handler: (handler.wfile.write(garbage), setattr(handler, "close_connection", True))
    ) as url:
        assert "failed (" in reason(url)


def test_status_304_to_an_unconditional_request_is_a_failure():
    with http_server(lambda handler: respond(handler, 304)) as url:
        assert reason(url) == "status 304"


def seen_by(received):
    def response(handler):
        received.append((handler.path, dict(handler.headers)))
        respond(handler, 200, feed(1))

    return response


def test_a_key_is_sent_in_its_header_or_parameter():
    received = []
    with http_server(seen_by(received)) as url:
        fetch(f"{url}?line=a%20b&x=1", key=Key(SECRET, header="x-api-key"))
        fetch(f"{url}?line=7", key=Key(SECRET, parameter="apikey"))
        fetch(url, key=Key(SECRET, parameter="apikey"))
    (first, headers), (second, no_headers), (third, _) = received
    assert first == "/feed?line=a%20b&x=1" and headers["x-api-key"] == SECRET
    assert second == "/feed?line=7&apikey=s3cret%2B%2Fkey" and SECRET not in str(no_headers)
    assert third == "/feed?apikey=s3cret%2B%2Fkey"
    assert headers["User-Agent"].startswith("headway-prediction/")


@pytest.mark.parametrize("key", [Key(SECRET, header="x-api-key"), Key(SECRET, parameter="apikey")])
def test_a_redirect_to_another_server_goes_without_the_key(key):
    received = []
    with (
        http_server(seen_by(received)) as elsewhere,
        http_server(lambda handler: respond(handler, 302, Location=elsewhere)) as url,
    ):
        fetch(url, key=key)
    assert "s3cret" not in str(received)


def test_a_redirect_that_carries_the_key_elsewhere_is_not_followed():
    received = []
    with (
        http_server(seen_by(received)) as elsewhere,
        http_server(lambda handler: respond(handler, 302, Location=elsewhere + handler.path)) as url,
    ):
        assert "would send the key to another server" in reason(url, key=Key(SECRET, parameter="apikey"))
    assert received == []


def test_a_redirect_within_the_server_keeps_the_key_once():
    received = []

    def response(handler):
        if handler.path.startswith("/feed"):
            respond(handler, 307, Location="/new" + handler.path)
        else:
            seen_by(received)(handler)

    with http_server(response) as url:
        fetch(url, key=Key(SECRET, parameter="apikey"))
    assert received[0][0] == "/new/feed?apikey=s3cret%2B%2Fkey"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://[", "http://h:x/", "file:///etc/passwd"])
def test_a_redirect_to_no_web_address_is_not_followed(location):
    with http_server(lambda handler: respond(handler, 302, Location=location)) as url:
        assert reason(url) == "a redirect to no web address"


def test_a_trusted_server_is_read_and_an_unknown_one_is_not(certificate, monkeypatch):
    with serving(behind_tls(feed_server(polls(2)), certificate)) as server:
        url = server.url.replace("http:", "https:")
        assert "the certificate of 127.0.0.1 is not trusted" in reason(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert fetch(url).body in {poll.body for poll in polls(2)}


def test_a_redirect_from_https_to_http_is_not_followed(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with http_server(lambda handler: respond(handler, 200, b"plain")) as plain:
        server = behind_tls(feed_server(polls(2), faults=ServerFaults()), certificate)
        server.RequestHandlerClass = type(
            "Redirecting",
            (server.RequestHandlerClass,),
            {"do_GET": lambda self: respond(self, 302, Location=plain)},
        )
        with serving(server):
            assert reason(server.url.replace("http:", "https:")).startswith("a redirect from https to http")


def test_a_server_without_a_tls_handshake_is_cut_off_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert reason(url, limits=QUICK) == "no complete response within 0.6 s"


def test_a_server_without_tls_is_a_failure():
    with http_server(lambda handler: respond(handler, 200)) as url:
        assert "failed (" in reason(url.replace("http:", "https:"))
