import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.feeds.recorder.backoff import pause_seconds
from helpers.recording import NOON

LUCK = st.floats(0, 1, exclude_max=True)


def test_a_working_feed_is_asked_steadily():
    assert pause_seconds(15, 0, 0.7) == 15


def test_failures_double_the_pause_up_to_five_minutes():
    # 2^n × 15 s, capped at 300, of which luck 0.5 leaves three quarters
    pauses = [pause_seconds(15, failures, 0.5) for failures in (1, 2, 3, 4, 5, 50, 10**6)]
    assert pauses == [22.5, 45, 90, 180, 225, 225, 225]


def test_luck_spreads_recorders_that_failed_together():
    assert pause_seconds(15, 3, 0.0) == 60
    assert pause_seconds(15, 3, 0.99) == pytest.approx(119.4)


@given(st.floats(0.1, 3600), st.integers(0, 10**4), LUCK)
def test_a_pause_is_never_shorter_than_asked_nor_endless(interval_secs, failures, jitter):
    assert interval_secs <= pause_seconds(interval_secs, failures, jitter) <= max(interval_secs, 300)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("120", 120),
        (" 600 ", 600),
        ("0", 22.5),
        ("99999999", 24 * 3600),
        ("9" * 40, 24 * 3600),
        ("Tue, 13 Jan 2026 12:20:00 GMT", 1200),
        ("Tue, 13 Jan 2026 11:00:00 GMT", 22.5),
        ("soon", 22.5),
        ("", 22.5),
        ("-5", 22.5),
        ("²", 22.5),
        ("Tue, 13 Jan 99999999 11:00:00 GMT", 22.5),
        (None, 22.5),
    ],
)
def test_retry_after_is_obeyed_up_to_a_day(text, seconds):
    pause = pause_seconds(15, 1, 0.5, retry_after=text, now=NOON)
    assert pause == (seconds + 7.5 if seconds > 22.5 else seconds)


@given(st.text(max_size=40), LUCK)
def test_any_retry_after_is_outlived(text, jitter):
    assert 15 <= pause_seconds(15, 1, jitter, retry_after=text, now=NOON) <= 24 * 3600 + 15
