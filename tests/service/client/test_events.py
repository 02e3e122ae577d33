"""The client's stream of events: complete and in order, and opened again wherever it ends."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice
from threading import Thread
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from httpx2 import ServerSentEvent

from headway_prediction.errors import HeadwayError
from headway_prediction.service.client import transport
from headway_prediction.service.client.client import Client
from headway_prediction.service.client.transport import reconnecting_events
from helpers.deadline import wait_until, within
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


def test_new_forecasts_come_as_they_are_published(view, url):
    events = Client(url).events(LINE)
    now = within(lambda: next(events))
    assert (now.t0, now.version) == (view.publisher.latest(LINE)[1].state.t0, view.publisher.latest(LINE)[0])
    received = []
    for _ in range(3):
        view.step()
        received.append(within(lambda: next(events)))
    assert [event.t0 for event in received] == [now.t0 + 1, now.t0 + 2, now.t0 + 3]
    assert [event.version for event in received] == [now.version + 1, now.version + 2, now.version + 3]
    events.close()


def test_a_stream_continues_when_the_service_is_started_again(view, url, monkeypatch):
    monkeypatch.setattr(transport, "MIN_WAIT_SECS", 0.05)
    with ExitStack() as running:
        first, _ = running.enter_context(served(view))
        events = Client(first).events(LINE)
        now = within(lambda: next(events))
        running.close()
        with served(view, port=urlsplit(first).port):
            # The latest first, since ids of another run are unknown. It is received before the next one is published.
            received = [within(lambda: next(events))]
            view.step()
            received.append(within(lambda: next(events)))
            events.close()
    assert [event.t0 for event in received] == [now.t0, now.t0 + 1]


def test_a_stream_without_an_event_yet_waits_for_the_service_to_start_again(monkeypatch):
    monkeypatch.setattr(transport, "MIN_WAIT_SECS", 0.05)
    view, received = simulated_view(), []
    with ExitStack() as running:
        first, server = running.enter_context(served(view))
        listening = Thread(target=lambda: received.append(next(Client(first).events(LINE))), daemon=True)
        listening.start()
        wait_until(lambda: server.hub.client_count)
        running.close()
        time.sleep(0.3)  # it is refused meanwhile
        view.step()
        with served(view, port=urlsplit(first).port):
            listening.join(30)
    assert [event.t0 for event in received] == [view.next_t0 - 1]


def test_a_stream_that_is_cut_is_opened_again_from_its_last_event(monkeypatch):
    monkeypatch.setattr(transport, "MIN_WAIT_SECS", 0.01)
    with listened(CutStream) as url:
        events = Client(url).events(LINE)
        assert [event.version for event in within(lambda: list(islice(events, 3)))] == [1, 2, 3]
        events.close()
    assert CutStream.last_ids == [None, None, "a-1", "a-2"]


class CutStream(BaseHTTPRequestHandler):
    """Hangs up at once, then after each event, in the middle of a comment."""

    protocol_version = "HTTP/1.1"
    last_ids: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        version = len(self.last_ids)
        self.last_ids.append(self.headers["Last-Event-ID"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = f'{{"t0": 500, "time": "2026-01-13T08:21:00+00:00", "version": {version}, "level": "live"}}'
        event = f"id: a-{version}\nevent: forecast\ndata: {data}\n\n: cut" if version else ""
        self.wfile.write(f"{len(event) + 9:x}\r\n{event}".encode())
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def test_pauses_grow_while_no_event_comes():
    streams, waits = iter([["a"], ["b"], [], []]), []

    @contextmanager
    def open_stream(_: str) -> Iterator[list[ServerSentEvent]]:
        if (stream := next(streams, None)) is None:
            raise KeyboardInterrupt
        yield [ServerSentEvent(data=data) for data in stream]

    received = []
    with pytest.raises(KeyboardInterrupt):
        received.extend(event.data for event in reconnecting_events(open_stream, waits.append))
    assert waits == [1.0, 1.0, 2.0, 4.0]


def test_a_stream_that_never_opened_raises():
    @contextmanager
    def open_stream(_: str) -> Iterator[list[ServerSentEvent]]:
        raise HeadwayError("no line", "one that is served", "name another")
        yield

    with pytest.raises(HeadwayError, match="no line"):
        next(reconnecting_events(open_stream))
