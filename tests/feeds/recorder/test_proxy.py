"""Asking through a proxy: a real one on loopback, for plain feeds and, by CONNECT, for those behind TLS."""

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

from feeds.recorder.test_tls import behind_tls
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import Key, feed_address
from headway_prediction.feeds.recorder.body import FetchError
from headway_prediction.feeds.recorder.http_fetch import Limits, Validators, fetch
from headway_prediction.feeds.recorder.proxy import Proxies, Proxy, proxies_from_environment
from headway_prediction.simulate.feed.server import serving
from helpers.lines import headway
from helpers.recording import everything_written, feed, feed_server, http_server, polls, replayed, respond

GIVEN = polls(3)
WANTED = "Basic " + b64encode(b"me:s3cret").decode()


class ProxyHandler(BaseHTTPRequestHandler):
    """Passes on what it is asked for, and keeps (method, target, headers) of each request."""

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
        asked = HTTPConnection(parts.hostname, parts.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name != "Proxy-Authorization"}
        asked.request("GET", f"{parts.path}?{parts.query}".rstrip("?"), headers=headers)
        answer = asked.getresponse()
        respond(
            self, answer.status, answer.read(), **{k.replace("-", "_"): v for k, v in answer.getheaders()}
        )
        asked.close()

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


def through(server: ThreadingHTTPServer, user: str = "", **more: str) -> Proxies:
    told = f"http://{user}127.0.0.1:{server.server_port}"
    return proxies_from_environment({"HTTP_PROXY": told, "HTTPS_PROXY": told} | more)


def ask(url: str, proxies: Proxies, key: Key | None = None, seconds: float = 60):
    return fetch(feed_address(url, key, proxies), Validators(), Limits(seconds=seconds))


def reason(*asked, **options) -> str:
    with pytest.raises(FetchError) as failed:
        ask(*asked, **options)
    return failed.value.reason


def test_a_plain_feed_is_asked_for_by_its_whole_address():
    told = []

    def answer(handler):
        told.append((handler.path, dict(handler.headers)))
        respond(handler, 200, feed(1))

    with proxy() as server, http_server(answer) as url:
        got = ask(f"{url}?line=7", through(server), Key("s3cret", header="x-api-key"))
    assert got.body == feed(1)
    ((method, target, headers),) = server.seen
    assert (method, target, headers["Host"]) == ("GET", f"{url}?line=7", urlsplit(url).netloc)
    ((path, headers),) = told
    assert path == "/feed?line=7" and headers["x-api-key"] == "s3cret"


