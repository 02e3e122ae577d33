"""A feed over HTTP on loopback, at any path: every response has the poll of the moment, or a fault.

Without a fault it behaves as good feeds do: ETag and Last-Modified, status 304, gzip where the request accepts it.
"""

import gzip
import hashlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate, mktime_tz, parsedate_tz
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from time import monotonic
from typing import Any

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.replay import check_speed
from headway_prediction.simulate.feed.faults import ServerFault, ServerFaults

PROTOBUF = "application/x-protobuf"
PAGE = b"<!DOCTYPE html><title>Sorry</title><p>The service is being maintained.\n"
MOVED, CIRCLE = "/moved", "/circle"
HUGE_BYTES, HUGE_PIECE = 2 << 30, bytes(1 << 20)
DRIPS = 30
RETRY_AFTER_SECONDS = 30


class PollPlayer:
    """Plays polls from the time of the first one on, `speed` times as fast as real time; safe to use from several threads.

    Polls are read one ahead, so that there may be weeks of them; after the last one the feed stands still. At an infinite
    speed every request gets the next poll. Raises HeadwayError for a speed that is not positive, and where there is no poll.
    """

    def __init__(self, polls: Iterable[Poll], speed: float = 1.0, elapsed: Callable[[], float] = monotonic):
        check_speed(speed)
        self._polls, self._speed, self._elapsed = iter(polls), speed, elapsed
        # Before the first poll is requested, which takes a simulator a while: a feed of now must not start late.
        self._started = elapsed()
        self._lock = Lock()
        first = next(self._polls, None)
        if first is None:
            raise HeadwayError(
                "there is no poll to serve", "at least one", "check the archive and the times given"
            )
        self._first, self._current = first.fetched_at, first
        self._next: Poll | None = first

    def poll(self) -> Poll:
        """Return the latest poll of the moment."""
        with self._lock:
            if math.isinf(self._speed):
                self._advance()
                return self._current
            now = self._first + (self._elapsed() - self._started) * self._speed
            while self._next is not None and self._next.fetched_at <= now:
                self._advance()
            return self._current

    def _advance(self) -> None:
        if self._next is not None:
            self._current, self._next = self._next, next(self._polls, None)


class FeedServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; `url` is where. Use `serving` to run it, or `serve_forever`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, player: PollPlayer, faults: ServerFaults | None = None, port: int = 0, drip_seconds: float = 1.0
    ):
        """Listen on `port`, 0 for any free one. Raises HeadwayError when the port is taken."""
        self.player, self.faults, self.drip_seconds = player, faults or ServerFaults(), drip_seconds
        self.numbers = count()
        self.last_poll: Poll | None = None
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise HeadwayError(
                f"port {port} of this machine cannot be listened on ({getattr(error, 'strerror', None) or error})",
                "a free port",
                "choose another one with --port, or 0 for any",
            ) from error

    @property
    def url(self) -> str:
        """The address of the feed."""
        return f"http://127.0.0.1:{self.server_port}/feed.pb"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error, but not when only the connection was closed."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


@contextmanager
def serving(server: FeedServer) -> Iterator[FeedServer]:
    """Serve in a thread of its own while the body runs."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FeedServer
    timeout = 60

    def log_message(self, format: str, *values: object) -> None:
        """Print nothing: a feed is requested every few seconds."""

    def do_GET(self) -> None:
        fault = self._fault()
        standing = self.server.last_poll if fault is ServerFault.STANDSTILL else None
        poll = standing or self.server.player.poll()
        self.server.last_poll = poll
        send = _SENDERS[fault] if fault else _Handler._send_poll
        with suppress(ConnectionError):
            send(self, poll)

    def _fault(self) -> ServerFault | None:
        """The fault of this request; the target of a redirect has none."""
        if self.path.startswith(MOVED):
            return None
        if self.path.startswith(CIRCLE):
            return ServerFault.LOOP
        return self.server.faults.at(next(self.server.numbers))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_poll(self, poll: Poll) -> None:
        headers = _validators(poll)
        if self._has(poll, headers["ETag"]):
            self._send(304, headers, b"")
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            self._send_gzip(poll)
        else:
            self._send(200, headers | {"Content-Type": PROTOBUF}, poll.body)

    def _has(self, poll: Poll, etag: str) -> bool:
        """Whether the client has this poll already (RFC 9110, section 13: the ETag goes before the date)."""
        if known := self.headers.get("If-None-Match"):
            return etag in known
        since = parsedate_tz(self.headers.get("If-Modified-Since", ""))
        return since is not None and int(poll.fetched_at) <= mktime_tz(since)

    def _send_gzip(self, poll: Poll) -> None:
        headers = _validators(poll) | {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
        self._send(200, headers, gzip.compress(poll.body, mtime=0))

    def _send_slowly(self, poll: Poll) -> None:
        self._send_length(len(poll.body))
        step = max(1, -(-len(poll.body) // DRIPS))
        for start in range(0, len(poll.body), step):
            time.sleep(self.server.drip_seconds)
            self.wfile.write(poll.body[start : start + step])

    def _send_length(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send_truncated(self, poll: Poll) -> None:
        self._send_length(len(poll.body))
        self.wfile.write(poll.body[: len(poll.body) // 2])
        self.close_connection = True

    def _send_half(self, poll: Poll) -> None:
        self._send(200, {"Content-Type": PROTOBUF}, poll.body[: len(poll.body) // 2])

    def _send_empty(self, _: Poll) -> None:
        self._send(200, {"Content-Type": PROTOBUF}, b"")

    def _send_page(self, _: Poll) -> None:
        self._send(200, {"Content-Type": "text/html"}, PAGE)

    def _send_error(self, _: Poll) -> None:
        self._send(500, {"Content-Type": "text/html"}, PAGE)

    def _send_busy(self, _: Poll) -> None:
        self._send(503, {"Retry-After": str(RETRY_AFTER_SECONDS)}, b"")

    def _hang_up(self, _: Poll) -> None:
        self.close_connection = True

    def _send_huge(self, _: Poll) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for _piece in range(HUGE_BYTES // len(HUGE_PIECE)):
            self.wfile.write(HUGE_PIECE)

    def _redirect(self, _: Poll) -> None:
        self._send(302, {"Location": MOVED + self.path}, b"")

    def _redirect_to_itself(self, _: Poll) -> None:
        self._send(302, {"Location": CIRCLE}, b"")


def _validators(poll: Poll) -> dict[str, str]:
    etag = f'"{hashlib.sha256(poll.body).hexdigest()[:16]}"'
    return {"ETag": etag, "Last-Modified": formatdate(poll.fetched_at, usegmt=True)}


_SENDERS = {
    ServerFault.SLOW: _Handler._send_slowly,
    ServerFault.ERROR: _Handler._send_error,
    ServerFault.BUSY: _Handler._send_busy,
    ServerFault.HANG_UP: _Handler._hang_up,
    ServerFault.TRUNCATED: _Handler._send_truncated,
    ServerFault.HALF: _Handler._send_half,
    ServerFault.EMPTY: _Handler._send_empty,
    ServerFault.WRONG_TYPE: _Handler._send_page,
    ServerFault.HUGE: _Handler._send_huge,
    ServerFault.REDIRECT: _Handler._redirect,
    ServerFault.LOOP: _Handler._redirect_to_itself,
    ServerFault.GZIP: _Handler._send_gzip,
    ServerFault.STANDSTILL: _Handler._send_poll,
}
