"""Fetching through a proxy: a real one on loopback, for plain feeds and, by CONNECT, for those behind TLS."""

import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import Key, check_proxies, feed_address
from headway_prediction.feeds.recorder.fetch import Fetcher, FetchError, Limits, Validators
from headway_prediction.simulate.feed.server import serving
from helpers.lines import headway
from helpers.recording import (
    behind_tls,
    everything_written,
    feed,
    feed_server,
    http_server,
    polls,
    replayed,
    respond,
)

GIVEN = polls(3)
WANTED = "Basic " + b64encode(b"me:s3cret").decode()


class ProxyHandler(BaseHTTPRequestHandler):
    """Forwards requests, and records (method, target, headers) of each."""

    def refuses(self) -> bool:
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        wanted = self.server.wanted
        if wanted is None or self.headers["Proxy-Authorization"] == wanted:
            return False
        self.send_error(407)
        return True

    def do_GET(self) -> None:
        if self.refuses():
            return
        parts = urlsplit(self.path)
        forwarded = HTTPConnection(parts.hostname, parts.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name != "Proxy-Authorization"}
        forwarded.request("GET", f"{parts.path}?{parts.query}".rstrip("?"), headers=headers)
        response = forwarded.getresponse()
        respond(
            self,
            response.status,
            response.read(),
            **{k.replace("-", "_"): v for k, v in response.getheaders()},
        )
        forwarded.close()

    def do_CONNECT(self) -> None:
        if self.refuses():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=60) as there:
            self.send_response(200)
            self.end_headers()
            back = Thread(target=pumped, args=(there, self.connection))
            back.start()
            pumped(self.connection, there)
            back.join()

    def log_message(self, *_: object) -> None:
        pass


