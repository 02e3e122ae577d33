"""What `headway serve` is put together from: where polls come from, the bundle, the store, the service and its server."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import socket

from headway_prediction.cli.framework import load_framework
from headway_prediction.cli.interrupted import until_interrupted
from headway_prediction.cli.say import say
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.schedule_words import read_words
from headway_prediction.feeds.realtime.tidy import Words
from headway_prediction.feeds.recorder.address import feed_address, key_from_environment
from headway_prediction.feeds.recorder.record import RecorderSettings
from headway_prediction.line import DIRECTIONS, Line
from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.server import ApiServer, listening_socket, make_server
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.bundle_on_disk import load_bundle
from headway_prediction.service.live_view import LiveView
from headway_prediction.service.own_passings import OwnPassings
from headway_prediction.service.run import LiveService, ServiceSettings
from headway_prediction.service.simulated_line import (
    begin_of_service,
    cache_folder,
    catch_up,
    simulated_bundle,
    simulated_feed,
)
from headway_prediction.service.sources import AddressFeed, ArchiveFeed, Feed
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario


@dataclass(frozen=True)
class Source:
    """Where polls come from: exactly one of `url`, `archive` and `simulate`; `key` names variable, header and parameter."""

    url: str | None
    archive: Path | None
    simulate: bool
    speed: float
    every: float
    key: tuple[str | None, str | None, str | None]

    def __post_init__(self) -> None:
        words = {"--url": self.url, "--archive": self.archive, "--simulate": self.simulate}
        given = [word for word, said in words.items() if said]
        if len(given) != 1:
            raise HeadwayError(
                f"{' and '.join(given) or 'no source'} was given",
                "one of --url, --archive and --simulate",
                "leave the others out" if given else "name where the polls come from",
            )

    def feed(self, scenario: Scenario, now: datetime) -> Feed:
        """Return the feed; that of the simulated line goes on from `now`."""
        if self.simulate:
            return simulated_feed(scenario, now, self.speed)
        if self.archive is not None:
            return ArchiveFeed(self.archive, say, self.speed)
        address = feed_address(self.url, key_from_environment(*self.key, os.environ))
        return AddressFeed(address, RecorderSettings(self.every), say)


@dataclass(frozen=True)
class Wanted:
    """What is served, and how, as the options of `headway serve` say it."""

    bundle: Path | None
    store: str | None
    gtfs: Path | None
    route: str | None
    name: str | None
    keep_days: int
    webhook: str | None


def serve_line(source: Source, wanted: Wanted, settings: ApiSettings) -> None:
    """Serve a line until interrupted."""
    if wanted.bundle is None and not source.simulate:
        raise HeadwayError(
            "no bundle was given", "that of the line", "train one with `headway train`, and pass --bundle"
        )
    with listening_socket(settings) as listener:
        load_framework()
        path = wanted.bundle or simulated_bundle(Scenario(), cache_folder(os.environ), say)
        loaded = load_bundle(path)
        line = loaded.bundle.line
        scenario = Scenario.of_size(len(line.stations))
        now = begin_of_service(scenario, datetime.now(UTC))
        store = Store.open(wanted.store or default_store(path))
        shown = ServiceSettings(wanted.name or line.line_id, wanted.keep_days, wanted.webhook)
        own = _own_passings(line, wanted.gtfs, wanted.route)
        service = LiveService(path, loaded, store, own, source.feed(scenario, now), shown)
        if source.simulate:
            catch_up(scenario, now, service.ingest)
        _run(service, make_server(create_app(LiveView(service), settings), settings), listener)
        store.close()


def default_store(bundle: Path) -> str:
    """Return the store of a bundle for which none was named: a file beside it."""
    return f"sqlite:///{bundle.resolve().with_name(f'{bundle.name}.store.sqlite')}"


def _run(service: LiveService, server: ApiServer, listener: socket) -> None:
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


def _own_passings(line: Line, gtfs: Path | None, route: str | None) -> OwnPassings:
    if gtfs is not None:
        return OwnPassings(route or line.line_id, read_words(gtfs, line.time_zone))
    names = {
        stop: station.name
        for station in line.stations
        for way in DIRECTIONS
        for stop in station.known_ids(way)
    }
    return OwnPassings(route or line.line_id, Words(line.time_zone, names))
