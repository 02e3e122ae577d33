"""Reading a stream of server-sent events (WHATWG HTML, section 9.2.6), and opening it again when it breaks."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from headway_prediction.errors import HeadwayError

Event = TypeVar("Event")
FIRST_WAIT_SECS, LONGEST_WAIT_SECS = 1.0, 30.0


def events_of(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the data of each event; a stream that ends within an event leaves that one out."""
    name, data = "message", []
    for line in lines:
        line = line.rstrip(b"\r\n")
        if not line:
            if data:
                yield name, b"\n".join(data)
            name, data = "message", []
        field, _, value = line.partition(b":")
        if field == b"event":
            name = value.strip().decode(errors="replace")
        elif field == b"data":
            data.append(value.removeprefix(b" "))


def reconnecting(
    stream: Callable[[], Iterator[Event]], sleep: Callable[[float], None] = time.sleep
) -> Iterator[Event]:
    """Yield what `stream` yields, opening it again with growing pauses; the same event twice running is left out.

    Raises HeadwayError where it cannot be opened the first time.
    """
    last, wait_secs = None, FIRST_WAIT_SECS
    while True:
        try:
            for event in stream():
                if event != last:
                    yield event
                last, wait_secs = event, FIRST_WAIT_SECS
        except HeadwayError:
            if last is None:
                raise
        sleep(wait_secs)
        wait_secs = min(2 * wait_secs, LONGEST_WAIT_SECS)
