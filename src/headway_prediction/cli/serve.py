"""serve: the live service of a line, its page and its API."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import joined

BundleOption = Annotated[Path | None, typer.Option(help="Bundle of the line; optional with --simulate.")]
UrlOption = Annotated[str | None, typer.Option(help="URL of the line's GTFS-Realtime feed, without a key.")]
ArchiveOption = Annotated[Path | None, typer.Option(help="Archive of `headway record` to replay instead.")]
SimulateOption = Annotated[bool, typer.Option("--simulate", help="Serve the simulated line instead.")]
SpeedOption = Annotated[
    float, typer.Option(help="How many times as fast as real time an archive or the simulated line runs.")
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Store: sqlite:///PATH or postgresql+psycopg://…. Default: a SQLite file beside the bundle."
    ),
]
HostOption = Annotated[
    str, typer.Option(help="Address to listen on; one that others can reach wants keys in HEADWAY_KEYS.")
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Further host name of the service, such as board.example behind a proxy; on 127.0.0.1 requests for any other "
        "host are refused. Repeatable."
    ),
]
AllowOriginOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Other site, such as https://control.example, whose pages may read the API and request what-ifs. Repeatable."
    ),
]
GtfsOption = Annotated[
    Path | None,
    typer.Option(
        help="GTFS zip: adds the routes and directions of trips where the feed omits them, and planned times where the feed "
        "holds only delays."
    ),
]
RouteOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Route of the line in the feed; repeatable; '' where the feed names no route. Default: the line_id."
    ),
]
NameOption = Annotated[str | None, typer.Option(help="Name of the line on the page. Default: its line_id.")]
IntervalOption = Annotated[float, typer.Option(min=0.1, help="Seconds between requests to the feed.")]
KeyVariableOption = Annotated[
    str | None, typer.Option(help="Environment variable that holds the feed's key.")
]
KeyHeaderOption = Annotated[str | None, typer.Option(help="Header that the feed's key is sent in.")]
KeyParameterOption = Annotated[
    str | None, typer.Option(help="Query parameter that the feed's key is sent in.")
]
RetentionOption = Annotated[int, typer.Option(min=2, help="Service days to keep in the store.")]
WebhookOption = Annotated[str | None, typer.Option(help="URL to which new alerts are posted as JSON.")]


def serve(
    bundle: BundleOption = None,
    url: UrlOption = None,
    archive: ArchiveOption = None,
    simulate: SimulateOption = False,
    speed: SpeedOption = 1.0,
    store: StoreOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8640,
    allow_host: AllowHostOption = None,
    allow_origin: AllowOriginOption = None,
    gtfs: GtfsOption = None,
    route: RouteOption = None,
    name: NameOption = None,
    interval: IntervalOption = 15.0,
    key_variable: KeyVariableOption = None,
    key_header: KeyHeaderOption = None,
    key_parameter: KeyParameterOption = None,
    retention_days: RetentionOption = 60,
    webhook: WebhookOption = None,
) -> None:
    """Serve live forecasts of a line.

    Polls the feed, forecasts every minute, and serves page and API until interrupted. Without a feed, use --simulate.
    A bundle that is replaced on disk is loaded while the service runs.

    \b
    Example:
      headway serve --bundle line/bundle --url https://example.org/trips.pb
      headway serve --simulate --speed 10
    """
    import os

    from headway_prediction.cli.serve_setup import ServeOptions, Source, serve_line
    from headway_prediction.service.api.settings import ApiSettings, keys_of

    settings = ApiSettings(
        host, port, keys_of(os.environ), tuple(allow_host or ()), tuple(allow_origin or ())
    )
    source = Source(url, archive, simulate, speed, interval, (key_variable, key_header, key_parameter))
    serve_line(
        source, ServeOptions(bundle, store, gtfs, joined(route), name, retention_days, webhook), settings
    )
