"""simulate-feed: the GTFS-Realtime feed of a simulated line, served over HTTP on this machine."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.replay import (
    FaultOption,
    PortOption,
    SeedOption,
    SpeedOption,
    moment_with_offset,
    serve_polls,
)
from headway_prediction.cli.simulate import ScenarioName, ScenarioOption, StationsOption, named_scenario

if TYPE_CHECKING:
    from headway_prediction.simulate.feed.message import FeedContent


class Content(StrEnum):
    """What a simulated feed holds."""

    BOTH = "both"
    TRIP_UPDATES = "trip-updates"
    VEHICLE_POSITIONS = "vehicle-positions"


def simulate_feed(
    speed: SpeedOption = 1.0,
    port: PortOption = 8642,
    at: Annotated[
        str | None, typer.Option(help="Moment at which the feed begins (ISO 8601 with offset). Default: now.")
    ] = None,
    interval: Annotated[int, typer.Option(min=1, help="Seconds from one poll to the next.")] = 15,
    content: Annotated[Content, typer.Option(help="What the feed holds.")] = Content.BOTH,
    stations: StationsOption = None,
    scenario: ScenarioOption = ScenarioName.GARDEN_LINE,
    gtfs: Annotated[
        Path | None, typer.Option(help="Write the line's GTFS zip too, for the next 60 days.")
    ] = None,
    feed_fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault in the content of the feed: vanishing_trips=0.1, header_stands_still=0.05, clock_off_secs=3600, "
            "undated_trips=true, … An unknown one lists them. Repeatable."
        ),
    ] = None,
    fault: FaultOption = None,
    seed: SeedOption = 0,
) -> None:
    """Serve the feed of a simulated line.

    The trains run by the clock; the feed reports them as GTFS-Realtime over HTTP on this machine, until interrupted. Use it
    without a feed of your own, or to try faults on demand.

    \b
    Example:
      headway simulate-feed --port 8642 --fault slow=0.05 --fault error
    """
    from headway_prediction.simulate.feed.faults import parse_feed_faults
    from headway_prediction.simulate.feed.polls import polls_from, write_feed_schedule

    line = named_scenario(scenario, stations)
    begin = datetime.now(UTC) if at is None else moment_with_offset(at)
    if gtfs is not None:
        write_feed_schedule(gtfs, line, begin)
        say(f"wrote {gtfs}")
    faults = parse_feed_faults(feed_fault or ())
    polls = polls_from(
        line, begin, interval_secs=interval, content=_content(content), faults=faults, seed=seed
    )
    serve_polls(polls, speed, port, fault, seed)


def _content(content: Content) -> "FeedContent":
    from headway_prediction.simulate.feed.message import FeedContent

    return FeedContent(
        trip_updates=content is not Content.VEHICLE_POSITIONS,
        vehicle_positions=content is not Content.TRIP_UPDATES,
    )
