"""A simulated line's GTFS-Realtime feed: passings and plan in, polls out, with faults where they are asked for."""

from collections.abc import Iterable, Iterator

import numpy as np
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.simulate.feed.delivery import delivered
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent, MessageWriter
from headway_prediction.simulate.feed.trains import (
    LISTED_BEFORE_SECS,
    FeedTrain,
    actual_passings,
    feed_trains,
)
from headway_prediction.simulate.plan import Plan
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings
from headway_prediction.transit.clock import service_day_start

STILL_SECS = 300


def polls(
    scenario: Scenario,
    plan: Plan,
    passings: tuple[Passings, Passings],
    *,
    interval_secs: int = 15,
    content: FeedContent | None = None,
    faults: FeedFaults | None = None,
    seed: int = 0,
    between_secs: tuple[float, float] | None = None,
) -> Iterator[Poll]:
    """Give the polls of one service day, in the order they are delivered, one at a time.

    `passings` are what `run_day` returns for `plan`; which of them remain under faults of trips and stops, `actual_passings`
    tells from the same `seed`. `between_secs` limits the polls to a part of the service day; by default they last from
    half an hour before the first departure to a quarter of an hour after the last train. Raises HeadwayError for an
    interval below a second or a negative seed.
    """
    if interval_secs < 1 or seed < 0:
        raise HeadwayError(
            f"a poll every {interval_secs} s from the seed {seed} was asked for",
            "an interval of at least 1 s and a seed from 0 on",
            "correct them",
        )
    faults, content = faults or FeedFaults(), content or FeedContent()
    served = actual_passings(scenario, plan, passings, faults, seed)
    trains = feed_trains(scenario, plan, served, faults, seed)
    first, last = between_secs or _activity(trains)
    start = int(service_day_start(plan.service_date, scenario.time_zone).timestamp())
    describer = MessageWriter(
        content, faults, scenario.line_id, f"{plan.service_date:%Y%m%d}", start + faults.clock_off_secs
    )
    moments = np.arange(first, last, interval_secs)
    random = np.random.default_rng([seed, plan.service_date.toordinal()])
    bodies = _bodies(describer, trains, moments, random)
    return delivered(bodies, start, faults, interval_secs, np.random.default_rng([seed, 1]))


def _activity(trains: Iterable[FeedTrain]) -> tuple[float, float]:
    spans = [(train.planned_secs - LISTED_BEFORE_SECS, train.departure_secs[-1] + 900) for train in trains]
    return (min(begin for begin, _ in spans), max(end for _, end in spans)) if spans else (0, 0)


def _bodies(
    describer: MessageWriter, trains: list[FeedTrain], moments: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[float, bytes]]:
    still_since, still_until = 0.0, 0.0
    for now in moments.tolist():
        if now >= still_until:
            stands_still = random.random() < describer.faults.header_stands_still
            still_since, still_until = (now if stands_still else np.inf), now + STILL_SECS
        yield now, _message(describer, trains, now, min(now, still_since), random).SerializeToString()


def _message(
    describer: MessageWriter,
    trains: list[FeedTrain],
    now: float,
    header_secs: float,
    random: np.random.Generator,
) -> FeedMessage:
    message = FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = describer.start + int(header_secs)
    if any(begin <= now < begin + length for begin, length in describer.faults.outages):
        return message
    lags = random.integers(0, 6, len(trains))
    for train, lag in zip(trains, lags.tolist(), strict=True):
        describer.add(message, train, now, lag)
    for _ in range(random.binomial(len(message.entity), describer.faults.without_trip)):
        stray = message.entity.add(id=f"{len(message.entity) + 1}")
        stray.vehicle.vehicle.id = f"stray-{len(message.entity)}"
        stray.vehicle.stop_id = trains[0].stops[0]
    return message
