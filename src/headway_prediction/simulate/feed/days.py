"""A simulated line's feed day after day: GTFS-Realtime polls that do not end, and the schedule they run by."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.files import atomic_path
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.plan import plan_day
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import SCORED_DAY_MINS, service_date_and_minute

DAY_ENDS_SECS = SCORED_DAY_MINS * 60
DAY_BEGINS_SECS = DAY_ENDS_SECS - 24 * 3600
SCHEDULE_DAYS = 60


def polls_from(
    scenario: Scenario,
    begin: datetime,
    *,
    interval_secs: int,
    content: FeedContent,
    faults: FeedFaults,
    seed: int,
) -> Iterator[Poll]:
    """Give the polls of `scenario` from `begin` (aware) on, one at a time, for ever; nights have polls without trains.

    A service day follows the other at 27:00. Raises HeadwayError as `polls` does.
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


def parse_feed_faults(texts: Iterable[str]) -> FeedFaults:
    """Read faults of a feed's content such as `vanishing_trips=0.1`, the fields of Faults, each with its value.

    Raises HeadwayError for a name or a value that no fault has.
    """
    try:
        return TypeAdapter(FeedFaults).validate_python(dict(text.split("=", 1) for text in texts))
    except (ValidationError, ValueError) as error:
        names = ", ".join(field.name for field in fields(FeedFaults))
        raise HeadwayError(
            f"the faults {' '.join(texts)} cannot be read",
            f"one of {names}, each with a value such as vanishing_trips=0.1",
            "correct --feed-fault",
        ) from error


def write_schedule_from(path: Path, scenario: Scenario, begin: datetime) -> None:
    """Write the GTFS zip of `scenario`, valid for SCHEDULE_DAYS from the service day of `begin` on."""
    first_date, _ = service_date_and_minute(begin, scenario.time_zone)
    with atomic_path(path) as fresh:
        fresh.write_bytes(gtfs_bytes(scenario, first_date, first_date + timedelta(days=SCHEDULE_DAYS)))
