"""Server-sent events: clients receive each new forecast as it is published (WHATWG HTML, section 9.2).

One thread per line waits for the publisher and wakes the event loop; a client costs a queue and a task there. The protocol
is sse-starlette's: pings, disconnects, and clients that stop reading.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.models.base import ForecastEvent
from headway_prediction.service.api.openapi import PREFIX, LineId, errors
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.live.published import LineForecast, Publisher
from headway_prediction.transit.line import Line

WAIT_SECS = 1.0
"""How long a thread waits for the publisher before it checks whether it should end."""
SEPARATOR = "\n"
EVENT_STREAM = {
    "description": "`forecast` events; data is a ForecastEvent. The first is that of the latest forecast, unless "
    "Last-Event-ID names it. Two may come for one t0: first the next 15 minutes, then the hour and the scores.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
NumberedEvent = tuple[int, ServerSentEvent]
"""A version of the publisher, and its event."""
LastEventId = Annotated[
    str | None, Header(description="Id of the last event received, for a client that reconnects.")
]


class EventHub:
    """Sends an event to all clients of a line at each new version; `open` in the event loop, then `close`."""

    def __init__(self, publisher: Publisher, settings: ApiSettings) -> None:
        self._publisher, self.settings = publisher, settings
        self._lines: dict[str, Line] = {}
        self._queues: dict[str, set[asyncio.Queue[NumberedEvent | None]]] = {}
        self._closed = Event()
        self._run = secrets.token_hex(4)  # part of event ids: versions begin anew with each start

    @property
    def client_count(self) -> int:
        """The number of connected clients."""
        return sum(map(len, self._queues.values()))

    def open(self, lines: Mapping[str, Line]) -> None:
        """Watch the publisher for these lines."""
        loop = asyncio.get_running_loop()
        for line_id, line in lines.items():
            self._lines[line_id], self._queues[line_id] = line, set()
            # Read here, not in the thread: a version published before the thread runs would be sent to no client.
            version, _ = self._publisher.latest(line_id)
            watch = Thread(
                target=self._watch, args=(line_id, version, loop), name=f"events {line_id}", daemon=True
            )
            watch.start()

    def close(self) -> None:
        """End every stream after the events that it still has; call it in the event loop."""
        self._closed.set()
        self._send(None, *self._queues)

    def check_capacity(self) -> None:
        """Raise ApiError (503) where no further client may connect."""
        limit = self.settings.event_clients
        if self.client_count >= limit or self._closed.is_set():
            found = f"{limit} clients are connected already"
            raise ApiError(503, found, "a free connection", "retry later", Retry_After="30")

    async def events(self, line_id: str, last_id: str | None = None) -> AsyncIterator[ServerSentEvent]:
        """Yield the event of the latest forecast, unless its id is `last_id`, then each new one until the hub closes."""
        queue: asyncio.Queue[NumberedEvent | None] = asyncio.Queue()
        newest, published = self._publisher.latest(line_id)
        self._queues[line_id].add(queue)
        if self._closed.is_set():
            queue.put_nowait(None)  # `close` has woken the streams that were open then
        try:
            if published is not None and self._id(newest) != last_id:
                yield self._event(line_id, newest, published)
            while (numbered := await queue.get()) is not None:
                version, event = numbered
                # The version that was the latest at first may come again from the thread that watches the publisher.
                if version > newest:
                    newest = version
                    yield event
        finally:
            self._queues[line_id].discard(queue)

    def _id(self, version: int) -> str:
        return f"{self._run}-{version}"

    def _event(self, line_id: str, version: int, published: LineForecast) -> ServerSentEvent:
        data = ForecastEvent.of(published.state, published.status.level, version, self._lines[line_id])
        return ServerSentEvent(data.model_dump_json(), event="forecast", id=self._id(version), sep=SEPARATOR)

    def _watch(self, line_id: str, sent: int, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closed.is_set():
            if self._publisher.wait_for_newer(line_id, sent, WAIT_SECS) > sent:
                sent, published = self._publisher.latest(line_id)
                assert published is not None
                event = self._event(line_id, sent, published)
                with suppress(RuntimeError):  # the event loop is closed: there are no clients any more
                    loop.call_soon_threadsafe(self._send, (sent, event), line_id)

    def _send(self, numbered: NumberedEvent | None, *line_ids: str) -> None:
        for line_id in line_ids:
            for queue in self._queues[line_id]:
                queue.put_nowait(numbered)


class EventStream(EventSourceResponse):
    """The stream of one client: it ends when the client disconnects or does not read for too long, or the hub closes."""

    def __init__(self, hub: EventHub, line_id: str, last_id: str | None = None) -> None:
        super().__init__(
            hub.events(line_id, last_id),
            ping=hub.settings.keep_alive_secs,
            ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep=SEPARATOR),
            send_timeout=hub.settings.event_send_secs,
            sep=SEPARATOR,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends."""
        with suppress(SendTimeoutError):
            await super().__call__(scope, receive, send)


def event_routes(handler: RequestHandler, hub: EventHub) -> APIRouter:
    """Return the route of the event stream."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get(
        "/lines/{line_id}/events",
        response_class=Response,
        responses={200: EVENT_STREAM, **errors(404, 422, 503)},
    )
    async def events(line_id: LineId, last_event_id: LastEventId = None) -> Response:
        """An event for each new forecast as soon as it is published."""
        handler.served(line_id)
        hub.check_capacity()
        return EventStream(hub, line_id, last_event_id)

    return router
