"""The tracker: its journal does not depend on the order of delivery, on repetition, or on being read."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, track_polls
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.polls import polls as simulated_polls
from headway_prediction.simulate.trains import run_day
from helpers.realtime_feed import T0, poll, row, update

DEPARTING = [
    poll(0, update("T", {"A": 10, "B": 100})),
    poll(15, update("T", {"A": 20, "B": 100})),
    poll(30, update("T", {"B": 100})),
]


@pytest.fixture(scope="module")
def busy_polls() -> list[Poll]:
    """Three minutes of a small line, with faults that do not change the order of delivery."""
    scenario = Scenario.of_size(4)
    plan = plan_day(scenario, scenario.start_date)
    faults = FeedFaults(
        vanishing_trips=0.5, moving_past=True, header_stands_still=0.3, older=0.1, renamed_trips=0.3
    )
    start = 7 * 3600
    return list(
        simulated_polls(
            scenario, plan, run_day(scenario, plan, 3), faults=faults, between_secs=(start, start + 180)
        )
    )


@settings(max_examples=8)
@given(data=st.data())
def test_the_order_of_delivery_and_repetition_do_not_change_the_journal(busy_polls, data):
    expected = track_polls(busy_polls).journal()
    again = data.draw(st.lists(st.sampled_from(busy_polls), max_size=5))
    delivered = data.draw(st.permutations(busy_polls + again))
    assert track_polls(delivered).journal() == expected
    assert expected


def test_live_and_batch_give_the_same_journal_and_reading_it_changes_nothing(busy_polls):
    live, journals = FeedTracker(), []
    for each in busy_polls:
        live.add(each)
        journals.append(live.journal())
    assert live.journal() == journals[-1] == track_polls(busy_polls).journal()


def test_a_live_journal_equals_at_each_poll_that_of_a_batch_up_to_it(busy_polls):
    live = FeedTracker()
    for count, each in enumerate(busy_polls[:6], start=1):
        live.add(each)
        assert live.journal() == track_polls(busy_polls[:count]).journal()


def test_a_late_poll_has_the_same_effect_as_one_in_time():
    late = [DEPARTING[0], DEPARTING[2], DEPARTING[1]]
    tracker = FeedTracker()
    for each in late[:2]:
        tracker.add(each)
    assert [row(passing) for passing in tracker.journal()] == [("T", "A", 10, 0, 30, "left")]
    tracker.add(late[2])
    assert [row(passing) for passing in tracker.journal()] == [("T", "A", 20, 15, 30, "left")]


def test_an_identical_body_is_a_repetition():
    repeated = Poll(T0 + 22.0, DEPARTING[1].body)
    assert track_polls([*DEPARTING, repeated]).journal() == track_polls(DEPARTING).journal()
    assert track_polls([*DEPARTING, repeated]).counts == {"applied": 3, "repeated": 1}


def test_a_poll_that_is_too_late_is_counted_quarantined_and_logged(caplog):
    tracker = track_polls([poll(0), poll(100), poll(1000), DEPARTING[1]], allowed_lateness_secs=300)
    assert tracker.counts["too late"] == 1
    assert [quarantined.poll for quarantined in tracker.quarantine] == [DEPARTING[1]]
    assert f"the poll of {DEPARTING[1].fetched_at}" in caplog.text


@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html>", DEPARTING[1].body[:-3], b"\x00" * 50])
def test_a_malformed_poll_is_counted_quarantined_and_logged(caplog, body):
    broken = Poll(T0 + 15.0, body)
    with caplog.at_level(logging.WARNING):
        tracker = track_polls([DEPARTING[0], broken, DEPARTING[2]])
    assert tracker.counts == {"applied": 2, "malformed": 1}
    assert [quarantined.poll for quarantined in tracker.quarantine] == [broken]
    assert f"the poll of {broken.fetched_at} is quarantined" in caplog.text
    assert [row(passing) for passing in tracker.journal()] == [("T", "A", 10, 0, 30, "left")]


@pytest.mark.parametrize("fetched_at", [float("nan"), float("inf"), -1.0, 1e12])
def test_a_poll_with_an_invalid_fetch_time_is_quarantined(fetched_at):
    tracker = track_polls([*DEPARTING, Poll(fetched_at, DEPARTING[0].body)])
    assert tracker.counts == {"applied": 3, "malformed": 1}


def test_closed_passings_are_returned_once():
    tracker = track_polls(DEPARTING)
    assert tracker.take_closed() == []
    for secs in (30_000, 31_000, 32_000):
        tracker.add(poll(secs, update("U", {"A": secs + 500})))
    assert [row(passing) for passing in tracker.take_closed()] == [("T", "A", 20, 15, 30, "left")]
    assert tracker.take_closed() == tracker.journal() == []


def test_memory_stays_bounded_over_days_of_polls():
    tracker = FeedTracker()
    for hour in range(0, 240):
        for secs in (0, 15):
            at = hour * 3600 + secs
            tracker.add(poll(at, update(f"T{hour}", {"A": hour * 3600 + 10, "B": at + 100})))
        tracker.take_closed()
    assert len(tracker._state.trips) <= 4
    assert len(tracker._recent) <= 3