def test_a_feed_behind_tls_is_asked_for_through_a_tunnel_that_reads_nothing(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with proxy() as server, serving(behind_tls(feed_server(GIVEN), certificate)) as feeds:
        url = feeds.url.replace("http:", "https:")
        got = ask(url, through(server), Key("s3cret", header="x-api-key"))
    assert got.body in {poll.body for poll in GIVEN}
    ((method, target, headers),) = server.seen
    assert (method, target) == ("CONNECT", urlsplit(url).netloc)
    assert "s3cret" not in str(headers)


def test_a_redirect_goes_through_the_proxy_too():
    with (
        proxy() as server,
        serving(feed_server(GIVEN)) as feeds,
        http_server(lambda handler: respond(handler, 302, Location=feeds.url)) as url,
    ):
        assert ask(url, through(server)).body in {poll.body for poll in GIVEN}
    assert [target for _, target, _ in server.seen] == [url, feeds.url]


def test_a_proxy_that_wants_a_password_is_told_it_and_nobody_else_is(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    told = []

    def answer(handler):
        told.append(handler.headers["Proxy-Authorization"])
        respond(handler, 200, feed(1))

    with proxy(WANTED) as server, serving(behind_tls(feed_server(GIVEN), certificate)) as feeds:
        tls = feeds.url.replace("http:", "https:")
        assert ask(tls, through(server, "me:s3cret@")).body in {poll.body for poll in GIVEN}
        assert reason(tls, through(server)) == "the proxy 127.0.0.1 makes no way to 127.0.0.1 (status 407)"
        with http_server(answer) as url:
            assert reason(url, through(server)) == "status 407"
            ask(url, through(server, "me:s3cret@"))
            ask(url, Proxies())
    assert told == [None, None]
    assert "s3cret" not in repr(through(server, "me:s3cret@"))


def test_a_proxy_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = Proxies({"http": Proxy("127.0.0.1", port), "https": Proxy("127.0.0.1", port)})
    for scheme in ("http", "https"):
        assert reason(f"{scheme}://feeds.invalid/a", gone) == "the proxy 127.0.0.1 refuses the connection"
    unknown = Proxies({"http": Proxy("proxy.invalid", 80)})
    assert reason("http://127.0.0.1/a", unknown) == "the proxy proxy.invalid is unknown"


def drips_headers(handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        handler.wfile.write(b"X-More: and more\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize("connect", [drips_headers, lambda handler: time.sleep(3)])
def test_a_proxy_that_never_comes_to_an_end_is_left_in_time(connect):
    with proxy(handler=handler_that(connect)) as server:
        started = time.monotonic()
        late = reason("https://feeds.invalid/a", through(server), seconds=0.6)
        assert late == "no whole answer within 0.6 s"
        assert time.monotonic() - started < 2.9


def handler_that(connect: Callable[[BaseHTTPRequestHandler], None]) -> type:
    def do_connect(self) -> None:
        try:
            connect(self)
        except OSError:
            self.close_connection = True

    return type("Slow", (ProxyHandler,), {"do_CONNECT": do_connect})


ADDRESSES = {
    "http://feeds.example.org/a": True,
    "https://feeds.example.org:8443/a": True,
    "http://inside.example.org/a": False,
    "http://other.inside.example.org/a": False,
    "http://not-inside.example.org/a": True,
    "http://127.0.0.1:8642/a": False,
    "http://127.0.0.2:8642/a": True,
}


@pytest.mark.parametrize("url, proxied", ADDRESSES.items())
def test_hosts_of_no_proxy_are_asked_directly(url, proxied):
    told = {"http_proxy": "proxy:3128", "https_proxy": "proxy:3128"}
    found = proxies_from_environment(told | {"NO_PROXY": "127.0.0.1:8642, .inside.example.org"})
    assert found.proxy_for(url) == (Proxy("proxy", 3128) if proxied else None)
    assert proxies_from_environment(told | {"no_proxy": "*"}).proxy_for(url) is None


def test_small_letters_count_first_and_an_empty_word_is_none():
    told = {"HTTP_PROXY": "http://loud:1", "http_proxy": "http://quiet:2", "HTTPS_PROXY": "http://loud"}
    found = proxies_from_environment(told)
    assert (found.proxy_for("http://a/"), found.proxy_for("https://a/")) == (
        Proxy("quiet", 2),
        Proxy("loud", 80),
    )
    assert proxies_from_environment(told | {"http_proxy": ""}).proxy_for("http://a/") is None
    assert proxies_from_environment({}) == Proxies()


@pytest.mark.parametrize(
    "text", ["socks5://h:1", "https://h:1", "http://", "http://h:x", "http://me:hidden@h:0", "http://["]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(text):
    with pytest.raises(HeadwayError, match="HTTPS_PROXY names no proxy that can be used") as refused:
        proxies_from_environment({"HTTPS_PROXY": text})
    assert "hidden" not in str(refused.value)


def test_the_recorder_asks_through_the_proxy_of_the_environment(tmp_path, monkeypatch, capfd):
    for name in ("http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with proxy(WANTED) as server, serving(feed_server(GIVEN)) as feeds:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s3cret@127.0.0.1:{server.server_port}")
        words = ("--out", tmp_path / "a", "--every", 0.1, "--polls", 2)
        assert headway("record", "--url", feeds.url, *words) == 0
    assert [target for _, target, _ in server.seen] == [feeds.url] * 2
    assert len(replayed(tmp_path / "a")) == 2
    assert b"s3cret" not in everything_written(tmp_path / "a") + capfd.readouterr().err.encode()
