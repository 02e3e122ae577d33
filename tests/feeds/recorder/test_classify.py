import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.feeds.recorder.classify import has_feed_shape
from helpers.lines import REAL_DATA
from helpers.recording import feed

PAGES = {
    "nothing": b"",
    "HTML": b"<!DOCTYPE html><title>Sorry</title>",
    "HTML after an empty line": b"\n<!DOCTYPE html><title>Sorry</title>",
    "JSON": b'{"error": "no such feed"}',
    "text format": b'header {\n  gtfs_realtime_version: "2.0"\n}\n',
    "gzip": b"\x1f\x8b\x08\x00",
    "zeros": bytes(1000),
    "a header that promises more than there is": b"\x0a\x7f\x0a\x032.0",
    "a number without an end": b"\x0a\x00" + b"\x10" + b"\xff" * 20,
    "a tag without an end": b"\x0a\x00\xff",
    "groups, which the feed's description does not have": b"\x0a\x00\x13\x14",
}


@pytest.mark.parametrize("page", PAGES)
def test_other_things_are_no_feeds(page):
    assert not has_feed_shape(PAGES[page])


@given(st.integers(0, 2**40), st.binary(max_size=300))
def test_a_feed_is_one_and_a_piece_of_it_is_none(timestamp, padding):
    whole = feed(timestamp, padding)
    header = len(feed(timestamp))
    assert has_feed_shape(whole)
    pieces = {cut for cut in range(len(whole)) if has_feed_shape(whole[:cut])}
    assert pieces <= {header}  # cut between two entities nothing can be seen


def test_unknown_fields_of_every_kind_may_follow():
    assert has_feed_shape(
        feed(5) + b"\xf8\x3e\x96\x01" + b"\xf9\x3e12345678" + b"\xfd\x3e1234" + b"\xfa\x3e\x02ab"
    )


@given(st.binary(max_size=400))
def test_any_bytes_have_the_shape_or_not(body):
    assert has_feed_shape(body) in (True, False)


def test_real_feeds_are_feeds_and_half_of_one_is_none():
    recorded = sorted((REAL_DATA / "gtfs_realtime").glob("*/*.pb"))
    if not recorded:
        pytest.skip("the recorded feeds are absent (HEADWAY_REAL_DATA or ../shared/data)")
    for path in recorded:
        body = path.read_bytes()
        assert has_feed_shape(body)
        assert not has_feed_shape(body[: len(body) // 2])
