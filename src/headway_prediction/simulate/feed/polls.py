"""A simulated line's GTFS-Realtime feed: passings and plan in, polls out as they are delivered, for a day or for ever."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.files import atomic_path
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent, MessageWriter
from headway_prediction.simulate.feed.trains import (
    LISTED_BEFORE_SECS,
    FeedTrain,
    actual_passings,
    feed_trains,
)
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.plan import Plan, plan_day
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings, run_day
from headway_prediction.transit.clock import SCORED_DAY_MINS, service_date_and_minute, service_day_start

STILL_SECS = 300
DAY_ENDS_SECS = SCORED_DAY_MINS * 60
DAY_BEGINS_SECS = DAY_ENDS_SECS - 24 * 3600
SCHEDULE_DAYS = 60
ERROR_PAGE = b"<!DOCTYPE html><title>502 Bad Gateway</title>"


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
    """Yield the polls of one service day in order of delivery.

    `passings` are what `run_day` returns for `plan`; faults of trips and stops remove some of them (`actual_passings` with
    the same `seed`). `between_secs` limits the polls to a part of the service day; by default they last from half an hour
    before the first departure to a quarter of an hour after the last train. Raises HeadwayError for an interval below a
    second or a negative seed.
    """
    if interval_secs < 1 or seed < 0:
        raise HeadwayError(
            f"a poll every {interval_secs} s from the seed {seed}",
            "an interval of at least 1 s and a seed from 0 on",
            "correct them",
        )
    faults, content = faults or FeedFaults(), content or FeedContent()
    served = actual_passings(plan, passings, faults, seed)
    trains = feed_trains(scenario, plan, served, faults, seed)
    first, last = between_secs or _activity(trains)
    start = int(service_day_start(plan.service_date, scenario.time_zone).timestamp())
    writer = MessageWriter(
        content, faults, scenario.line_id, f"{plan.service_date:%Y%m%d}", start + faults.clock_off_secs
    )
    moments = np.arange(first, last, interval_secs)
    random = np.random.default_rng([seed, plan.service_date.toordinal()])
    bodies = _bodies(writer, trains, moments, random)
    return delivered(bodies, start, faults, interval_secs, np.random.default_rng([seed, 1]))


def polls_from(
    scenario: Scenario,
    begin: datetime,
    *,
    interval_secs: int,
    content: FeedContent,
    faults: FeedFaults,
    seed: int,
) -> Iterator[Poll]:
    """Yield the polls of `scenario` from `begin` (aware) on, for ever; nights have polls without trains.

    One service day follows another at 27:00. Raises HeadwayError as `polls` does.
    """
    first_date, minute = service_date_and_minute(begin, scenario.time_zone)
    first_secs = minute * 60
    for days in count():
        plan = plan_day(scenario, first_date + timedelta(days=days))
        yield from polls(
            scenario,
            plan,
            run_day(scenario, plan, seed),
            interval_secs=interval_secs,
            content=content,
            faults=faults,
            seed=seed,
            between_secs=(DAY_BEGINS_SECS if days else first_secs, DAY_ENDS_SECS),
        )


def write_feed_schedule(path: Path, scenario: Scenario, begin: datetime) -> None:
    """Write the GTFS zip of `scenario`, valid for SCHEDULE_DAYS from the service day of `begin` on."""
    first_date, _ = service_date_and_minute(begin, scenario.time_zone)
    with atomic_path(path) as temporary:
        temporary.write_bytes(gtfs_bytes(scenario, first_date, first_date + timedelta(days=SCHEDULE_DAYS)))


def _activity(trains: Iterable[FeedTrain]) -> tuple[float, float]:
    spans = [(train.planned_secs - LISTED_BEFORE_SECS, train.departure_secs[-1] + 900) for train in trains]
    return (min(begin for begin, _ in spans), max(end for _, end in spans)) if spans else (0, 0)


def _bodies(
    writer: MessageWriter,
    trains: list[FeedTrain],
    moments: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> Iterator[tuple[float, bytes]]:
    still_since, still_until = 0.0, 0.0
    for now in moments.tolist():
        if now >= still_until:
            stands_still = random.random() < writer.faults.header_stands_still
            still_since, still_until = (now if stands_still else np.inf), now + STILL_SECS
        yield now, _message(writer, trains, now, min(now, still_since), random).SerializeToString()


def _message(
    writer: MessageWriter,
    trains: list[FeedTrain],
    now: float,
    header_secs: float,
    random: np.random.Generator,
) -> FeedMessage:
    message = FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = writer.start + int(header_secs)
    if any(begin <= now < begin + length for begin, length in writer.faults.outages):
        return message
    lags = random.integers(0, 6, len(trains))
    for train, lag in zip(trains, lags.tolist(), strict=True):
        writer.add(message, train, now, lag)
    for _ in range(random.binomial(len(message.entity), writer.faults.without_trip)):
        stray = message.entity.add(id=f"{len(message.entity) + 1}")
        stray.vehicle.vehicle.id = f"stray-{len(message.entity)}"
        stray.vehicle.stop_id = trains[0].stops[0]
    return message


def delivered(
    bodies: Iterable[tuple[float, bytes]],
    start: int,
    faults: FeedFaults,
    interval_secs: float,
    random: np.random.Generator,
) -> Iterator[Poll]:
    """Yield (second of the service day, body) pairs as polls, with a network's delay and the faults of servers and caches.

    `start` is the epoch second at which the day begins.
    """
    # Separate streams, so that one fault does not change when another happens.
    serving, noise, order = random.spawn(3)
    served = _served(bodies, start, faults, interval_secs, serving, noise)
    return _swapped(served, faults.out_of_order, order)


def _served(
    bodies: Iterable[tuple[float, bytes]],
    start: int,
    faults: FeedFaults,
    interval_secs: float,
    random: np.random.Generator,
    noise: np.random.Generator,
) -> Iterator[Poll]:
    recent: deque[bytes] = deque(maxlen=3)
    for now, body in bodies:
        recent.append(body)
        delay, older, malformed, repeated = random.random(4).tolist()
        fetched_at = start + now + 0.2 + 0.8 * delay
        if older < faults.older:
            body = recent[0]
        if malformed < faults.malformed:
            body = _broken(body, noise)
        yield Poll(fetched_at, body)
        if repeated < faults.repeated:
            yield Poll(fetched_at + interval_secs / 2, body)


def _broken(body: bytes, random: np.random.Generator) -> bytes:
    kind = int(random.integers(4))
    # A body cut between two entities would be a valid one with fewer trips, so it is cut within the last entity. Noise
    # begins with a wire type that does not exist.
    return (body[:-7], ERROR_PAGE, b"\x0f" + random.bytes(200), b"")[kind]


def _swapped(polls: Iterable[Poll], share: float, random: np.random.Generator) -> Iterator[Poll]:
    delayed = None
    for poll in polls:
        if delayed is None and random.random() < share:
            delayed = poll
            continue
        yield poll
        if delayed is not None:
            yield delayed
            delayed = None
    if delayed is not None:
        yield delayed
