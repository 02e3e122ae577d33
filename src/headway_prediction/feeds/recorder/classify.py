"""What an answer is worth: a poll, something to put aside, or nothing."""

from dataclasses import replace

from headway_prediction.feeds.recorder.address import Key
from headway_prediction.feeds.recorder.body import FetchError
from headway_prediction.feeds.recorder.feed_shape import has_feed_shape
from headway_prediction.feeds.recorder.http_fetch import FeedResponse
from headway_prediction.feeds.recorder.index import Attempt, Outcome

MAX_HEADER_CHARS = 200
"""Characters that are kept of what a server says in a header."""


def classify(
    answer: FeedResponse, body: bytes | None, fetched_at: float, seconds: float, key: Key | None
) -> tuple[Attempt, bytes | None]:
    """Return the line for an answer that took `seconds`, and the body to keep, if any.

    The body decides and not its content type: feeds are served as text and error pages as feeds. What looks like no feed is
    kept, aside, because a mistake here must lose nothing; unless it repeats the key.
    """
    attempt = Attempt(
        fetched_at,
        Outcome.POLL,
        status=answer.status,
        seconds=round(seconds, 3),
        content_type=_safe(answer.content_type, key),
        etag=_safe(answer.validators.etag, key),
        last_modified=_safe(answer.validators.last_modified, key),
    )
    if not body:
        return replace(attempt, outcome=Outcome.FAILED, reason="the body is empty"), None
    if has_feed_shape(body):
        return attempt, body
    reason = f"the body is no GTFS-Realtime feed, or half of one (content type {attempt.content_type})"
    if key and key.is_in(body):
        return replace(attempt, outcome=Outcome.FAILED, reason=f"{reason}, and repeats the key"), None
    return replace(attempt, outcome=Outcome.QUARANTINED, reason=reason), body


def failed_attempt(failure: FetchError, fetched_at: float, key: Key | None) -> Attempt:
    """Return the line for an exchange that gave no body."""
    return Attempt(fetched_at, Outcome.FAILED, status=failure.status, reason=_safe(failure.reason, key))


def _safe(text: str | None, key: Key | None) -> str | None:
    if text is None:
        return None
    return (key.redact(text) if key else text)[:MAX_HEADER_CHARS]
