"""The outcome of an attempt: a poll, a body for the quarantine, or a failure.

`has_feed_shape` reads the outermost fields alone. A message of protocol buffers is a sequence of fields, each a tag (field
number and wire type) and a value whose length follows from the tag or a varint (protobuf.dev/programming-guides/encoding).
gtfs-realtime.proto numbers the fields of a FeedMessage: the required header is 1 and comes first, entities are 2; all are
messages of their own, of wire type 2.
"""

from dataclasses import replace

from headway_prediction.feeds.recorder.address import Key
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome
from headway_prediction.feeds.recorder.fetch import FeedResponse, FetchError

MAX_HEADER_CHARS = 200
"""The index holds no more of a response's header."""
HEADER_TAG = 1 << 3 | 2
MAX_VARINT_BYTES = 10


def classify(
    response: FeedResponse, body: bytes | None, fetched_at: float, seconds: float, key: Key | None
) -> tuple[Attempt, bytes | None]:
    """Return the attempt for a response that took `seconds`, and the body to store, if any.

    The body decides, not its content type: feeds are served as text and error pages as feeds. A body without the shape of a
    feed goes to quarantine, so that a mistake here loses nothing; unless it repeats the key.
    """
    attempt = Attempt(
        fetched_at,
        Outcome.POLL,
        status=response.status,
        seconds=round(seconds, 3),
        content_type=_safe(response.content_type, key),
        etag=_safe(response.validators.etag, key),
        last_modified=_safe(response.validators.last_modified, key),
    )
    if not body:
        return replace(attempt, outcome=Outcome.FAILED, reason="the body is empty"), None
    if has_feed_shape(body):
        return attempt, body
    reason = f"the body is no complete GTFS-Realtime feed (content type {attempt.content_type})"
    if key and key.is_in(body):
        return replace(attempt, outcome=Outcome.FAILED, reason=f"{reason}, and repeats the key"), None
    return replace(attempt, outcome=Outcome.QUARANTINED, reason=reason), body


def failed_attempt(failure: FetchError, fetched_at: float, key: Key | None) -> Attempt:
    """Return the attempt for a fetch that gave no body."""
    return Attempt(fetched_at, Outcome.FAILED, status=failure.status, reason=_safe(failure.reason, key))


def _safe(text: str | None, key: Key | None) -> str | None:
    if text is None:
        return None
    return (key.redact(text) if key else text)[:MAX_HEADER_CHARS]


def has_feed_shape(body: bytes) -> bool:
    """Return whether `body` begins with a header and its fields end exactly where the bytes do.

    This rejects a page of HTML or JSON whatever its content type, and a truncated feed unless it was cut between entities.
    """
    if not body or body[0] != HEADER_TAG:
        return False
    at: int | None = 0
    while at is not None and at < len(body):
        at = _after_field(body, at)
    return at == len(body)


def _after_field(body: bytes, start: int) -> int | None:
    """Return where the next field begins; None where the bytes at `start` are no field."""
    tag, at = _varint(body, start)
    if tag >> 3 == 0 or at is None:
        return None
    match tag & 7:
        case 0:  # varint
            return _varint(body, at)[1]
        case 1:  # 64 bits
            return at + 8
        case 2:  # length-delimited
            length, at = _varint(body, at)
            return None if at is None else at + length
        case 5:  # 32 bits
            return at + 4
    return None


def _varint(body: bytes, start: int) -> tuple[int, int | None]:
    """Return a number in groups of seven bits, lowest first, and where it ends; None where it does not."""
    value = 0
    for place, byte in enumerate(body[start : start + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, start + place + 1
    return value, None
