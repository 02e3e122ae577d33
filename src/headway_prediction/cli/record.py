"""record: a GTFS-Realtime feed into an archive."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say, until_interrupted


def record(
    url: Annotated[str, typer.Option(help="URL of the feed, without a key.")],
    out: Annotated[Path, typer.Option(help="Archive: a new folder, or one to resume.")],
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds from one request to the next.")] = 15.0,
    key_variable: Annotated[str | None, typer.Option(help="Environment variable that holds the key.")] = None,
    key_header: Annotated[str | None, typer.Option(help="Header that the key is sent in.")] = None,
    key_parameter: Annotated[
        str | None, typer.Option(help="Query parameter that the key is sent in.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Largest number of seconds for one whole request.")
    ] = 20.0,
    max_mb: Annotated[
        float,
        typer.Option(
            min=0.001, help="Largest response, in megabytes; larger ones are not read to their end."
        ),
    ] = 64.0,
    retention_days: Annotated[
        int | None, typer.Option(min=1, help="Recorded days to keep; older ones are deleted. Default: all.")
    ] = None,
    max_gb: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Largest size of the archive, in gigabytes; its oldest days are deleted first. Default: no limit.",
        ),
    ] = None,
    polls: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many requests. Default: never.")
    ] = None,
) -> None:
    """Record a GTFS-Realtime feed.

    Writes each distinct poll once, until interrupted, and waits longer after errors. Killed and started again, it resumes.
    Uses the proxies in HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

    \b
    Example:
      headway record --url https://example.org/trips.pb --interval 15 --out archive
      headway record --url https://example.org/trips.pb --out archive --key-variable FEED_KEY --key-header x-api-key
    """
    from headway_prediction.feeds.recorder.address import address_from_environment
    from headway_prediction.feeds.recorder.archive import Retention, open_archive
    from headway_prediction.feeds.recorder.fetch import Limits
    from headway_prediction.feeds.recorder.record import Recorder, RecorderSettings

    address = address_from_environment(url, key_variable, key_header, key_parameter, os.environ)
    limits = Limits(seconds=timeout, body_bytes=int(max_mb * 1e6))
    retention = Retention(retention_days, None if max_gb is None else int(max_gb * 1e9))
    settings = RecorderSettings(interval, limits, retention)
    with open_archive(out, address.url, _say_when) as archive:
        recorder = Recorder(address, archive, settings, _say_when)
        with until_interrupted():
            recorder.run(polls)
        say(f"{out}: {recorder.total}")


def _say_when(remark: str) -> None:
    """Write a remark with its time, since a recording runs for weeks."""
    say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {remark}")
