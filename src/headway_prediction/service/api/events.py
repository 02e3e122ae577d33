"""Server-sent events: who listens hears of each new forecast (WHATWG HTML, section 9.2).

One thread per line waits at the board and tells the event loop; a client costs a queue and a task there.
"""

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headway_prediction.forecasters.serialization import end
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.live.published import LineForecast, Publisher
from headway_prediction.transit.line import Line

KEEP_ALIVE = b": still here\n\n"
WAIT_SECS = 1.0
"""How long a watching thread waits before it looks whether it should end."""
FINISH_SECS = 1.0
CLOSING = None
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_of(event_id: str, version: int, published: LineForecast, line: Line) -> bytes:
    """Return the event that tells of a new version."""
    state = published.state
    told = {
        "t0": state.t0,
        "time": end(state.service_date, state.t0, line),
        "version": version,
        "level": published.status.level.value,
    }
    return f"id: {event_id}\nevent: forecast\ndata: {json.dumps(told)}\n\n".encode()


class EventSubscriber:
    """One client: the events it has not been sent yet. `dropped` once it fell too far behind."""

    def __init__(self, backlog: int) -> None:
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue(backlog)
        self.dropped = asyncio.Event()

    def tell(self, event: bytes | None) -> None:
        """Put an event (CLOSING to end) in its queue; one whose queue is full is dropped."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped.set()

    async def send_on(self, send: Send, keep_alive_secs: float) -> None:
        """Send its events as they come, and a comment where none comes for long, until it is told to end."""
        while True:
            try:
                event = await asyncio.wait_for(self._events.get(), keep_alive_secs)
            except TimeoutError:
                event = KEEP_ALIVE
            if event is CLOSING:
                return
            await send({"type": "http.response.body", "body": event, "more_body": True})


class EventHub:
    """Tells all listeners of a line when the board has something new; `open` within the event loop, then `close`."""

    def __init__(self, publisher: Publisher, settings: ApiSettings) -> None:
        self._publisher, self.settings = publisher, settings
        self._lines: dict[str, Line] = {}
        self._listeners: dict[str, set[EventSubscriber]] = {}
        self._closed = Event()
        self._run = secrets.token_hex(4)  # versions begin anew with each start

    @property
    def listening(self) -> int:
        """How many clients listen."""
        return sum(map(len, self._listeners.values()))

    def open(self, lines: dict[str, Line]) -> None:
        """Watch the board for these lines."""
        loop = asyncio.get_running_loop()
        for line_id, line in lines.items():
            self._lines[line_id], self._listeners[line_id] = line, set()
            Thread(target=self._watch, args=(line_id, loop), name=f"events {line_id}", daemon=True).start()

    def close(self) -> None:
        """End every stream and the watching; to be called from the event loop."""
        self._closed.set()
        self._tell_all(CLOSING, *self._listeners)

    def check_room(self) -> None:
        """Raise Refusal (503) where no further client may listen."""
        most = self.settings.event_clients
        if self.listening >= most or self._closed.is_set():
            raise ApiError(
                503, f"{most} clients listen already", "a free place", "ask again later", Retry_After="30"
            )

    @contextmanager
    def listener(self, line_id: str, heard: str | None = None) -> Iterator[EventSubscriber]:
        """Listen to a line, beginning with what is published now unless that is the event of the id `heard`."""
        listener = EventSubscriber(self.settings.event_backlog)
        version, published = self._publisher.latest(line_id)
        if published is not None and self._id(version) != heard:
            listener.tell(event_of(self._id(version), version, published, self._lines[line_id]))
        self._listeners[line_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[line_id].discard(listener)

    def _id(self, version: int) -> str:
        return f"{self._run}-{version}"

    def _watch(self, line_id: str, loop: asyncio.AbstractEventLoop) -> None:
        told, _ = self._publisher.latest(line_id)
        while not self._closed.is_set():
            version = self._publisher.wait_for_newer(line_id, told, WAIT_SECS)
            if version > told:
                told, published = self._publisher.latest(line_id)
                event = event_of(self._id(told), told, published, self._lines[line_id])
                with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                    loop.call_soon_threadsafe(self._tell_all, event, line_id)

    def _tell_all(self, event: bytes | None, *line_ids: str) -> None:
        for line_id in line_ids:
            for listener in self._listeners[line_id]:
                listener.tell(event)


class EventStream(Response):
    """The answer to one listener: it ends when the client hangs up, is dropped, or the hub closes."""

    media_type = "text/event-stream"

    def __init__(self, hub: EventHub, line_id: str, heard: str | None = None) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self.hub, self.line_id, self.heard = hub, line_id, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until one of the ends."""
        with self.hub.listener(self.line_id, self.heard) as listener:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            ends = [
                asyncio.create_task(listener.send_on(send, self.hub.settings.keep_alive_secs)),
                asyncio.create_task(_hung_up(receive)),
                asyncio.create_task(listener.dropped.wait()),
            ]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), FINISH_SECS)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
