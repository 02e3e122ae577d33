"""When a poll's content was true: by the feed's header, or by our clock where that says nothing."""

from headway_prediction.feeds.realtime.clock_offset import MAX_HEADER_ERROR_SECS
from headway_prediction.feeds.realtime.snapshot import Snapshot


def is_outdated(snapshot: Snapshot, newest_header: float) -> bool:
    """Tell whether the feed served something older than it had before, as caches do."""
    return snapshot.header_at is not None and snapshot.header_at < newest_header


def content_time(snapshot: Snapshot, newest_header: float, last: float) -> float:
    """Return when the content was true, never before `last`, the moment of the poll before.

    A header that stands still, or is far from the time of the poll, does not date what moves under it.
    """
    header, fetched = snapshot.header_at, snapshot.fetched_at
    dated = header is not None and newest_header < header and fetched - MAX_HEADER_ERROR_SECS <= header
    return max(last, min(header, fetched) if dated else fetched)


def newest_header_at(snapshot: Snapshot, newest_header: float) -> float:
    """Return the newest header so far; one from the future does not count."""
    header = snapshot.header_at
    if header is None or header > snapshot.fetched_at + MAX_HEADER_ERROR_SECS:
        return newest_header
    return max(header, newest_header)
