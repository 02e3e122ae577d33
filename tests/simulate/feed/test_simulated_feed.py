"""The feed of a line that does not exist, day after day and over HTTP."""

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.classify import has_feed_shape
from headway_prediction.simulate import Scenario, blue_line
from headway_prediction.simulate.feed.days import parse_feed_faults, polls_from
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.replay_clock import PollPlayer
from headway_prediction.simulate.feed.server import FeedServer, serving
from helpers.recording import FakeTime, recorded, replayed

TUESDAY_MORNING = datetime(2026, 1, 13, 14, 0, tzinfo=UTC)  # 08:00 in Chicago


def simulated(begin=TUESDAY_MORNING, scenario=None, interval_secs=15, faults=()):
    line = scenario or Scenario.of_size(5)
    return polls_from(
        line,
        begin,
        interval_secs=interval_secs,
        content=FeedContent(),
        faults=parse_feed_faults(faults),
        seed=3,
    )


def test_the_feed_begins_at_the_moment_with_trains_on_the_line():
    first = next(simulated())
    message = FeedMessage.FromString(first.body)
    assert 0 <= first.fetched_at - TUESDAY_MORNING.timestamp() <= 1
    assert message.header.timestamp == TUESDAY_MORNING.timestamp()
    assert any(entity.HasField("vehicle") for entity in message.entity)
    assert has_feed_shape(first.body)


def test_the_nights_have_polls_and_the_next_day_follows():
    polls = list(islice(simulated(interval_secs=1800), 96))  # two days of half-hours
    steps = [later.fetched_at - earlier.fetched_at for earlier, later in pairwise(polls)]
    assert steps == pytest.approx([1800] * 95, abs=1)
    trains = [len(FeedMessage.FromString(poll.body).entity) for poll in polls]
    assert min(trains) == 0 and trains[0] > 0 and trains[48] > 0


def test_a_day_without_service_is_a_feed_without_trains():
    saturday = datetime(2026, 1, 17, 18, 0, tzinfo=UTC)
    (poll,) = islice(simulated(saturday, blue_line()), 1)
    assert not FeedMessage.FromString(poll.body).entity


def test_what_the_feed_says_may_be_wrong_on_demand():
    (poll,) = islice(simulated(faults=["clock_off_secs=3600", "undated_trips=true"]), 1)
    message = FeedMessage.FromString(poll.body)
    assert message.header.timestamp == TUESDAY_MORNING.timestamp() + 3600
    assert {entity.trip_update.trip.start_date for entity in message.entity} == {""}


@pytest.mark.parametrize("faults", [["sleepy=1"], ["clock_off_secs"], ["repeated=2"], ["outages=5"]])
def test_faults_that_no_feed_has_are_refused(faults):
    with pytest.raises(HeadwayError, match=r"cannot be read; expected one of out_of_order, repeated"):
        parse_feed_faults(faults)


def test_it_is_recorded_as_it_was_simulated(tmp_path):
    given = list(islice(simulated(), 20))
    time = FakeTime(given[0].fetched_at)
    with serving(FeedServer(PollPlayer(iter(given), 1, time.clock().elapsed))) as server:
        recorder, *_ = recorded(server.url, tmp_path / "a", 20, time=time, interval_secs=16)
    assert recorder.total.polls == 20 and recorder.total.new >= 19
    bodies = [poll.body for poll in replayed(tmp_path / "a")]
    assert bodies[0] == given[0].body
    assert set(bodies) <= {poll.body for poll in given}