def pumped(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def proxy(wanted: str | None = None, handler: type = ProxyHandler) -> Iterator[ThreadingHTTPServer]:
    """A proxy on loopback that wants the `wanted` authorization."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.seen, server.wanted = True, [], wanted
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def through(monkeypatch):
    """Sets the proxy of the environment to a server."""

    def set_proxies(server: ThreadingHTTPServer, user: str = "") -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://{user}127.0.0.1:{server.server_port}")

    return set_proxies


def fetch(url: str, key: Key | None = None, seconds: float = 60):
    return Fetcher(feed_address(url, key), Limits(seconds=seconds)).fetch(Validators())


def reason(url: str, **options) -> str:
    with pytest.raises(FetchError) as failed:
        fetch(url, **options)
    return failed.value.reason


def test_a_plain_feed_is_fetched_by_its_whole_address(through):
    received = []

    def response(handler):
        received.append((handler.path, dict(handler.headers)))
        respond(handler, 200, feed(1))

    with proxy() as server, http_server(response) as url:
        through(server)
        response = fetch(f"{url}?line=7", Key("s3cret", header="x-api-key"))
    assert response.body == feed(1)
    ((method, target, headers),) = server.seen
    assert (method, target, headers["Host"]) == ("GET", f"{url}?line=7", urlsplit(url).netloc)
    ((path, headers),) = received
    assert path == "/feed?line=7" and headers["x-api-key"] == "s3cret"


def test_a_feed_behind_tls_is_fetched_through_a_tunnel_that_reads_nothing(through, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with proxy() as server, serving(behind_tls(feed_server(GIVEN), certificate)) as feeds:
        through(server)
        url = feeds.url.replace("http:", "https:")
        response = fetch(url, Key("s3cret", header="x-api-key"))
    assert response.body in {poll.body for poll in GIVEN}
    ((method, target, headers),) = server.seen
    assert (method, target) == ("CONNECT", urlsplit(url).netloc)
    assert "s3cret" not in str(headers)


def test_a_redirect_goes_through_the_proxy_too(through):
    with (
        proxy() as server,
        serving(feed_server(GIVEN)) as feeds,
        http_server(lambda handler: respond(handler, 302, Location=feeds.url)) as url,
    ):
        through(server)
        assert fetch(url).body in {poll.body for poll in GIVEN}
    assert [target for _, target, _ in server.seen] == [url, feeds.url]


def test_a_password_goes_to_the_proxy_and_to_no_other_server(through, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    received = []

    def response(handler):
        received.append(handler.headers["Proxy-Authorization"])
        respond(handler, 200, feed(1))

    with proxy(WANTED) as server, serving(behind_tls(feed_server(GIVEN), certificate)) as feeds:
        tls = feeds.url.replace("http:", "https:")
        through(server, "me:s3cret@")
        assert fetch(tls).body in {poll.body for poll in GIVEN}
        through(server)
        assert reason(tls) == "the proxy 127.0.0.1 refuses a tunnel to 127.0.0.1 (status 407)"
        with http_server(response) as url:
            assert reason(url) == "status 407"
            through(server, "me:s3cret@")
            fetch(url)
            monkeypatch.setenv("NO_PROXY", "*")
            fetch(url)
    assert received == [None, None]


def test_a_proxy_that_is_not_there_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        assert reason(f"{scheme}://feeds.invalid/a") == "the proxy 127.0.0.1 refuses the connection"
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:80")
    assert reason("http://127.0.0.1/a") == "the proxy proxy.invalid is unknown"


def drips_headers(handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        handler.wfile.write(b"X-More: and more\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize("connect", [drips_headers, lambda handler: time.sleep(3)])
def test_a_slow_proxy_is_cut_off_at_the_deadline(through, connect):
    with proxy(handler=handler_that(connect)) as server:
        through(server)
        started = time.monotonic()
        late = reason("https://feeds.invalid/a", seconds=0.6)
        assert late == "no complete response within 0.6 s"
        assert time.monotonic() - started < 2.9


def handler_that(connect: Callable[[BaseHTTPRequestHandler], None]) -> type:
    def do_connect(self) -> None:
        try:
            connect(self)
        except OSError:
            self.close_connection = True

    return type("Slow", (ProxyHandler,), {"do_CONNECT": do_connect})


ADDRESSES = {
    "http://feeds.invalid/a": True,
    "https://feeds.invalid:8443/a": True,
    "http://inside.invalid/a": False,
    "http://other.inside.invalid/a": False,
    "http://not-inside.invalid/a": True,
    "http://127.0.0.1:9/a": False,
    "http://127.0.0.2:9/a": True,
}


@pytest.mark.parametrize("url, proxied", ADDRESSES.items())
def test_hosts_of_no_proxy_are_fetched_directly(through, monkeypatch, url, proxied):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1:9, inside.invalid")
    with proxy(WANTED) as server:
        through(server)
        assert ("407" in reason(url)) == bool(server.seen) == proxied
        monkeypatch.setenv("no_proxy", "*")
        server.seen.clear()
        reason(url)
        assert not server.seen


def test_lower_case_names_come_first_and_an_empty_value_is_no_proxy(through, monkeypatch):
    with proxy() as server, http_server(lambda handler: respond(handler, 200, feed(1))) as url:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:80")
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{server.server_port}")
        assert fetch(url).body == feed(1) and len(server.seen) == 1
        monkeypatch.setenv("http_proxy", "")
        assert fetch(url).body == feed(1) and len(server.seen) == 1


@pytest.mark.parametrize(
    "text", ["socks5://h:1", "ftp://h:1", "http://", "http://h:x", "http://me:hidden@h:0", "http://["]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(monkeypatch, text):
    monkeypatch.setenv("HTTPS_PROXY", text)
    with pytest.raises(HeadwayError, match="names no proxy that can be used") as refused:
        check_proxies()
    assert "hidden" not in str(refused.value)


def test_the_recorder_fetches_through_the_proxy_of_the_environment(tmp_path, monkeypatch, capfd):
    with proxy(WANTED) as server, serving(feed_server(GIVEN)) as feeds:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s3cret@127.0.0.1:{server.server_port}")
        words = ("--out", tmp_path / "a", "--interval", 0.1, "--polls", 2)
        assert headway("record", "--url", feeds.url, *words) == 0
    assert [target for _, target, _ in server.seen] == [feeds.url] * 2
    assert len(replayed(tmp_path / "a")) == 2
    assert b"s3cret" not in everything_written(tmp_path / "a") + capfd.readouterr().err.encode()
