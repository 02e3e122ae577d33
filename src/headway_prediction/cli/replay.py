"""replay and feed: polls served over HTTP on this machine, recorded or simulated."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.interrupted import until_interrupted
from headway_prediction.cli.simulate_grid import ScenarioName, named_scenario

if TYPE_CHECKING:
    from headway_prediction.feeds.realtime.snapshot import Poll
    from headway_prediction.simulate.feed.message import FeedContent

FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Serve a fault, with its share of the answers: slow=0.1, error, busy, hang-up, truncated, half, empty, "
        "wrong-type, huge, redirect, loop, gzip, standstill. May be repeated."
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")]
SpeedOption = Annotated[
    float, typer.Option(help="How many times as fast as real time; inf gives the next poll at every request.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="The same seed strikes the same requests with faults.")]


def replay(
    archive: Annotated[Path, typer.Argument(help="Archive that `headway record` wrote.")],
    speed: SpeedOption = 1.0,
    port: PortOption = 8642,
    since: Annotated[
        str | None, typer.Option(help="First moment (ISO 8601 with offset). Default: the archive's first.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Moment to end before (ISO 8601 with offset). Default: the last.")
    ] = None,
    fault: FaultOption = None,
    seed: SeedOption = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Serve nothing: compare every poll with its checksum.")
    ] = False,
) -> None:
    """Serve a recorded feed again.

    Answers over HTTP on this machine with the poll of the moment, until interrupted. With --verify it reads everything
    instead, prints a line for each day and each fault, and ends with status 1 where there is a fault.

    \b
    Example:
      headway replay archive --speed 60 --port 8642
    """
    from headway_prediction.feeds.recorder.replay import replay as replayed

    if verify:
        _verify(archive)
    else:
        first, end = _seconds(since), _seconds(until)
        _serve(replayed(archive, say, since=first, until=end), speed, port, fault, seed)


class Content(StrEnum):
    """What a simulated feed holds."""

    BOTH = "both"
    TRIP_UPDATES = "trip-updates"
    VEHICLE_POSITIONS = "vehicle-positions"


def feed(
    speed: SpeedOption = 1.0,
    port: PortOption = 8642,
    at: Annotated[
        str | None, typer.Option(help="Moment at which the feed begins (ISO 8601 with offset). Default: now.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Seconds from one poll to the next.")] = 15,
    content: Annotated[Content, typer.Option(help="What the feed holds.")] = Content.BOTH,
    stations: Annotated[
        int | None, typer.Option(min=3, help="Stations of the garden line. Default: 14.")
    ] = None,
    scenario: Annotated[
        ScenarioName, typer.Option(help="The line, as simulate knows it.")
    ] = ScenarioName.GARDEN_LINE,
    gtfs: Annotated[
        Path | None, typer.Option(help="Write the line's GTFS zip too, for the next 60 days.")
    ] = None,
    feed_fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault of what the feed says: vanishing_trips=0.1, header_stands_still=0.05, clock_off_secs=3600, "
            "undated_trips=true, … An unknown one lists them. May be repeated."
        ),
    ] = None,
    fault: FaultOption = None,
    seed: SeedOption = 0,
) -> None:
    """Serve the feed of a line that does not exist.

    Its trains run by the clock, and GTFS-Realtime over HTTP on this machine says where they are, until interrupted: a
    feed for whoever has none, and one that may fail on demand.

    \b
    Example:
      headway feed --port 8642 --fault slow=0.05 --fault error
    """
    from headway_prediction.simulate.feed.days import parse_feed_faults, polls_from, write_schedule_from

    line = named_scenario(scenario, stations)
    begin = datetime.now(UTC) if at is None else _moment(at)
    if gtfs is not None:
        write_schedule_from(gtfs, line, begin)
        say(f"wrote {gtfs}")
    faults = parse_feed_faults(feed_fault or ())
    polls = polls_from(line, begin, interval_secs=every, content=_content(content), faults=faults, seed=seed)
    _serve(polls, speed, port, fault, seed)


def _content(content: Content) -> "FeedContent":
    from headway_prediction.simulate.feed.message import FeedContent

    return FeedContent(
        trip_updates=content is not Content.VEHICLE_POSITIONS,
        vehicle_positions=content is not Content.TRIP_UPDATES,
    )


def _verify(archive: Path) -> None:
    from headway_prediction.feeds.recorder.replay import verify

    sound = True
    for check in verify(archive):
        attempts = ", ".join(f"{count:,} {outcome}" for outcome, count in check.outcomes.items())
        print(f"{check.day}: {attempts}; {check.intact_files:,} files whole, {len(check.faults):,} faults")
        for text in check.faults:
            print(f"  {text}")
        sound = sound and not check.faults
    if not sound:
        raise typer.Exit(1)


def _serve(polls: "Iterable[Poll]", speed: float, port: int, faults: list[str] | None, seed: int) -> None:
    from headway_prediction.simulate.feed.replay_clock import PollPlayer
    from headway_prediction.simulate.feed.server import FeedServer
    from headway_prediction.simulate.feed.server_faults import parse_server_faults

    with FeedServer(PollPlayer(polls, speed), parse_server_faults(faults or (), seed), port) as server:
        say(f"serving {server.url} until interrupted")
        with until_interrupted():
            server.serve_forever()


def _seconds(text: str | None) -> float | None:
    return None if text is None else _moment(text).timestamp()


def _moment(text: str) -> datetime:
    from headway_prediction.errors import HeadwayError

    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    except ValueError:
        pass
    raise HeadwayError(
        f"the moment {text!r} cannot be read",
        "ISO 8601 with an offset, such as 2026-01-13T08:30+00:00",
        "correct it",
    )
