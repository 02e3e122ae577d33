"""record: a realtime feed into an archive."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.interrupted import until_interrupted


def record(
    url: Annotated[str, typer.Option(help="Address of the feed, without any key.")],
    out: Annotated[Path, typer.Option(help="Archive: a new folder, or one to go on with.")],
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one request to the next.")] = 15.0,
    key_variable: Annotated[str | None, typer.Option(help="Environment variable that holds the key.")] = None,
    key_header: Annotated[str | None, typer.Option(help="Header that the key is sent in.")] = None,
    key_parameter: Annotated[
        str | None, typer.Option(help="Query parameter that the key is sent in.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Most seconds for one whole exchange.")] = 20.0,
    largest_mb: Annotated[
        float, typer.Option(min=0.001, help="Larger bodies are not read to their end.")
    ] = 64.0,
    retention_days: Annotated[
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
    Asks through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.

    \b
    Example:
      headway record --url https://example.org/trips.pb --every 15 --out archive
      headway record --url https://example.org/trips.pb --out archive --key-variable FEED_KEY --key-header x-api-key
    """
    from headway_prediction.feeds.recorder.address import address_from_environment
    from headway_prediction.feeds.recorder.archive import Retention, open_archive
    from headway_prediction.feeds.recorder.fetch import Limits
    from headway_prediction.feeds.recorder.record import Recorder, RecorderSettings

    address = address_from_environment(url, key_variable, key_header, key_parameter, os.environ)
    limits = Limits(seconds=timeout, body_bytes=int(largest_mb * 1e6))
    retention = Retention(retention_days, None if keep_gb is None else int(keep_gb * 1e9))
    settings = RecorderSettings(every, limits, retention)
    with open_archive(out, address.url, _say_when) as archive:
        recorder = Recorder(address, archive, settings, _say_when)
        with until_interrupted():
            recorder.run(polls)
        say(f"{out}: {recorder.total}")


def _say_when(remark: str) -> None:
    """Say a remark with its time: whoever reads it may come weeks later."""
    say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {remark}")
