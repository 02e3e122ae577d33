"""How long to leave a server alone."""

from email.utils import mktime_tz, parsedate_tz

MAX_BACKOFF_SECS = 300.0
"""A feed that was away for a night is missed for five minutes at most."""
MAX_RETRY_AFTER_SECS = 24 * 3600.0
MAX_DOUBLINGS = 16


def pause_seconds(
    interval_secs: float, failures: int, jitter: float, *, retry_after: str | None = None, now: float = 0.0
) -> float:
    """Return the seconds from the start of one request to that of the next.

    `interval_secs` after a success; after `failures` in a row twice as long for each, up to LONGEST_BACKOFF_SECONDS (or `interval_secs`, if
    longer), of which `jitter` in [0, 1) leaves a half to the whole, so that recorders which failed together do not come back
    together; never under `interval_secs`. A `retry_after` header is obeyed up to a day, counted from `now` (epoch seconds), with up
    to `interval_secs` more by the same luck.
    """
    longest = max(interval_secs, MAX_BACKOFF_SECS)
    backoff = min(interval_secs * 2 ** min(failures, MAX_DOUBLINGS), longest)
    pause = max(interval_secs, backoff * (0.5 + jitter / 2)) if failures else interval_secs
    asked = _retry_after_secs(retry_after, now)
    return pause if asked is None else max(pause, asked + jitter * interval_secs)


def _retry_after_secs(retry_after: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3), or None for neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_SECS)
    parts = parsedate_tz(text)
    try:
        return None if parts is None else min(max(mktime_tz(parts) - now, 0.0), MAX_RETRY_AFTER_SECS)
    except (ValueError, OverflowError):
        return None
