"""Reading a stream of server-sent events (WHATWG HTML, section 9.2.6), and opening it again when it ends."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from headway_prediction.errors import HeadwayError

MIN_WAIT_SECS, MAX_WAIT_SECS = 1.0, 30.0


@dataclass(frozen=True)
class ServerEvent:
    """An event; `last_id` is the last id that the stream named, its own or an earlier event's."""

    name: str
    data: bytes
    last_id: str | None = None


def parse_events(lines: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Yield the events of a stream; one that ends within an event leaves that one out."""
    name, data, last_id = "message", [], None
    for line in lines:
        line = line.rstrip(b"\r\n")
        if not line:
            if data:
                yield ServerEvent(name, b"\n".join(data), last_id)
            name, data = "message", []
        field, _, value = line.partition(b":")
        if field == b"event":
            name = value.strip().decode(errors="replace")
        elif field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"id":
            last_id = value.strip().decode(errors="replace")


def reconnecting_events(
    opened: Callable[[str | None], AbstractContextManager[Iterable[bytes]]],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[ServerEvent]:
    """Yield the events of a stream for ever: whenever it ends or breaks it is opened again, after growing pauses.

    `opened` is given the id of the last event (None before the first), which the server is not to tell of again. Raises
    HeadwayError where the stream cannot be opened the first time.
    """
    heard, was_open, wait_secs = None, False, MIN_WAIT_SECS
    while True:
        try:
            with opened(heard) as lines:
                was_open = True
                for event in parse_events(lines):
                    yield event
                    heard, wait_secs = event.last_id, MIN_WAIT_SECS
        except HeadwayError:
            if not was_open:
                raise
        sleep(wait_secs)
        wait_secs = min(2 * wait_secs, MAX_WAIT_SECS)
