"""A feed over HTTP on loopback: answers with the poll of the moment, or with a fault.

It behaves as good feeds do (ETag and Last-Modified, status 304, gzip for who asks) wherever no fault strikes, at any path.
"""

import gzip
import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate, mktime_tz, parsedate_tz
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.simulate.feed.replay_clock import PollPlayer
from headway_prediction.simulate.feed.server_faults import ServerFault, ServerFaults

PROTOBUF = "application/x-protobuf"
PAGE = b"<!DOCTYPE html><title>Sorry</title><p>The service is being maintained.\n"
MOVED, CIRCLE = "/moved", "/circle"
HUGE_BYTES, HUGE_PIECE = 2 << 30, bytes(1 << 20)
DRIPS = 30
RETRY_AFTER_SECONDS = 30


class FeedServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; `url` is where. Use `serving` to run it, or `serve_forever`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, moment: PollPlayer, faults: ServerFaults | None = None, port: int = 0, drip_seconds: float = 1.0
    ):
        """Port 0 takes any free one. Raises HeadwayError when the port cannot be had."""
        self.moment, self.faults, self.drip_seconds = moment, faults or ServerFaults(), drip_seconds
        self.numbers = count()
        self.last_given: Poll | None = None
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

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what went wrong, unless it is only that somebody hung up."""
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
        """Keep quiet: a feed is asked every few seconds."""

    def do_GET(self) -> None:
        fault = self._fault()
        standing = self.server.last_given if fault is ServerFault.STANDSTILL else None
        poll = standing or self.server.moment.poll()
        self.server.last_given = poll
        answer = _ANSWERS.get(fault, _Handler._give)
        with suppress(ConnectionError):
            answer(self, poll)

    def _fault(self) -> ServerFault | None:
        """The fault of this request; a redirect that was followed leads where it said."""
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

    def _give(self, poll: Poll) -> None:
        headers = _validators(poll)
        if self._has(poll, headers["ETag"]):
            self._send(304, headers, b"")
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            self._give_zipped(poll)
        else:
            self._send(200, headers | {"Content-Type": PROTOBUF}, poll.body)

    def _has(self, poll: Poll, etag: str) -> bool:
        """Whether who asks has this poll already (RFC 9110, section 13: the ETag goes before the date)."""
        if told := self.headers.get("If-None-Match"):
            return etag in told
        since = parsedate_tz(self.headers.get("If-Modified-Since", ""))
        return since is not None and int(poll.fetched_at) <= mktime_tz(since)

    def _give_zipped(self, poll: Poll) -> None:
        headers = _validators(poll) | {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
        self._send(200, headers, gzip.compress(poll.body, mtime=0))

    def _give_slowly(self, poll: Poll) -> None:
        self._promise(len(poll.body))
        step = max(1, -(-len(poll.body) // DRIPS))
        for start in range(0, len(poll.body), step):
            time.sleep(self.server.drip_seconds)
            self.wfile.write(poll.body[start : start + step])

    def _promise(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _give_truncated(self, poll: Poll) -> None:
        self._promise(len(poll.body))
        self.wfile.write(poll.body[: len(poll.body) // 2])
        self.close_connection = True

    def _give_half(self, poll: Poll) -> None:
        self._send(200, {"Content-Type": PROTOBUF}, poll.body[: len(poll.body) // 2])

    def _give_empty(self, _: Poll) -> None:
        self._send(200, {"Content-Type": PROTOBUF}, b"")

    def _give_page(self, _: Poll) -> None:
        self._send(200, {"Content-Type": "text/html"}, PAGE)

    def _give_error(self, _: Poll) -> None:
        self._send(500, {"Content-Type": "text/html"}, PAGE)

    def _be_busy(self, _: Poll) -> None:
        self._send(503, {"Retry-After": str(RETRY_AFTER_SECONDS)}, b"")

    def _hang_up(self, _: Poll) -> None:
        self.close_connection = True

    def _give_huge(self, _: Poll) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for _piece in range(HUGE_BYTES // len(HUGE_PIECE)):
            self.wfile.write(HUGE_PIECE)

    def _redirect(self, _: Poll) -> None:
        self._send(302, {"Location": MOVED + self.path}, b"")

    def _redirect_in_circles(self, _: Poll) -> None:
        self._send(302, {"Location": CIRCLE}, b"")


def _validators(poll: Poll) -> dict[str, str]:
    etag = f'"{hashlib.sha256(poll.body).hexdigest()[:16]}"'
    return {"ETag": etag, "Last-Modified": formatdate(poll.fetched_at, usegmt=True)}


_ANSWERS = {
    ServerFault.SLOW: _Handler._give_slowly,
    ServerFault.ERROR: _Handler._give_error,
    ServerFault.BUSY: _Handler._be_busy,
    ServerFault.HANG_UP: _Handler._hang_up,
    ServerFault.TRUNCATED: _Handler._give_truncated,
    ServerFault.HALF: _Handler._give_half,
    ServerFault.EMPTY: _Handler._give_empty,
    ServerFault.WRONG_TYPE: _Handler._give_page,
    ServerFault.HUGE: _Handler._give_huge,
    ServerFault.REDIRECT: _Handler._redirect,
    ServerFault.LOOP: _Handler._redirect_in_circles,
    ServerFault.GZIP: _Handler._give_zipped,
}
