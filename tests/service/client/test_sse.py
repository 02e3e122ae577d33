"""The client's stream of events: told as they come, and opened again wherever it ends."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice
from threading import Thread
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.service.client import sse as client_events
from headway_prediction.service.client.client import Client
from headway_prediction.service.client.sse import ServerEvent, parse_events, reconnecting_events
from helpers.service_server import listened, served
from helpers.service_view import RecordedView, simulated_view

LINE = "garden-line"


@pytest.fixture(scope="module")
def view() -> RecordedView:
    return simulated_view(steps=1)


@pytest.fixture(scope="module")
def url(view):
    with served(view) as (url, _):
        yield url


def test_new_forecasts_are_told_of_as_they_come(view, url):
    events = Client(url).events(LINE)
    now = next(events)
    assert (now.t0, now.version) == (view.publisher.latest(LINE)[1].state.t0, view.publisher.latest(LINE)[0])
    later = Thread(target=lambda: [(time.sleep(0.1), view.step()) for _ in range(3)])
    later.start()
    told = list(islice(events, 3))
    later.join()
    assert [event.t0 for event in told] == [now.t0 + 1, now.t0 + 2, now.t0 + 3]
    assert [event.version for event in told] == [now.version + 1, now.version + 2, now.version + 3]
    events.close()


def test_a_stream_goes_on_where_the_service_is_started_again(view, url, monkeypatch):
    monkeypatch.setattr(client_events, "MIN_WAIT_SECS", 0.05)
    with ExitStack() as running:
        first, _ = running.enter_context(served(view))
        events = Client(first).events(LINE)
        now = next(events)
        running.close()
        starting = Thread(target=lambda: (time.sleep(0.3), view.step()))
        starting.start()
        with served(view, port=urlsplit(first).port):
            told = list(
                islice(events, 2)
            )  # the newest of then, for ids of another run say nothing, and the next one
            starting.join()
            events.close()
    assert [event.t0 for event in told] == [now.t0, now.t0 + 1]


def test_a_stream_that_had_nothing_to_tell_yet_waits_for_the_service_to_come_back(monkeypatch):
    monkeypatch.setattr(client_events, "MIN_WAIT_SECS", 0.05)
    view, told = simulated_view(), []
    with ExitStack() as running:
        first, server = running.enter_context(served(view))
        listening = Thread(target=lambda: told.append(next(Client(first).events(LINE))))
        listening.start()
        while not server.hub.listening:
            time.sleep(0.01)
        running.close()
        time.sleep(0.3)  # it is refused meanwhile
        view.step()
        with served(view, port=urlsplit(first).port):
            listening.join(20)
    assert [event.t0 for event in told] == [view.next_t0 - 1]


def test_a_stream_that_is_cut_is_opened_again_from_its_last_event_even_if_it_said_nothing_yet(monkeypatch):
    monkeypatch.setattr(client_events, "MIN_WAIT_SECS", 0.01)
    with listened(CutStream) as url:
        events = Client(url).events(LINE)
        assert [event.version for event in islice(events, 3)] == [1, 2, 3]
        events.close()
    assert CutStream.heard == [None, None, "a-1", "a-2"]


class CutStream(BaseHTTPRequestHandler):
    """Hangs up at once, then after each event, in the middle of what it says."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        version = len(self.heard)
        self.heard.append(self.headers["Last-Event-ID"])
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        told = f'{{"t0": 500, "time": "2026-01-13T08:21:00+00:00", "version": {version}, "level": "live"}}'
        event = f"id: a-{version}\nevent: forecast\ndata: {told}\n\n: cut" if version else ""
        self.wfile.write(f"{len(event) + 9:x}\r\n{event}".encode())
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def test_pauses_grow_while_nothing_comes():
    texts, waits = iter([b"data: a\n\n", b"data: b\n\n", b"", b""]), []

    @contextmanager
    def opened(_: str | None) -> Iterator[list[bytes]]:
        if (text := next(texts, None)) is None:
            raise KeyboardInterrupt
        yield text.splitlines(keepends=True)

    told = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(event.data for event in reconnecting_events(opened, waits.append))
    assert waits == [1.0, 1.0, 2.0, 4.0]


def test_a_stream_that_never_opened_says_why():
    @contextmanager
    def opened(_: str | None) -> Iterator[list[bytes]]:
        raise HeadwayError("no line", "one that is served", "name another")
        yield

    with pytest.raises(HeadwayError, match="no line"):
        next(reconnecting_events(opened))


def test_events_are_read_as_the_standard_says():
    text = (
        b": still here\n\nid: 7\nevent: forecast\r\ndata: {\r\ndata:}\r\n\r\ndata: x\n\n"
        b"event: alone\n\nevent: cut\ndata: y\n"
    )
    assert list(parse_events(text.splitlines(keepends=True))) == [
        ServerEvent("forecast", b"{\n}", "7"),
        ServerEvent("message", b"x", "7"),
    ]
