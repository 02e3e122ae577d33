"""Who wants to be told of warnings is told of each once, and a server in trouble holds up nobody."""

import json
import time
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.service.live.issues import Troubles
from headway_prediction.service.live.published import Level, LineState, Published, Status, Trouble, Warned
from headway_prediction.service.live.webhook import Webhook, checked_url
from headway_prediction.transit.line import Line, Station

LINE = Line("toy", "Europe/Dublin", (Station("A", ("a", "a")), Station("B", ("b", "b"))))


@contextmanager
def server(*statuses: int):
    """A server that takes posts, answering with `statuses` in turn and then with 204; gives its address and what came."""
    came, waiting = [], list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(waiting.pop(0) if waiting else 204)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/warnings", came
    finally:
        running.shutdown()
        running.server_close()
        thread.join(5)


def published(t0: int, *trains: str) -> Published:
    past = np.full((60, 2, 2), np.nan)
    state = LineState(date(2026, 1, 13), t0, np.arange(t0 - 59, t0 + 1), past, past, past > 0, past[0], ())
    warned = tuple(Warned(Trouble.GAP, 0, 1, t0 + 5.0, 12.0, 6.0, 0.9, train) for train in trains)
    return Published(Status(Level.FRESH), t0 * 60.0, state, None, None, warned, None)


@contextmanager
def webhook(url: str):
    troubles = Troubles()
    hook = Webhook(url, LINE, troubles, pause_secs=0.01)
    hook.worker.start()
    try:
        yield hook, troubles
    finally:
        hook.worker.stop(5)


def until(condition, secs=5.0):
    end = time.monotonic() + secs
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_a_warning_is_posted_once_as_the_api_says_it():
    with server() as (url, came), webhook(url) as (hook, troubles):
        hook.tell(published(500, "t1"))
        hook.tell(published(501, "t1"))
        hook.tell(published(502, "t1", "t2"))
        until(lambda: len(came) == 2)
    first, second = came
    assert first["line_id"] == "toy" and first["time"].startswith("2026-01-13T08:21")
    assert [w["stop_name"] for w in first["warnings"]] == ["B"] and first["warnings"][0]["trouble"] == "gap"
    assert len(second["warnings"]) == 1 and troubles.told() == ()


def test_trouble_that_comes_back_after_half_an_hour_is_told_again():
    with server() as (url, came), webhook(url) as (hook, _):
        hook.tell(published(500, "t1"))
        hook.tell(published(529))
        hook.tell(published(529, "t1"))
        hook.tell(published(560, "t1"))
        until(lambda: len(came) == 2)


def test_without_anything_new_nothing_is_posted():
    with server() as (url, came), webhook(url) as (hook, _):
        hook.tell(published(500))
        time.sleep(0.05)
    assert came == []


def test_a_server_that_fails_is_tried_again_and_then_told_of():
    with server(500, 503) as (url, came), webhook(url) as (hook, troubles):
        hook.tell(published(500, "t1"))
        until(lambda: len(came) == 3)
        time.sleep(0.05)
        assert troubles.told() == ()
    with server(500, 500, 500) as (url, came), webhook(url) as (hook, troubles):
        hook.tell(published(500, "t1"))
        until(lambda: troubles.told() != ())
        assert "500" in troubles.told()[0] and len(came) == 3
        hook.tell(published(501, "t1", "t2"))
        until(lambda: troubles.told() == ())


def test_a_redirect_is_not_followed():
    with server(307, 307, 307) as (url, came), webhook(url) as (hook, troubles):
        hook.tell(published(500, "t1"))
        until(lambda: troubles.told() != ())
        assert len(came) == 3


def test_nobody_waits_for_a_server_that_is_not_there():
    with webhook("http://127.0.0.1:9/warnings") as (hook, troubles):
        begun = time.monotonic()
        for t0 in range(500, 700):
            hook.tell(published(t0, f"t{t0}"))
        assert time.monotonic() - begun < 2
        until(lambda: troubles.told() != ())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "example.org", "http://"])
def test_only_http_is_posted_to(url):
    with pytest.raises(HeadwayError, match="cannot be posted to"):
        checked_url(url)


def test_troubles_are_one_sentence_a_part():
    troubles = Troubles()
    with troubles.of("one"):
        raise HeadwayError("a", "b", "c")
    troubles.tell("another", "it is slow")
    assert troubles.told() == ("another: it is slow", "one: a; expected b; c.")
    with troubles.of("one"):
        pass
    troubles.tell("another", None)
    assert troubles.told() == ()
