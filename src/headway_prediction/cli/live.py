"""serve and retrain: the live service of a line, and learning again from what it has seen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.framework import load_framework
from headway_prediction.cli.interrupted import until_interrupted
from headway_prediction.cli.say import say
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from socket import socket

    from headway_prediction.line import Line
    from headway_prediction.service.api.server import ApiServer
    from headway_prediction.service.own_passings import OwnPassings
    from headway_prediction.service.run import LiveService
    from headway_prediction.service.sources import Feed

StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Store: sqlite:///PATH or postgresql+psycopg://…. Default: a SQLite file beside the bundle."
    ),
]


def serve(
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle of the line. May be left out with --simulate.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of the line's GTFS-Realtime feed, without any key.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="Archive of `headway record` to replay instead.")
    ] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Serve the simulated line instead.")] = False,
    speed: Annotated[
        float, typer.Option(help="How many times as fast as real time an archive or the simulated line runs.")
    ] = 1.0,
    store: StoreOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that others can reach wants keys in HEADWAY_KEYS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = 8640,
    gtfs: Annotated[
        Path | None,
        typer.Option(help="GTFS zip: routes and directions of trips, where the feed leaves them unsaid."),
    ] = None,
    route: Annotated[
        str | None, typer.Option(help="The line's route in the feed. Default: its line_id.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the line on the page. Default: its line_id.")
    ] = None,
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds from one request of the feed to the next.")
    ] = 15.0,
    key_variable: Annotated[
        str | None, typer.Option(help="Environment variable that holds the feed's key.")
    ] = None,
    key_header: Annotated[str | None, typer.Option(help="Header that the feed's key is sent in.")] = None,
    key_parameter: Annotated[
        str | None, typer.Option(help="Query parameter that the feed's key is sent in.")
    ] = None,
    keep_days: Annotated[int, typer.Option(min=2, help="Service days that stay in the store.")] = 60,
    webhook: Annotated[
        str | None, typer.Option(help="Address to which new warnings are posted as JSON.")
    ] = None,
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

    from headway_prediction.service.api.app import create_app
    from headway_prediction.service.api.server import listening_socket, make_server
    from headway_prediction.service.api.settings import ApiSettings, keys_of
    from headway_prediction.service.bundle_on_disk import load_bundle
    from headway_prediction.service.live_view import LiveView
    from headway_prediction.service.run import LiveService, ServiceSettings
    from headway_prediction.service.simulated_line import begin_of_service, catch_up, simulated_feed
    from headway_prediction.service.store import Store
    from headway_prediction.simulate import Scenario

    settings = ApiSettings(host, port, keys_of(os.environ))
    _refuse_sources(url, archive, simulate, bundle)
    key = {"variable": key_variable, "header": key_header, "parameter": key_parameter}
    with listening_socket(settings) as listener:
        load_framework()
        path = bundle or _simulated_bundle()
        loaded = load_bundle(path)
        line = loaded.bundle.line
        scenario = Scenario.of_size(len(line.stations))
        now = begin_of_service(scenario, datetime.now(UTC))
        if simulate:
            feed = simulated_feed(scenario, now, speed)
        else:
            feed = _archive_feed(archive, speed) if archive else _address_feed(url, every, key)
        kept = Store.open(store or _default_store(path))
        own = _own_passings(line, gtfs, route)
        service = LiveService(
            path, loaded, kept, own, feed, ServiceSettings(name or line.line_id, keep_days, webhook)
        )
        if simulate:
            catch_up(scenario, now, service.ingest)
        server = make_server(create_app(LiveView(service), settings), settings)
        _run(service, server, listener)
        kept.close()


def retrain(
    bundle: Annotated[Path, typer.Option(help="Bundle that `headway serve` forecasts with.")],
    store: StoreOption = None,
    gtfs: Annotated[
        Path | None,
        typer.Option(help="GTFS zip with the plan as it is now. Default: the plan of the bundle."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most epochs to train. Default: the bundle's.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Train nothing: put the former bundle in its place again.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing while training.")] = False,
) -> None:
    """Train a bundle again from what was served.

    Learns from every whole day in the store and takes the bundle's place only if it forecasts the newest days better, which
    neither was trained on. A running `headway serve` takes it over by itself.

    \b
    Example:
      headway retrain --bundle line/bundle
      headway retrain --bundle line/bundle --back
    """
    from headway_prediction.feeds.gtfs import read_timetable
    from headway_prediction.service.bundle_on_disk import load_bundle
    from headway_prediction.service.retrain import go_back, retrain
    from headway_prediction.service.store import Store

    if back:
        go_back(bundle)
        say(f"the former bundle is at {bundle} again")
        return
    load_framework()
    plan = None if gtfs is None else read_timetable(gtfs, load_bundle(bundle).bundle.line)
    changes = {} if epochs is None else {"epochs": epochs}
    found = retrain(Store.open(store or _default_store(bundle)), bundle, plan, changes, quiet)
    days = f"{found.test_dates[0]} to {found.test_dates[-1]}"
    say(
        f"MAE on {days}: {found.former_mae:.3f} min with the former bundle, {found.new_mae:.3f} with the new one"
    )
    say("the new one has taken over" if found.taken_over else "the former one stays")


def _run(service: "LiveService", server: "ApiServer", listener: "socket") -> None:
    """Serve until interrupted, or until the feed turns out not to be had at all, which is raised then."""
    service.start(on_refused=lambda: setattr(server, "should_exit", True))
    host, port, *_ = listener.getsockname()
    say(f"serving http://{f'[{host}]' if ':' in host else host}:{port} until interrupted")
    try:
        with until_interrupted():
            server.run(sockets=[listener])
    finally:
        service.stop()
    if service.refused is not None:
        raise service.refused


def _refuse_sources(url: str | None, archive: Path | None, simulate: bool, bundle: Path | None) -> None:
    given = [
        word for word, said in (("--url", url), ("--archive", archive), ("--simulate", simulate)) if said
    ]
    if len(given) != 1:
        raise HeadwayError(
            f"{' and '.join(given) or 'no source'} was given",
            "one of --url, --archive and --simulate",
            "name where the polls come from" if not given else "leave the others out",
        )
    if bundle is None and not simulate:
        raise HeadwayError(
            "no bundle was given", "that of the line", "train one with `headway train`, and pass --bundle"
        )


def _simulated_bundle() -> Path:
    import os

    from headway_prediction.service.simulated_line import cache_folder, simulated_bundle
    from headway_prediction.simulate import Scenario

    return simulated_bundle(Scenario(), cache_folder(os.environ), say)


def _default_store(bundle: Path) -> str:
    return f"sqlite:///{bundle.resolve().with_name(f'{bundle.name}.store.sqlite')}"


def _archive_feed(archive: Path, speed: float) -> "Feed":
    from headway_prediction.service.sources import ArchiveFeed

    return ArchiveFeed(archive, say, speed)


def _address_feed(url: str, every: float, key: dict[str, str | None]) -> "Feed":
    import os

    from headway_prediction.feeds.recorder.address import feed_address, key_from_environment
    from headway_prediction.feeds.recorder.record import RecorderSettings
    from headway_prediction.service.sources import AddressFeed

    address = feed_address(
        url, key_from_environment(key["variable"], key["header"], key["parameter"], os.environ)
    )
    return AddressFeed(address, RecorderSettings(every), say)


def _own_passings(line: "Line", gtfs: Path | None, route: str | None) -> "OwnPassings":
    from headway_prediction.feeds.realtime.schedule_words import read_words
    from headway_prediction.feeds.realtime.tidy import Words
    from headway_prediction.service.own_passings import OwnPassings

    if gtfs is not None:
        words = read_words(gtfs, line.time_zone)
    else:
        names = {
            stop: station.name for station in line.stations for d in (0, 1) for stop in station.known_ids(d)
        }
        words = Words(line.time_zone, names)
    return OwnPassings(route or line.line_id, words)
