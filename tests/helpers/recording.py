"""Feeds to record and clocks to record them by."""

import gzip
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.address import feed_address
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.fetch import Limits
from headway_prediction.feeds.recorder.record import Clock, Recorder, RecorderSettings
from headway_prediction.feeds.recorder.replay import replay, verify
from headway_prediction.simulate.feed.faults import ServerFault, ServerFaults
from headway_prediction.simulate.feed.server import FeedServer, PollPlayer

NOON = 1768305600.0
"""2026-01-13T12:00:00Z, as `date -u -d @1768305600` prints it."""


LIMITS = Limits(seconds=60, body_bytes=1 << 20)


def varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def feed(timestamp: float, padding: bytes = b"") -> bytes:
    """A FeedMessage with a header (version, timestamp) and, if there is padding, one entity of that id."""
    header = b"\x0a\x032.0\x18" + varint(int(timestamp))
    entity = b"\x0a" + varint(len(padding)) + padding
    message = b"\x0a" + varint(len(header)) + header
    return message + (b"\x12" + varint(len(entity)) + entity if padding else b"")


def polls(count: int, interval_secs: float = 15.0, start: float = NOON) -> list[Poll]:
    """Different polls."""
    return [Poll(start + k * interval_secs, feed(start + k * interval_secs, b"train")) for k in range(count)]


def feed_server(given: list[Poll], speed: float = float("inf"), **options) -> FeedServer:
    return FeedServer(PollPlayer(given, speed), **options)


def behind_tls(server: FeedServer, certificate: tuple[Path, Path]) -> FeedServer:
    """Make a server speak TLS with a (certificate, key) pair of files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def always(fault: ServerFault) -> ServerFaults:
    return ServerFaults({fault: 1.0})


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self, now: float = NOON):
        self.moment, self.slept = now, []

    def clock(self) -> Clock:
        return Clock(lambda: self.moment, lambda: self.moment, self.sleep, lambda: 0.5)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds


@contextmanager
def http_server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on loopback that answers every GET and POST by `answer(handler)`; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                answer(self)
            except OSError:
                self.close_connection = True

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/feed"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content_Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def replayed(archive: Path) -> list[Poll]:
    """All polls of an archive in which nothing is wrong."""
    faults = [fault for check in verify(archive) for fault in check.faults]
    assert faults == []
    return list(replay(archive, faults.append))


def lines(archive: Path) -> list[dict]:
    return [
        json.loads(line)
        for index in sorted(archive.glob("*/index.jsonl"))
        for line in index.read_text().splitlines()
    ]


def everything_written(archive: Path) -> bytes:
    """All bytes of an archive, unzipped, and its names."""
    texts = [str(archive).encode()]
    for path in sorted(archive.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            texts += [path.name.encode(), gzip.decompress(data) if path.suffix == ".gz" else data]
    return b"\n".join(texts)


def recorded(url, folder, attempts, *, key=None, time=None, **settings):
    """Record `attempts` polls; return the recorder, what it logged, and its clock."""
    logged, time = [], time or FakeTime()
    address = feed_address(url, key)
    with open_archive(folder, address.url, logged.append) as archive:
        settings = RecorderSettings(**{"limits": LIMITS} | settings)
        recorder = Recorder(address, archive, settings, logged.append, time.clock())
        recorder.run(attempts)
    return recorder, logged, time
