"""How the bodies of a simulated feed arrive: late by a network's delay, and with the faults of servers and caches."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.simulate.feed.faults import FeedFaults

ERROR_PAGE = b"<!DOCTYPE html><title>502 Bad Gateway</title>"


def delivered(
    bodies: Iterable[tuple[float, bytes]],
    start: int,
    faults: FeedFaults,
    interval_secs: float,
    random: np.random.Generator,
) -> Iterator[Poll]:
    """Give (second of the service day, body) pairs as polls; `start` is the epoch second at which the day begins."""
    # Draws of their own, so that one fault does not change when another happens.
    serving, noise, order = random.spawn(3)
    served = _served(bodies, start, faults, interval_secs, serving, noise)
    return _swapped(served, faults.out_of_order, order)


def _served(
    bodies: Iterable[tuple[float, bytes]],
    start: int,
    faults: FeedFaults,
    interval_secs: float,
    random: np.random.Generator,
    noise: np.random.Generator,
) -> Iterator[Poll]:
    recent: deque[bytes] = deque(maxlen=3)
    for now, body in bodies:
        recent.append(body)
        delay, older, malformed, repeated = random.random(4).tolist()
        fetched_at = start + now + 0.2 + 0.8 * delay
        if older < faults.older:
            body = recent[0]
        if malformed < faults.malformed:
            body = _broken(body, noise)
        yield Poll(fetched_at, body)
        if repeated < faults.repeated:
            yield Poll(fetched_at + interval_secs / 2, body)


def _broken(body: bytes, random: np.random.Generator) -> bytes:
    kind = int(random.integers(4))
    # Half a body that ends where an entity does is a whole one with fewer trips; so it is cut within the last, and noise
    # begins with a wire type that there is not.
    return (body[:-7], ERROR_PAGE, b"\x0f" + random.bytes(200), b"")[kind]


def _swapped(polls: Iterable[Poll], share: float, random: np.random.Generator) -> Iterator[Poll]:
    held = None
    for poll in polls:
        if held is None and random.random() < share:
            held = poll
            continue
        yield poll
        if held is not None:
            yield held
            held = None
    if held is not None:
        yield held
