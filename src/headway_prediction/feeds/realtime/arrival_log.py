"""A journal to the tidy arrival log that `feeds.arrivals` checks and `headway grid` reads."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS, typed_arrivals
from headway_prediction.feeds.realtime.passing import Passing, Run, RunId
from headway_prediction.transit.clock import service_date_and_minute, service_day_start, time_zone
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.route_line import line_id_of, routes_of
from headway_prediction.transit.stop_order import stop_order

MAX_SERVICE_DAY_SECS = 36 * 3600
NYCT_PLATFORM = re.compile(r"(\w{3})([NS])")
"""The MTA names the platforms of a station by its id and N or S; N is its direction 0."""


@dataclass(frozen=True)
class FeedMetadata:
    """What the feed does not say itself: the line's IANA time zone, and from its schedule, where there is one, names by
    stop id, and routes and directions by trip id.

    Where the `line` itself is known, its stops alone are in the log, and `stop_directions` are those of the stop ids that
    trains of one direction alone use.
    """

    time_zone: str
    stop_names: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, int] = field(default_factory=dict)
    stop_directions: Mapping[str, int] = field(default_factory=dict)
    line: Line | None = None


@dataclass(frozen=True)
class Excluded:
    """How many passings are not in the log, and why."""

    other_routes: int
    without_direction: int
    off_the_line: int
    too_uncertain: int


def tidy_log(
    passings: Iterable[Passing],
    metadata: FeedMetadata,
    route_id: str | None = None,
    most_uncertain_secs: float | None = None,
) -> tuple[pl.DataFrame, Excluded]:
    """Return the log of one line, its columns COLUMNS of feeds.arrivals, and what was left out of it.

    Of a line that is known, stops that are neither its own nor left out of it on purpose are left out (trains on a detour).
    `event_time` is the departure (see Passing). The service date is the trip's start_date where that is possible, and else
    the one its first passing belongs to. A stop's name is the schedule's, or else its id without the direction that the
    MTA's ids end with. `route_id` may name several routes of one line with commas, and be None where all passings are of one
    route. Raises HeadwayError where none are left, or of several routes, or when the time zone is unknown.
    """
    time_zone(metadata.time_zone)
    found = list(passings)
    routes = _own_routes(found, metadata, route_id)
    own = [passing for passing in found if route_of(passing.run, metadata) in routes]
    directed = [passing for passing in own if direction_of(passing, metadata) is not None]
    on_line = _on_line(directed, metadata)
    sure = [
        passing
        for passing in on_line
        if most_uncertain_secs is None or passing.uncertainty_secs <= most_uncertain_secs
    ]
    if not sure:
        raise HeadwayError(
            f"none of {len(found)} passings is of the route {' or '.join(sorted(map(repr, routes)))} with a known direction"
            + (f" at a stop of {metadata.line.line_id}" if metadata.line else ""),
            "a feed that names the direction of its trips, or a schedule or line with the same ids",
            "give the line's schedule with --gtfs, its own file with --line, or more polls",
        )
    counts = [len(each) for each in (found, own, directed, on_line, sure)]
    excluded = Excluded(*(before - after for before, after in pairwise(counts)))
    line_id = metadata.line.line_id if metadata.line else line_id_of(route_id or min(routes)) or "unnamed"
    return _in_line_order(_table(sure, line_id, metadata)), excluded


def _own_routes(found: list[Passing], metadata: FeedMetadata, route_id: str | None) -> frozenset[str]:
    routes = frozenset(route_of(passing.run, metadata) for passing in found)
    if len(routes) == 1 and (route_id is None or (metadata.line is not None and routes == {""})):
        return routes
    own = frozenset() if route_id is None else routes & routes_of(route_id)
    if not own:
        raise HeadwayError(
            f"the polls hold passings of {', '.join(map(repr, sorted(routes)[:20])) or 'no route'}"
            + (f" and none of {route_id!r}" if route_id is not None else ""),
            "one route with passings",
            "pass one of these with --route" if routes else "give more polls: a passing takes two of them",
        )
    return own


def route_of(run: Run, metadata: FeedMetadata) -> str:
    """Return the route of a run, "" where neither feed nor schedule names it."""
    return run.route_id or metadata.routes.get(run.trip.trip_id, "")


def direction_of(passing: Passing, metadata: FeedMetadata) -> int | None:
    """Return the direction of a passing, None where nothing tells it."""
    run = passing.run
    if run.direction_id is not None:
        return run.direction_id
    platform = NYCT_PLATFORM.fullmatch(passing.stop_id)
    by_name = "NS".index(platform[2]) if platform else None
    by_platform = metadata.stop_directions.get(passing.stop_id, by_name)
    return metadata.directions.get(run.trip.trip_id, by_platform)


def typed_log(passings: Iterable[Passing], metadata: FeedMetadata) -> pl.DataFrame:
    """Return the log of passings of one line, typed as feeds.arrivals.COLUMNS; empty without any."""
    found = list(passings)
    return typed_arrivals(tidy_log(found, metadata)[0]) if found else pl.DataFrame(schema=ARRIVAL_COLUMNS)


def _on_line(directed: list[Passing], metadata: FeedMetadata) -> list[Passing]:
    if metadata.line is None:
        return directed
    line = metadata.line
    platforms = set(line.stops().select("direction_id", "stop_id").iter_rows())
    return [
        passing
        for passing in directed
        if passing.stop_id in line.excluded or (direction_of(passing, metadata), passing.stop_id) in platforms
    ]


def _name(stop_id: str, metadata: FeedMetadata) -> str:
    platform = NYCT_PLATFORM.fullmatch(stop_id)
    return metadata.stop_names.get(stop_id) or (platform[1] if platform else stop_id)


def _table(passings: list[Passing], line_id: str, metadata: FeedMetadata) -> pl.DataFrame:
    names = _names_of_runs(passings, metadata)
    rows = [
        (
            line_id,
            *names[passing.run.identity],
            direction_of(passing, metadata),
            passing.stop_id,
            _name(passing.stop_id, metadata),
            round(passing.time),
        )
        for passing in sorted(passings, key=lambda passing: passing.time)
    ]
    kinds = (pl.String, pl.String, pl.String, pl.Int64, pl.String, pl.String, pl.Int64)
    columns = [name for name in ARRIVAL_COLUMNS if name != "stop_sequence"]
    table = pl.DataFrame(rows, schema=dict(zip(columns, kinds, strict=True)), orient="row")
    local = pl.from_epoch("event_time", time_unit="s").dt.replace_time_zone("UTC")
    local = local.dt.convert_time_zone(metadata.time_zone).dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    # Along a trip the stops come in order of time; those of one second in the order in which they were left.
    place = pl.int_range(pl.len()).over("service_date", "trip_id", "direction_id")
    return table.with_columns(local.alias("event_time"), place.alias("stop_sequence")).select(
        list(ARRIVAL_COLUMNS)
    )


def _names_of_runs(passings: list[Passing], metadata: FeedMetadata) -> dict[RunId, tuple[str, str]]:
    """(service date, trip id) by run; an id that comes twice on a date is numbered from its second run on."""
    firsts: dict[RunId, float] = {}
    for passing in passings:
        key = passing.run.identity
        firsts[key] = min(firsts.get(key, passing.time), passing.time)
    names: dict[RunId, tuple[str, str]] = {}
    taken: dict[tuple[date, str], int] = {}
    for (trip, first_seen), first in sorted(firsts.items(), key=lambda item: (item[1], item[0])):
        day = service_date_of(trip.start_date, first, metadata.time_zone)
        taken[day, trip.trip_id] = count = taken.get((day, trip.trip_id), 0) + 1
        names[trip, first_seen] = day.isoformat(), trip.trip_id + (f"#{count}" if count > 1 else "")
    return names


def service_date_of(start_date: str, first: float, zone_name: str) -> date:
    """Return the service date of a run whose first passing was at `first`: its start_date (YYYYMMDD) where possible."""
    moment = datetime.fromtimestamp(first, UTC)
    try:
        day = datetime.strptime(start_date, "%Y%m%d").date()
    except ValueError:
        return service_date_and_minute(moment, zone_name)[0]
    since_start = (moment - service_day_start(day, zone_name)).total_seconds()
    return day if 0 <= since_start < MAX_SERVICE_DAY_SECS else service_date_and_minute(moment, zone_name)[0]


def _in_line_order(log: pl.DataFrame) -> pl.DataFrame:
    """Number the stops along the line; where its stops stand in no one order, as on a fork, along each trip."""
    orders = []
    for direction in sorted(set(log["direction_id"]) & set(DIRECTIONS)):
        try:
            order = stop_order(log, direction)
        except HeadwayError:
            return log
        orders += [(direction, stop_id, place) for place, stop_id in enumerate(order)]
    schema = {"direction_id": pl.Int64, "stop_id": pl.String, "stop_sequence": pl.Int64}
    places = pl.DataFrame(orders, schema=schema, orient="row")
    return (
        log.drop("stop_sequence")
        .join(places, on=["direction_id", "stop_id"], how="left", maintain_order="left")
        .select(list(ARRIVAL_COLUMNS))
    )
