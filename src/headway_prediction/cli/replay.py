"""replay: a recorded feed, served again over HTTP on this machine."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say, until_interrupted
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.feeds.realtime.snapshot import Poll

FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Serve a fault, with its share of the responses: slow=0.1, error, busy, hang-up, truncated, half, empty, "
        "wrong-type, huge, redirect, loop, gzip, standstill. Repeatable."
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")]
SpeedOption = Annotated[
    float, typer.Option(help="How many times as fast as real time; inf gives the next poll at every request.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, help="The same seed gives the same faults at the same requests.")
]


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

    Serves the poll of the moment over HTTP on this machine, until interrupted. With --verify it serves nothing: it reads
    the whole archive, prints a line for each day and each fault, and ends with status 1 if there is a fault.

    \b
    Example:
      headway replay archive --speed 60 --port 8642
    """
    from headway_prediction.feeds.recorder.replay import replay as replayed

    if verify:
        _verify(archive)
    else:
        first, end = _seconds(since), _seconds(until)
        serve_polls(replayed(archive, say, since=first, until=end), speed, port, fault, seed)


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


def serve_polls(
    polls: "Iterable[Poll]", speed: float, port: int, faults: list[str] | None, seed: int
) -> None:
    """Serve polls on 127.0.0.1 until interrupted."""
    from headway_prediction.simulate.feed.faults import parse_server_faults
    from headway_prediction.simulate.feed.server import FeedServer, PollPlayer

    with FeedServer(PollPlayer(polls, speed), parse_server_faults(faults or (), seed), port) as server:
        say(f"serving {server.url} until interrupted")
        with until_interrupted():
            server.serve_forever()


def _seconds(text: str | None) -> float | None:
    return None if text is None else moment_with_offset(text).timestamp()


def moment_with_offset(text: str) -> datetime:
    """Parse an ISO 8601 moment; raises HeadwayError unless it has an offset."""
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
