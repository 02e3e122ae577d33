"""watch: the forecasts of a running service, in the terminal."""

from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import until_interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from headway_prediction.cli.watch_table import LineSnapshot
    from headway_prediction.service.client.client import Client


def watch(
    url: Annotated[str, typer.Option(help="URL of the service.")] = "http://127.0.0.1:8640",
    line: Annotated[str | None, typer.Option(help="Line to watch, where the service has several.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the latest forecast once, and end.")] = False,
) -> None:
    """Watch the forecasts of a running service.

    Prints for every station and direction the headway now and the forecast in 5, 10 and 15 minutes with its interval, the
    alerts, and the age of the data. Prints new forecasts as they are published, until interrupted.

    \b
    Example:
      headway watch --url http://127.0.0.1:8640 --once
    """
    from rich.console import Console

    from headway_prediction.cli.watch_table import shown
    from headway_prediction.service.client.client import Client

    client, console = Client(url), Console(highlight=False)
    line_id = _line_id(client, line)
    if once:
        console.print(shown(_fetch(client, line_id), 0.0))
    else:
        with until_interrupted():
            _follow(client, line_id, console)


def _follow(client: "Client", line_id: str, console: "Console") -> None:
    import time
    from contextlib import suppress

    from rich.live import Live

    from headway_prediction.cli.watch_table import shown
    from headway_prediction.errors import HeadwayError

    snapshot, at = _fetch(client, line_id), time.monotonic()
    with Live(
        get_renderable=lambda: shown(snapshot, time.monotonic() - at), console=console, refresh_per_second=1
    ):
        for _ in client.events(line_id):
            with suppress(HeadwayError):  # the service is restarting: the age keeps growing
                snapshot, at = _fetch(client, line_id), time.monotonic()


def _fetch(client: "Client", line_id: str) -> "LineSnapshot":
    from headway_prediction.cli.watch_table import LineSnapshot

    return LineSnapshot(
        client.line(line_id), client.state(line_id), client.forecast(line_id), client.alerts(line_id)
    )


def _line_id(client: "Client", wanted: str | None) -> str:
    from headway_prediction.errors import HeadwayError

    line_ids = [line.line_id for line in client.lines().lines]
    if wanted in line_ids or (wanted is None and len(line_ids) == 1):
        return wanted or line_ids[0]
    raise HeadwayError(
        f"the line {wanted!r} is not served" if wanted else f"the service has {len(line_ids)} lines",
        f"one of {', '.join(line_ids)}",
        "name it with --line",
    )
