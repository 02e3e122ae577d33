"""Event streams: every client hears of every forecast, a thread for none, and the slow ones are dropped."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from sse_starlette import ServerSentEvent

from headway_prediction.service.api import events as events_module
from headway_prediction.service.api.events import EventHub, EventStream
from headway_prediction.service.api.settings import ApiSettings
from helpers.service_server import served
from helpers.service_view import RecordedView, simulated_view

LINE = "garden-line"
SCOPE = {"type": "http", "method": "GET"}


@pytest.fixture
def view() -> RecordedView:
    return simulated_view(steps=1)


class RawStream:
    """A client that reads what the server sends, byte for byte."""

    def __init__(self, url: str, *headers: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30)
        head = f"GET /api/v1/lines/{LINE}/events HTTP/1.1", "Host: localhost", *headers
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        self.text = b""

    def read_until(self, found: bytes, times: int = 1) -> bytes:
        while self.text.count(found) < times:
            piece = self.socket.recv(65536)
            assert piece, "the stream ended"
            self.text += piece
        return self.text


def test_all_clients_receive_every_forecast_without_a_thread_each(view):
    before = threading.active_count()
    with served(view) as (url, _):
        clients = [RawStream(url) for _ in range(50)]
        for client in clients:
            client.read_until(b"event: forecast")
        threads = threading.active_count()
        for _ in range(3):
            view.step()
            for client in clients:
                client.read_until(b"\n\n\r\n", len(view.published))
        for client in clients:
            text = client.text.decode()
            assert "content-type: text/event-stream" in text and "cache-control: no-store" in text
            body = [json.loads(line[5:])["t0"] for line in text.splitlines() if line.startswith("data:")]
            assert body == sorted(view.published)
        assert max(threads, threading.active_count()) - before < 10


def test_a_reconnecting_client_receives_no_event_twice(view):
    with served(view, keep_alive_secs=0.1) as (url, _):
        heard = (
            RawStream(url).read_until(b"event: forecast").partition(b"id: ")[2].partition(b"\n")[0].decode()
        )
        back = RawStream(url, f"Last-Event-ID: {heard}")
        assert b"event: forecast" not in back.read_until(b": keep-alive\n\n", 2)
        view.step()
        assert back.read_until(b"event: forecast").count(b"event: forecast") == 1
        stranger = RawStream(url, "Last-Event-ID: another-run-1")
        assert stranger.read_until(b"event: forecast")


def test_a_silent_stream_sends_heartbeats(view):
    with served(view, keep_alive_secs=0.1) as (url, _):
        client = RawStream(url)
        client.read_until(b": keep-alive\n\n", 3)
        view.step()
        assert client.read_until(b"event: forecast", 2)


def test_the_server_ends_its_streams_when_it_ends(view):
    begun = time.monotonic()
    with served(view) as (url, _):
        client = RawStream(url)
        client.read_until(b"event: forecast")
    assert time.monotonic() - begun < 5
    assert b"".join(iter(lambda: client.socket.recv(1000), b"")).endswith(b"0\r\n\r\n")  # body, not cut off


def test_there_are_only_so_many_clients_and_leaving_makes_room(view):
    with served(view, event_clients=2) as (url, _):
        first, second = RawStream(url), RawStream(url)
        for client in (first, second):
            client.read_until(b"event: forecast")
        refused = RawStream(url).read_until(b"}}")
        assert b" 503 " in refused and b"2 clients are connected already" in refused
        first.socket.close()
        for _ in range(100):
            if b" 200 " in (text := RawStream(url).read_until(b"\r\n\r\n")):
                break
            time.sleep(0.05)
        assert b" 200 " in text


def test_a_client_that_does_not_read_is_dropped_and_the_others_are_not(view):
    """The server's `send` blocks while a client reads nothing: here it blocks for ever."""

    async def listen() -> None:
        hub = EventHub(view.publisher, ApiSettings(event_send_secs=0.2))
        hub.open({LINE: view.served.line})
        stuck, heard = asyncio.Event(), []

        async def never_read(message: dict) -> None:
            if message.get("body"):
                await stuck.wait()

        async def read(message: dict) -> None:
            heard.append(message)

        async def stay() -> dict:
            await asyncio.sleep(3600)

        slow = asyncio.create_task(EventStream(hub, LINE)(SCOPE, stay, never_read))
        quick = asyncio.create_task(EventStream(hub, LINE)(SCOPE, stay, read))
        await asyncio.sleep(0.05)
        assert hub.client_count == 2
        for _ in range(8):
            view.step()
            await asyncio.sleep(0.05)
        await asyncio.wait_for(slow, 5)
        assert hub.client_count == 1 and not quick.done()
        hub.close()
        await asyncio.wait_for(quick, 5)
        assert sum(b"event: forecast" in message.get("body", b"") for message in heard) == 9
        assert hub.client_count == 0

    asyncio.run(listen())


def test_a_hub_that_closes_sends_what_is_queued_first(view):
    async def listen() -> list[str]:
        hub = EventHub(view.publisher, ApiSettings())
        hub.open({LINE: view.served.line})
        events = hub.events(LINE)
        first = await anext(events)
        view.step()
        await asyncio.sleep(0.1)
        hub.close()
        return [first.event, *[event.event async for event in events]]

    assert asyncio.run(listen()) == ["forecast", "forecast"]


class LateThread(threading.Thread):
    """A thread that the operating system lets wait before its first instruction."""

    def run(self) -> None:
        time.sleep(0.2)
        super().run()


async def next_id(stream: AsyncIterator[ServerSentEvent]) -> str:
    return (await asyncio.wait_for(anext(stream), 5)).id


def test_a_version_published_before_the_watching_thread_runs_is_sent(view, monkeypatch):
    monkeypatch.setattr(events_module, "Thread", LateThread)

    async def listen() -> set[str]:
        hub = EventHub(view.publisher, ApiSettings())
        hub.open({LINE: view.served.line})
        stream = hub.events(LINE)
        first = await next_id(stream)
        view.step()
        second = await next_id(stream)
        hub.close()
        return {first, second}

    assert len(asyncio.run(listen())) == 2


def test_no_version_is_sent_twice_to_a_client_that_connects_as_it_is_published(view, monkeypatch):
    monkeypatch.setattr(events_module, "Thread", LateThread)

    async def listen() -> list[str]:
        hub = EventHub(view.publisher, ApiSettings())
        hub.open({LINE: view.served.line})
        view.step()
        stream = hub.events(LINE)
        ids = [await next_id(stream)]
        await asyncio.sleep(0.4)
        view.step()
        ids.append(await next_id(stream))
        hub.close()
        return ids

    first, second = (int(event_id.rpartition("-")[2]) for event_id in asyncio.run(listen()))
    assert second == first + 1


def test_a_stream_that_opens_after_the_hub_closed_ends_after_the_latest_event(view):
    async def listen() -> list[str]:
        hub = EventHub(view.publisher, ApiSettings())
        hub.open({LINE: view.served.line})
        hub.close()

        async def received() -> list[str]:
            return [event.event async for event in hub.events(LINE)]

        return await asyncio.wait_for(received(), 5)

    assert asyncio.run(listen()) == ["forecast"]
