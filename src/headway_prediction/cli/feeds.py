"""record and replay: a realtime feed into an archive, and out of it again."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.say import say

if TYPE_CHECKING:
    from headway_prediction.feeds.realtime.poll import Poll

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


def record(
    url: Annotated[str, typer.Option(help="Address of the feed, without any key.")],
    out: Annotated[Path, typer.Option(help="Archive: a new folder, or one to go on with.")],
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one request to the next.")] = 15.0,
    key_variable: Annotated[
        str | None, typer.Option(help="Environment variable that holds the feed's key.")
    ] = None,
    key_header: Annotated[str | None, typer.Option(help="Header that the key is sent in.")] = None,
    key_parameter: Annotated[
        str | None, typer.Option(help="Query parameter that the key is sent in.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Most seconds for one whole exchange.")] = 20.0,
    largest_mb: Annotated[
        float, typer.Option(min=0.001, help="Larger bodies are not read to their end.")
    ] = 64.0,
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="Recorded days kept; older ones are deleted. Default: all.")
    ] = None,
    keep_gb: Annotated[
        float | None,
        typer.Option(min=0, help="Room for the archive; its oldest days go first. Default: any."),
    ] = None,
    polls: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many requests. Default: never.")
    ] = None,
) -> None:
    """Record a GTFS-Realtime feed.

    Asks politely and writes each distinct poll once, for weeks, until interrupted; killed and started again, it goes on.

    \b
    Example:
      headway record --url https://example.org/trips.pb --every 15 --out archive
      headway record --url https://example.org/trips.pb --out archive --key-variable FEED_KEY --key-header x-api-key
    """
    from headway_prediction.feeds.recorder.address import feed_address, key_from_environment
    from headway_prediction.feeds.recorder.archive import open_archive
    from headway_prediction.feeds.recorder.exchange import Limits
    from headway_prediction.feeds.recorder.record import Recorder, RecorderSettings
    from headway_prediction.feeds.recorder.retention import Retention

    address = feed_address(url, key_from_environment(key_variable, key_header, key_parameter, os.environ))
    limits = Limits(seconds=timeout, body_bytes=int(largest_mb * 1e6))
    retention = Retention(keep_days, None if keep_gb is None else int(keep_gb * 1e9))
    settings = RecorderSettings(every, limits, retention)
    with open_archive(out, address.url, say) as archive:
        recorder = Recorder(address, archive, settings, say)
        with _until_interrupted():
            recorder.run(polls)
        say(f"{out}: {recorder.total}")


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
        _serve(replayed(archive, say, since=_moment(since), until=_moment(until)), speed, port, fault, seed)


def _verify(archive: Path) -> None:
    from headway_prediction.feeds.recorder.verify import verify

    sound = True
    for check in verify(archive):
        attempts = ", ".join(f"{count:,} {outcome}" for outcome, count in check.outcomes.items())
        print(f"{check.day}: {attempts}; {check.whole_files:,} files whole, {len(check.faults):,} faults")
        for text in check.faults:
            print(f"  {text}")
        sound = sound and not check.faults
    if not sound:
        raise typer.Exit(1)


def _serve(polls: "Iterable[Poll]", speed: float, port: int, faults: list[str] | None, seed: int) -> None:
    from headway_prediction.feeds.server.faults import parse_faults
    from headway_prediction.feeds.server.feed_server import FeedServer
    from headway_prediction.feeds.server.moment import Moment

    with FeedServer(Moment(polls, speed), parse_faults(faults or (), seed), port) as server:
        say(f"serving {server.url} until interrupted")
        with _until_interrupted():
            server.serve_forever()


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Let Ctrl-C, or a polite kill, end the body and nothing else."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        signal.signal(signal.SIGTERM, before)


def _moment(text: str | None) -> float | None:
    from headway_prediction.errors import HeadwayError

    try:
        moment = None if text is None else datetime.fromisoformat(text)
        if moment is None or moment.tzinfo is not None:
            return moment and moment.timestamp()
    except ValueError:
        pass
    raise HeadwayError(
        f"the moment {text!r} cannot be read",
        "ISO 8601 with an offset, such as 2026-01-13T08:30+00:00",
        "correct it",
    )
