"""Reading the body of an answer: whole, and never more of it than a limit."""

import zlib
from http.client import HTTPResponse

PIECE_BYTES = 1 << 16
GZIP = 16 + zlib.MAX_WBITS
"""The window of `zlib` that reads gzip's frame (RFC 1952)."""


class FetchError(Exception):
    """An exchange that gave no poll. `status` is the HTTP status, where there was one; `retry_after` that header's text."""

    def __init__(self, reason: str, status: int | None = None, retry_after: str | None = None):
        super().__init__(reason)
        self.reason, self.status, self.retry_after = reason, status, retry_after


def read_body(response: HTTPResponse, max_bytes: int) -> bytes:
    """Return the decoded body, of at most `max_bytes` before and after decoding.

    Raises ExchangeFailed for one that is larger, cut off, or encoded in an unknown way; a body that is too large is left
    unread. Memory stays under three times `max_bytes`.
    """
    raw = _read_raw(response, max_bytes)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        raise FetchError(f"the body is encoded as {encoding[:40]!r}, which was not asked for")
    return _unzipped(raw, max_bytes)


def _read_raw(response: HTTPResponse, max_bytes: int) -> bytes:
    declared, raw = response.length, bytearray()
    if (declared or 0) > max_bytes:
        raise _too_large(max_bytes)
    # One arrival at a time: a read that waits for a full piece would sit through any number of slow drips.
    while len(raw) != declared and (piece := response.read1(PIECE_BYTES)):
        raw += piece
        if len(raw) > max_bytes:
            raise _too_large(max_bytes)
    if declared is not None and len(raw) < declared:
        raise FetchError(f"the body broke off after {len(raw):,} of {declared:,} bytes")
    return bytes(raw)


def _unzipped(raw: bytes, max_bytes: int) -> bytes:
    body = bytearray()
    while raw:
        member = zlib.decompressobj(GZIP)
        try:
            body += member.decompress(raw, max_bytes + 1 - len(body))
        except zlib.error as error:
            raise FetchError("the body is called gzip but is not") from error
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not member.eof:
            raise FetchError("the gzip body broke off")
        raw = member.unused_data
    return bytes(body)


def _too_large(max_bytes: int) -> FetchError:
    return FetchError(f"the body is larger than {max_bytes:,} bytes")
