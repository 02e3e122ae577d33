"""A journal of passings to the arrival log of one line, as `headway grid` reads it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Passing, RunId
from headway_prediction.transit.clock import service_date_and_minute, service_day_start, time_zone
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.route_line import line_id_of, routes_of
from headway_prediction.transit.stop_order import stop_order

MAX_SERVICE_DAY_SECS = 36 * 3600
MAX_LISTED_ROUTES = 20


@dataclass(frozen=True)
class Excluded:
    """The number of passings that are not in the log, by reason."""

    other_routes: int
    without_direction: int
    off_the_line: int
    too_uncertain: int


def tidy_log(
    passings: Iterable[Passing],
    metadata: FeedMetadata,
    route_id: str | None = None,
    max_uncertainty_secs: float | None = None,
) -> tuple[pl.DataFrame, Excluded]:
    """Return the arrival log of one line, typed as ARRIVAL_COLUMNS, and the number of excluded passings by reason.

    `event_time` is the departure (see Passing). The service date is the trip's start_date where that is plausible, and
    otherwise that of its first passing. `route_id` may join several routes of one line with commas, and be None where all
    passings are of one route. With `metadata.line`, stops that the line neither has nor excludes are dropped: they are of
    trains on a detour. Raises HeadwayError where no passing remains, for several routes without `route_id`, and for an
    unknown time zone.
    """
    time_zone(metadata.time_zone)
    found = list(passings)
    routes = _own_routes(found, metadata, route_id)
    own = [passing for passing in found if metadata.route_of(passing.run) in routes]
    directed = [passing for passing in own if metadata.direction_of(passing) is not None]
    on_line = _on_line(directed, metadata)
    certain = [
        passing
        for passing in on_line
        if max_uncertainty_secs is None or passing.uncertainty_secs <= max_uncertainty_secs
    ]
    if not certain:
        raise HeadwayError(
            f"none of {len(found)} passings is of the route {' or '.join(sorted(map(repr, routes)))} with a known direction"
            + (f" at a stop of {metadata.line.line_id}" if metadata.line else ""),
            "a feed that names the direction of its trips, or a schedule or line with the same ids",
            "give the line's schedule with --gtfs, its own file with --line, or more polls",
        )
    counts = [len(each) for each in (found, own, directed, on_line, certain)]
    excluded = Excluded(*(before - after for before, after in pairwise(counts)))
    line_id = metadata.line.line_id if metadata.line else line_id_of(route_id or min(routes)) or "unnamed"
    return _numbered_along_line(_table(certain, line_id, metadata)), excluded


def typed_log(passings: Iterable[Passing], metadata: FeedMetadata) -> pl.DataFrame:
    """Return the arrival log of passings of one line, typed as ARRIVAL_COLUMNS; empty without any passing."""
    found = list(passings)
    return tidy_log(found, metadata)[0] if found else pl.DataFrame(schema=ARRIVAL_COLUMNS)


def with_local_times(log: pl.DataFrame, zone_name: str) -> pl.DataFrame:
    """Return an arrival log as it is written to files: dates and times as ISO 8601 text, times local with offset."""
    local = pl.col("event_time").dt.convert_time_zone(zone_name).dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    return log.with_columns(pl.col("service_date").cast(pl.String), local)


def _own_routes(found: list[Passing], metadata: FeedMetadata, route_id: str | None) -> frozenset[str]:
    routes = frozenset(metadata.route_of(passing.run) for passing in found)
    if len(routes) == 1 and (route_id is None or (metadata.line is not None and routes == {""})):
        return routes
    own = frozenset() if route_id is None else routes & routes_of(route_id)
    if not own:
        raise HeadwayError(
            f"the polls hold passings of {', '.join(map(repr, sorted(routes)[:MAX_LISTED_ROUTES])) or 'no route'}"
            + (f" and none of {route_id!r}" if route_id is not None else ""),
            "one route with passings",
            "pass one of these with --route" if routes else "give more polls: a passing takes two of them",
        )
    return own


def _on_line(directed: list[Passing], metadata: FeedMetadata) -> list[Passing]:
    if metadata.line is None:
        return directed
    line = metadata.line
    platforms = set(line.stops().select("direction_id", "stop_id").iter_rows())
    return [
        passing
        for passing in directed
        if passing.stop_id in line.excluded or (metadata.direction_of(passing), passing.stop_id) in platforms
    ]


def _table(passings: list[Passing], line_id: str, metadata: FeedMetadata) -> pl.DataFrame:
    names = _names_of_runs(passings, metadata)
    rows = [
        (
            line_id,
            *names[passing.run.identity],
            metadata.direction_of(passing),
            passing.stop_id,
            metadata.stop_name(passing.stop_id),
            round(passing.time),
        )
        for passing in sorted(passings, key=lambda passing: passing.time)
    ]
    columns = {name: kind for name, kind in ARRIVAL_COLUMNS.items() if name != "stop_sequence"}
    table = pl.DataFrame(rows, schema=columns | {"event_time": pl.Int64}, orient="row")
    event_time = (
        pl.from_epoch("event_time", time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    # Along a trip the stops come in order of time; those of one second in the order in which they were left.
    place = pl.int_range(pl.len()).over("service_date", "trip_id", "direction_id")
    return table.with_columns(event_time, stop_sequence=place).select(list(ARRIVAL_COLUMNS))


def _names_of_runs(passings: list[Passing], metadata: FeedMetadata) -> dict[RunId, tuple[date, str]]:
    """(service date, trip id) by run; an id that comes twice on a date is numbered from its second run on."""
    firsts: dict[RunId, float] = {}
    for passing in passings:
        key = passing.run.identity
        firsts[key] = min(firsts.get(key, passing.time), passing.time)
    names: dict[RunId, tuple[date, str]] = {}
    taken: dict[tuple[date, str], int] = {}
    for (trip, first_seen), first in sorted(firsts.items(), key=lambda item: (item[1], item[0])):
        day = service_date_of(trip.start_date, first, metadata.time_zone)
        taken[day, trip.trip_id] = count = taken.get((day, trip.trip_id), 0) + 1
        names[trip, first_seen] = day, trip.trip_id + (f"#{count}" if count > 1 else "")
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


def _numbered_along_line(log: pl.DataFrame) -> pl.DataFrame:
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
