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
from headway_prediction.transit.line_survey import stop_order
from headway_prediction.transit.route_line import line_id_of, routes_of

MAX_SERVICE_DAY_SECS = 36 * 3600
MAX_LISTED_ROUTES = 20

PASSING_ROWS: dict[str, type[pl.DataType]] = {
    "service_date": pl.Date,
    "start_date": pl.String,
    "trip_id": pl.String,
    "first_seen": pl.Float64,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "time": pl.Float64,
}
"""Passings of one line as typed columns, before runs are named and stops are numbered."""
RUN_COLUMNS = ["service_date", "start_date", "trip_id", "first_seen"]


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
    dates = _service_dates_of_runs(certain, metadata)
    rows = passing_rows(((dates[passing.run.identity], passing) for passing in certain), metadata)
    return log_of_rows(rows, line_id, metadata), excluded


def passing_rows(passings: Iterable[tuple[date, Passing]], metadata: FeedMetadata) -> pl.DataFrame:
    """Return passings, each with its service date, as PASSING_ROWS; their directions must be known."""
    rows = [
        (
            service_date,
            *passing.run.trip,
            passing.run.first_seen,
            metadata.direction_of(passing),
            passing.stop_id,
            passing.time,
        )
        for service_date, passing in passings
    ]
    return pl.DataFrame(rows, schema=PASSING_ROWS, orient="row")


def log_of_rows(rows: pl.DataFrame, line_id: str, metadata: FeedMetadata) -> pl.DataFrame:
    """Return the arrival log (ARRIVAL_COLUMNS) of the passings of one line, from PASSING_ROWS in any order."""
    if rows.is_empty():
        return pl.DataFrame(schema=ARRIVAL_COLUMNS)
    stop_ids = rows["stop_id"].unique()
    names = [metadata.stop_name(stop_id) for stop_id in stop_ids]
    seconds = pl.col("time").round(mode="half_to_even").cast(pl.Int64)
    # Along a trip the stops come in order of time; those of one second in the order in which they were left.
    place = pl.int_range(pl.len()).over("service_date", "trip_id", "direction_id")
    log = (
        rows.sort("time", "start_date", "trip_id", "first_seen", "stop_id")
        .join(_named_runs(rows), on=RUN_COLUMNS, how="left", maintain_order="left")
        .with_columns(
            line_id=pl.lit(line_id),
            trip_id=pl.col("name"),
            stop_name=pl.col("stop_id").replace_strict(stop_ids, names, return_dtype=pl.String),
            event_time=pl.from_epoch(seconds, time_unit="s").cast(pl.Datetime("us", "UTC")),
        )
        .with_columns(stop_sequence=place)
        .select(list(ARRIVAL_COLUMNS))
    )
    return _numbered_along_line(log)


def _named_runs(rows: pl.DataFrame) -> pl.DataFrame:
    """RUN_COLUMNS and `name` of each run: its trip id, numbered from the second run of the id on a service date on."""
    number = pl.int_range(1, pl.len() + 1).over("service_date", "trip_id")
    numbered = pl.format("{}#{}", "trip_id", number)
    return (
        rows.group_by(RUN_COLUMNS)
        .agg(first=pl.col("time").min())
        .sort("first", "start_date", "trip_id", "first_seen")
        .select(*RUN_COLUMNS, name=pl.when(number > 1).then(numbered).otherwise(pl.col("trip_id")))
    )


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


def _service_dates_of_runs(passings: list[Passing], metadata: FeedMetadata) -> dict[RunId, date]:
    firsts: dict[RunId, float] = {}
    for passing in passings:
        run = passing.run.identity
        firsts[run] = min(firsts.get(run, passing.time), passing.time)
    return {
        (trip, first_seen): service_date_of(trip.start_date, first, metadata.time_zone)
        for (trip, first_seen), first in firsts.items()
    }


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
