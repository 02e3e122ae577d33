"""The parts of `headway serve`: source of polls, bundle, store, live service and its HTTP server."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from socket import socket

from headway_prediction.cli.common import say, until_interrupted
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.realtime.metadata import metadata_from_line, metadata_from_schedule
from headway_prediction.feeds.realtime.planned import NO_PLAN, planned_trips
from headway_prediction.feeds.recorder.address import address_from_environment
from headway_prediction.feeds.recorder.record import RecorderSettings
from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.server import ApiServer, listening_socket, make_server
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.live.feed_sources import AddressFeed, ArchiveFeed, Feed
from headway_prediction.service.live.ingest import Ingest, LineFilter
from headway_prediction.service.live.served_bundle import load_bundle
from headway_prediction.service.live.service import LiveService, ServiceSettings
from headway_prediction.service.live.simulated_line import (
    begin_of_service,
    cache_folder,
    catch_up,
    scenario_of,
    simulated_bundle,
    simulated_feed,
)
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario
from headway_prediction.transit.line import Line
from headway_prediction.transit.route_line import routes_of

M_ARENA_MAX = -8
"""The option of `mallopt` in glibc's malloc.h."""


@dataclass(frozen=True)
class Source:
    """Source of polls: exactly one of `url`, `archive` and `simulate`; `key` names variable, header and parameter."""

    url: str | None
    archive: Path | None
    simulate: bool
    speed: float
    interval: float
    key: tuple[str | None, str | None, str | None]

    def __post_init__(self) -> None:
        options = {"--url": self.url, "--archive": self.archive, "--simulate": self.simulate}
        given = [option for option, value in options.items() if value]
        if len(given) != 1:
            raise HeadwayError(
                f"{' and '.join(given) or 'no source'} was given",
                "one of --url, --archive and --simulate",
                "leave the others out" if given else "name where the polls come from",
            )

    def feed(self) -> Feed:
        """Return the feed of an address or an archive."""
        if self.archive is not None:
            return ArchiveFeed(self.archive, say, self.speed)
        address = address_from_environment(self.url or "", *self.key, os.environ)
        return AddressFeed(address, RecorderSettings(self.interval), say)


@dataclass(frozen=True)
class ServeOptions:
    """The options of `headway serve` about the line that is served."""

    bundle: Path | None
    store: str | None
    gtfs: Path | None
    route: str | None
    name: str | None
    retention_days: int
    webhook: str | None


def serve_line(source: Source, options: ServeOptions, settings: ApiSettings) -> None:
    """Serve a line until interrupted."""
    _limit_heaps()
    if options.bundle is None and not source.simulate:
        raise HeadwayError(
            "no bundle was given", "that of the line", "train one with `headway train`, and pass --bundle"
        )
    with listening_socket(settings) as listener:
        path = options.bundle or simulated_bundle(Scenario(), cache_folder(os.environ), say)
        loaded = load_bundle(path)
        line = loaded.bundle.line
        feed, catch_up_with = _feed(source, line)
        store = Store.open(options.store or default_store(path))
        shown = ServiceSettings(options.name or line.line_id, options.retention_days, options.webhook)
        own = _own_passings(line, options.gtfs, options.route)
        service = LiveService(path, loaded, store, own, feed, shown)
        catch_up_with(service.ingest)
        _run(service, make_server(create_app(service, settings), settings), listener)
        store.close()


def _limit_heaps() -> None:
    """Let the threads of the service share a heap per core; each would keep freed memory in one of its own, 13 MB in all."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # of glibc
    if set_option is not None:
        set_option(M_ARENA_MAX, len(os.sched_getaffinity(0)))


def default_store(bundle: Path) -> str:
    """Return the URL of the default store of a bundle: a SQLite file beside it."""
    return f"sqlite:///{bundle.resolve().with_name(f'{bundle.name}.store.sqlite')}"


def _run(service: LiveService, server: ApiServer, listener: socket) -> None:
    """Serve until interrupted; raises HeadwayError when the feed refuses every request."""
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


def _feed(source: Source, line: Line) -> tuple[Feed, Callable[[Ingest], None]]:
    """Return the feed, and a function that ingests its past before the service starts."""
    if not source.simulate:
        return source.feed(), lambda _: None
    scenario = scenario_of(line)
    now = begin_of_service(scenario, datetime.now(UTC))
    return simulated_feed(scenario, now, source.speed), partial(catch_up, scenario, now)


def _own_passings(line: Line, gtfs: Path | None, route: str | None) -> LineFilter:
    """Return which trains belong to the line, with their planned times, as `headway arrivals` reads them."""
    route = line.line_id if route is None else route
    schedule = None if gtfs is None else open_schedule(gtfs)
    metadata = None if schedule is None else metadata_from_schedule(schedule, line.time_zone)
    planned = NO_PLAN if schedule is None else planned_trips(schedule, line.time_zone, routes_of(route))
    # Trains at stops of other lines stay in the log: the service counts them and excludes them itself.
    return LineFilter(route, replace(metadata_from_line(line, metadata), line=None), planned)
