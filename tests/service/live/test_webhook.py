"""Each alert is posted once, and a server that fails or hangs delays nothing else."""

import json
import time
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.service.live import webhook as webhook_module
from headway_prediction.service.live.background import Issues
from headway_prediction.service.live.published import Alert, AlertKind, Level, LineForecast, LineState, Status
from headway_prediction.service.live.webhook import Webhook, checked_url
from headway_prediction.transit.line import Line, Station
from helpers.recording import http_server

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
        yield f"http://127.0.0.1:{running.server_port}/alerts", came
    finally:
        running.shutdown()
        running.server_close()
        thread.join(5)


def published(t0: int, *trains: str) -> LineForecast:
    past = np.full((60, 2, 2), np.nan)
    state = LineState(
        date(2026, 1, 13),
        t0,
        np.arange(t0 - 59, t0 + 1),
        past,
        past,
        past > 0,
        np.tile(past[0], (120, 1, 1)),
        (),
    )
    alert = tuple(Alert(AlertKind.GAP, 0, 1, t0 + 5.0, 12.0, 6.0, 0.9, train) for train in trains)
    return LineForecast(Status(Level.LIVE), t0 * 60.0, state, None, None, alert, None)


@contextmanager
def webhook(url: str):
    issues = Issues()
    hook = Webhook(url, LINE, issues, pause_secs=0.01)
    hook.worker.start()
    try:
        yield hook, issues
    finally:
        hook.worker.stop(5)


def until(condition, secs=5.0):
    end = time.monotonic() + secs
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_an_alert_is_posted_once_in_the_form_of_the_api():
    with server() as (url, came), webhook(url) as (hook, issues):
        hook.report(published(500, "t1"))
        hook.report(published(501, "t1"))
        hook.report(published(502, "t1", "t2"))
        until(lambda: len(came) == 2)
    first, second = came
    assert first["line_id"] == "toy" and first["time"].startswith("2026-01-13T08:21")
    assert [w["stop_name"] for w in first["alerts"]] == ["B"] and first["alerts"][0]["kind"] == "gap"
    assert len(second["alerts"]) == 1 and issues.current() == ()


def test_an_alert_that_returns_after_half_an_hour_is_posted_again():
    with server() as (url, came), webhook(url) as (hook, _):
        hook.report(published(500, "t1"))
        hook.report(published(529))
        hook.report(published(529, "t1"))
        hook.report(published(560, "t1"))
        until(lambda: len(came) == 2)


def test_without_anything_new_nothing_is_posted():
    with server() as (url, came), webhook(url) as (hook, _):
        hook.report(published(500))
        time.sleep(0.05)
    assert came == []


def test_a_server_that_fails_is_tried_again_and_then_reported():
    with server(500, 503) as (url, came), webhook(url) as (hook, issues):
        hook.report(published(500, "t1"))
        until(lambda: len(came) == 3)
        time.sleep(0.05)
        assert issues.current() == ()
    with server(500, 500, 500) as (url, came), webhook(url) as (hook, issues):
        hook.report(published(500, "t1"))
        until(lambda: issues.current() != ())
        assert "500" in issues.current()[0] and len(came) == 3
        hook.report(published(501, "t1", "t2"))
        until(lambda: issues.current() == ())


def test_a_redirect_is_not_followed():
    with server(307, 307, 307) as (url, came), webhook(url) as (hook, issues):
        hook.report(published(500, "t1"))
        until(lambda: issues.current() != ())
        assert len(came) == 3


def test_a_server_that_drips_its_response_is_cut_off(monkeypatch):
    monkeypatch.setattr(webhook_module, "TIMEOUT_SECS", 0.2)
    ended = Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.05):
            handler.wfile.write(b"X-More: and more\r\n")

    with http_server(drip) as url, webhook(url) as (hook, issues):
        hook.report(published(500, "t1"))
        until(lambda: issues.current() != ())
        ended.set()
    assert "no response within 0.2 s" in issues.current()[0]


def test_the_caller_never_waits_for_a_server_that_is_not_there():
    with webhook("http://127.0.0.1:9/alerts") as (hook, issues):
        begun = time.monotonic()
        for t0 in range(500, 700):
            hook.report(published(t0, f"t{t0}"))
        assert time.monotonic() - begun < 2
        until(lambda: issues.current() != ())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "example.org", "http://"])
def test_only_http_is_posted_to(url):
    with pytest.raises(HeadwayError, match="the webhook"):
        checked_url(url)


def test_issues_have_one_sentence_per_part():
    issues = Issues()
    with issues.watch("one"):
        raise HeadwayError("a", "b", "c")
    issues.report("another", "it is slow")
    assert issues.current() == ("another: it is slow", "one: a; expected b; c.")
    with issues.watch("one"):
        pass
    issues.report("another", None)
    assert issues.current() == ()
