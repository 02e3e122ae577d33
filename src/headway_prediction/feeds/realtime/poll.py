"""One poll of a GTFS-Realtime feed: what came, and when."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Poll:
    """The answer to one request of a feed."""

    fetched_at: float
    """When it had come whole, in seconds since 1970-01-01 UTC by the clock of whoever asked."""
    body: bytes = field(repr=False)
    """A FeedMessage as it came, unread: it may be anything."""
