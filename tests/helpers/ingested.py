"""Polls of a simulated line, and the log that tracking all of them at once gives."""

from datetime import date, datetime
from itertools import takewhile

import polars as pl

from headway_prediction.feeds.realtime.arrival_log import tidy_log
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import track_polls
from headway_prediction.service.live.ingest import LineFilter
from headway_prediction.simulate import Scenario
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls_from
from headway_prediction.transit.clock import service_day_start

SCENARIO = Scenario.of_size(4)
LINE = SCENARIO.line_id
LINE_FILTER = LineFilter(LINE, FeedMetadata(SCENARIO.time_zone))
DAY = SCENARIO.start_date


def moment(hour: float, day: date = DAY) -> float:
    """The epoch seconds of an hour of a service day."""
    return service_day_start(day, SCENARIO.time_zone).timestamp() + hour * 3600


def simulated(first_hour: float, last_hour: float, interval_secs: int = 15, **faults: object) -> list[Poll]:
    """The polls of the first service day between two hours, which may lie beyond it."""
    begin = datetime.fromtimestamp(moment(first_hour)).astimezone()
    given = polls_from(
        SCENARIO,
        begin,
        interval_secs=interval_secs,
        content=FeedContent(),
        faults=FeedFaults(**faults),
        seed=1,
    )
    return list(takewhile(lambda poll: poll.fetched_at < moment(last_hour), given))


def batch_log(polls: list[Poll], own: LineFilter = LINE_FILTER) -> pl.DataFrame:
    """The log of the batch path."""
    return tidy_log(track_polls(polls).journal(), own.metadata, own.route_id)[0]


def of_date(log: pl.DataFrame, day: date = DAY) -> pl.DataFrame:
    """The rows of one service date."""
    return log.filter(pl.col("service_date") == day)
