"""Whether bytes have the shape of a FeedMessage, told without reading it.

A message of protocol buffers is a run of fields, each a tag (field number and wire type) and a value whose length the tag or
a varint tells (protobuf.dev/programming-guides/encoding). gtfs-realtime.proto numbers the fields of a FeedMessage: the
required header is 1 and comes first, entities are 2; all are messages of their own, of wire type 2.
"""

HEADER_TAG = 1 << 3 | 2
VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10


def has_feed_shape(body: bytes) -> bool:
    """Return whether `body` begins with a header and its fields end exactly where the bytes do.

    So a page of HTML or JSON is told from a feed whatever its content type says, and a cut-off feed from a whole one.
    """
    if not body or body[0] != HEADER_TAG:
        return False
    at: int | None = 0
    while at is not None and at < len(body):
        at = _after_field(body, at)
    return at == len(body)


def _after_field(body: bytes, at: int) -> int | None:
    """Where the next field begins; None where this one cannot be."""
    tag, at = _varint(body, at)
    kind = tag & 7
    if tag >> 3 == 0 or at is None:
        return None
    if kind == VARINT:
        return _varint(body, at)[1]
    if kind == LENGTH:
        length, at = _varint(body, at)
        return None if at is None else at + length
    return {FIXED_64: at + 8, FIXED_32: at + 4}.get(kind)


def _varint(body: bytes, at: int) -> tuple[int, int | None]:
    """A number in groups of seven bits, lowest first, and where it ends; None where it does not."""
    value = 0
    for place, byte in enumerate(body[at : at + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return value, None
