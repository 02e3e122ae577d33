"""How long to leave a server alone."""

from email.utils import mktime_tz, parsedate_tz

LONGEST_BACKOFF_SECONDS = 300.0
"""A feed that was away for a night is missed for five minutes at most."""
LONGEST_OBEYED_SECONDS = 24 * 3600.0
MOST_DOUBLINGS = 16


def pause_seconds(
    every: float, failures: int, luck: float, *, retry_after: str | None = None, now: float = 0.0
) -> float:
    """Return the seconds from the start of one request to that of the next.

    `every` after a success; after `failures` in a row twice as long for each, up to LONGEST_BACKOFF_SECONDS (or `every`, if
    longer), of which `luck` in [0, 1) leaves a half to the whole, so that recorders which failed together do not come back
    together; never under `every`. A `retry_after` header is obeyed up to a day, counted from `now` (epoch seconds), with up
    to `every` more by the same luck.
    """
    longest = max(every, LONGEST_BACKOFF_SECONDS)
    backoff = min(every * 2 ** min(failures, MOST_DOUBLINGS), longest)
    pause = max(every, backoff * (0.5 + luck / 2)) if failures else every
    asked = _asked_seconds(retry_after, now)
    return pause if asked is None else max(pause, asked + luck * every)


def _asked_seconds(retry_after: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3), or None for neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_OBEYED_SECONDS)
    parts = parsedate_tz(text)
    try:
        return None if parts is None else min(max(mktime_tz(parts) - now, 0.0), LONGEST_OBEYED_SECONDS)
    except (ValueError, OverflowError):
        return None
