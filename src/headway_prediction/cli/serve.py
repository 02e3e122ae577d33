"""serve: the live service of a line, its page and its API."""

from pathlib import Path
from typing import Annotated

import typer

BundleOption = Annotated[
    Path | None, typer.Option(help="Bundle of the line. May be left out with --simulate.")
]
UrlOption = Annotated[
    str | None, typer.Option(help="Address of the line's GTFS-Realtime feed, without any key.")
]
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
        help="Further name by which the service is asked for, such as board.example behind a proxy: on 127.0.0.1 requests "
        "for any other name are refused. May be repeated."
    ),
]
AllowOriginOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Other site, such as https://control.example, whose pages may read the API and ask what-if. May be repeated."
    ),
]
GtfsOption = Annotated[
    Path | None,
    typer.Option(
        help="GTFS zip: routes and directions of trips, where the feed leaves them unsaid, and their times, where it tells "
        "delays alone."
    ),
]
RouteOption = Annotated[
    str | None,
    typer.Option(
        help="The line's route in the feed, or several with commas; '' where it names none. Default: its line_id."
    ),
]
NameOption = Annotated[str | None, typer.Option(help="Name of the line on the page. Default: its line_id.")]
EveryOption = Annotated[
    float, typer.Option(min=0.1, help="Seconds from one request of the feed to the next.")
]
KeyVariableOption = Annotated[
    str | None, typer.Option(help="Environment variable that holds the feed's key.")
]
KeyHeaderOption = Annotated[str | None, typer.Option(help="Header that the feed's key is sent in.")]
KeyParameterOption = Annotated[
    str | None, typer.Option(help="Query parameter that the feed's key is sent in.")
]
KeepOption = Annotated[int, typer.Option(min=2, help="Service days that stay in the store.")]
WebhookOption = Annotated[str | None, typer.Option(help="Address to which new warnings are posted as JSON.")]


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
    every: EveryOption = 15.0,
    key_variable: KeyVariableOption = None,
    key_header: KeyHeaderOption = None,
    key_parameter: KeyParameterOption = None,
    retention_days: KeepOption = 60,
    webhook: WebhookOption = None,
) -> None:
    """Forecast a line live, and show it.

    Follows the feed, forecasts every minute, and serves page and API until interrupted. Without a feed at hand: --simulate.
    A new bundle in the place of the old one is taken over while it runs.

    \b
    Example:
      headway serve --bundle line/bundle --url https://example.org/trips.pb
      headway serve --simulate --speed 10
    """
    import os

    from headway_prediction.cli.serve_setup import Source, Wanted, serve_line
    from headway_prediction.service.api.settings import ApiSettings, keys_of

    settings = ApiSettings(
        host, port, keys_of(os.environ), tuple(allow_host or ()), tuple(allow_origin or ())
    )
    source = Source(url, archive, simulate, speed, every, (key_variable, key_header, key_parameter))
    serve_line(source, Wanted(bundle, store, gtfs, route, name, retention_days, webhook), settings)
