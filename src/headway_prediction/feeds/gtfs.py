"""GTFS schedules: a zip to a line's Timetable, and to the Lines of a route."""

from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile

import partridge
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.line import DIRECTIONS, Line, from_orders, only_stops
from headway_prediction.timetable import PLANNED_COLUMNS, Service, Timetable
from headway_prediction.trip_keys import trip_keys

REQUIRED = {
    "agency": ("agency_timezone",),
    "routes": ("route_id",),
    "stops": ("stop_id", "stop_name"),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"),
}


def read_timetable(path: Path | str, line: Line, route_id: str | None = None) -> Timetable:
    """Read the planned passings at the platforms of `line` from a GTFS zip (calendar, calendar_dates, frequencies).

    Raises HeadwayError for a file that is no GTFS zip, an unknown route, or a schedule that serves no platform of the line.
    """
    feed, dates_of_service = _open(path)
    stop_times = _stop_times(feed, route_id)
    at_platforms = stop_times.join(line.platforms(), on=["direction_id", "stop_id"], how="inner")
    if at_platforms.is_empty():
        raise HeadwayError(
            f"{path} has no planned passing at any platform of {line.line_id}",
            f"stop ids such as {line.stop_ids(0)[0]} with direction_id 0 and 1",
            "give the schedule of this line, or map its stop ids",
        )
    names = sorted(at_platforms["service_id"].unique())
    services = tuple(Service(name, frozenset(dates_of_service.get(name, ()))) for name in names)
    planned = at_platforms.with_columns(
        service=pl.col("service_id").replace_strict(names, list(range(len(names)))),
        trip=trip_keys(_names_of_runs(at_platforms)),
    )
    return Timetable(
        services, planned.select(pl.col(name).cast(kind) for name, kind in PLANNED_COLUMNS.items())
    )


def _names_of_runs(planned: pl.DataFrame) -> pl.Series:
    """Trip ids as logs name them: a schedule that puts `service_id-` before them does so to keep its own ids apart."""
    prefix = pl.col("service_id") + "-"
    own = pl.col("trip_id").str.strip_prefix(prefix)
    return planned.select(pl.when(own == "").then("trip_id").otherwise(own))["trip_id"]


def read_lines(
    path: Path | str, route_id: str | None = None, stop_ids: Iterable[str] | None = None
) -> list[Line]:
    """Return the Lines of a route in a GTFS zip: one per branch (trunk included), or the one made of `stop_ids`.

    A branch is a stop pattern of direction 0 that no longer pattern contains; the route's other stops are left out of its
    Line. `route_id` may be None where the zip holds one route. Raises HeadwayError for a file that is no GTFS zip, an
    unknown or unnamed route, an unknown stop, or trips in one direction only.
    """
    feed, _ = _open(path)
    route = _one_route(feed, route_id)
    stop_times = _stop_times(feed, route)
    served = set(stop_times["stop_id"])
    if stop_ids is not None:
        stop_times = only_stops(stop_times, stop_ids, "schedule")
    patterns = [_maximal_patterns(stop_times, direction) for direction in DIRECTIONS]
    if not all(patterns):
        raise HeadwayError(
            f"the schedule {path} has trips in one direction only",
            "trips of both directions",
            "check direction_id",
        )
    stops = feed.stops[feed.stops["stop_id"].isin(served)]
    names = dict(stops[["stop_id", "stop_name"]].itertuples(index=False))
    zone_name = feed.agency["agency_timezone"].iloc[0]
    pairs = [(forward, _best_return(forward, patterns[1], names)) for forward in patterns[0]]
    line_ids = [route if len(pairs) == 1 else f"{route}:{names[f[0]]}-{names[f[-1]]}" for f, _ in pairs]
    return [
        from_orders(line_id, zone_name, pair, names) for line_id, pair in zip(line_ids, pairs, strict=True)
    ]


def read_time_zone(path: Path | str) -> str:
    """Return the agency's time zone from a GTFS zip."""
    return _open(path)[0].agency["agency_timezone"].iloc[0]


def _one_route(feed: partridge.gtfs.Feed, route_id: str | None) -> str:
    routes = sorted(feed.routes["route_id"])
    if route_id is None and len(routes) > 1:
        raise HeadwayError(
            f"the schedule holds {len(routes)} routes ({', '.join(routes[:20])})",
            "one route",
            "pass one of these with --route",
        )
    return route_id or routes[0]


def _open(path: Path | str) -> tuple[partridge.gtfs.Feed, dict[str, frozenset]]:
    try:
        feed = partridge.load_feed(str(path))
        # Reading them here turns a missing or broken file into one sentence.
        for table, columns in REQUIRED.items():
            missing = [column for column in columns if column not in getattr(feed, table).columns]
            if missing or getattr(feed, table).empty:
                raise ValueError(f"{table}.txt is missing or has no {', '.join(missing) or 'rows'}")
        return feed, _dates_by_service(path)
    except (OSError, ValueError, KeyError, AttributeError, AssertionError, BadZipFile) as error:
        raise HeadwayError(
            f"{path} could not be read as a GTFS schedule ({error})",
            "a zip with agency, routes, stops, trips, stop_times and calendar or calendar_dates",
            "download the schedule again or check its path",
        ) from error


def _dates_by_service(path: Path | str) -> dict[str, set]:
    dates: dict[str, set] = {}
    for day, service_ids in partridge.read_service_ids_by_date(str(path)).items():
        for service_id in service_ids:
            dates.setdefault(service_id, set()).add(day)
    return dates


def _stop_times(feed: partridge.gtfs.Feed, route_id: str | None) -> pl.DataFrame:
    """One row per planned passing: trip_id, service_id, direction_id, stop_id, stop_sequence, minute (departure)."""
    trips = _trips(feed, route_id)
    wanted = ["trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"]
    stop_times = (
        pl.from_pandas(feed.stop_times[wanted]).join(trips, on="trip_id").sort("trip_id", "stop_sequence")
    )
    # Times left blank are interpolated along the trip, as the GTFS reference asks of consumers.
    departure = pl.coalesce(pl.col("departure_time").fill_nan(None), pl.col("arrival_time").fill_nan(None))
    timed = stop_times.with_columns(minute=departure.interpolate().over("trip_id") / 60).drop_nulls("minute")
    return _repeat_by_frequency(timed, pl.from_pandas(feed.frequencies)).drop(
        "arrival_time", "departure_time"
    )


def _trips(feed: partridge.gtfs.Feed, route_id: str | None) -> pl.DataFrame:
    trips = feed.trips
    routes = sorted(trips["route_id"].unique())
    if route_id is not None and route_id not in routes:
        raise HeadwayError(
            f"the schedule has no route {route_id!r}",
            f"one of {', '.join(routes[:20])}",
            "pass one of these with --route",
        )
    chosen = trips if route_id is None else trips[trips["route_id"] == route_id]
    if "direction_id" not in chosen.columns or chosen["direction_id"].isna().any():
        raise HeadwayError(
            "trips.txt has trips without direction_id", "0 or 1 for every trip", "fill direction_id in"
        )
    columns = ["trip_id", "route_id", "service_id", "direction_id"]
    return pl.from_pandas(chosen[columns]).with_columns(pl.col("direction_id").cast(pl.Int64))


def _repeat_by_frequency(stop_times: pl.DataFrame, frequencies: pl.DataFrame) -> pl.DataFrame:
    """Replace each trip of frequencies.txt by its runs, `headway_secs` apart from start_time up to end_time."""
    if frequencies.is_empty():
        return stop_times
    columns = stop_times.columns
    runs = frequencies.select(
        "trip_id",
        start=pl.int_ranges(
            pl.col("start_time").cast(pl.Int64),
            pl.col("end_time").cast(pl.Int64),
            pl.col("headway_secs").cast(pl.Int64),
        ),
    ).explode("start")
    first = pl.col("minute").min().over("trip_id")
    repeated = (
        stop_times.with_columns(since_first=pl.col("minute") - first)
        .join(runs, on="trip_id")
        .with_columns(
            minute=pl.col("start") / 60 + pl.col("since_first"),
            trip_id=pl.format("{}@{}", "trip_id", "start"),
        )
    )
    single = stop_times.join(runs, on="trip_id", how="anti")
    return pl.concat([single, repeated.select(columns)])


def _maximal_patterns(stop_times: pl.DataFrame, direction: int) -> list[list[str]]:
    """Stop patterns of one direction, commonest first, without those that another one contains in order."""
    patterns = (
        stop_times.filter(pl.col("direction_id") == direction)
        .group_by("trip_id")
        .agg(pl.col("stop_id").sort_by("stop_sequence"))
        .group_by("stop_id")
        .len()
        .sort("len", pl.col("stop_id").list.join(","), descending=[True, False])["stop_id"]
        .to_list()
    )
    return [p for p in patterns if not any(p != longer and _contains(longer, p) for longer in patterns)]


def _contains(longer: list[str], pattern: list[str]) -> bool:
    stops = iter(longer)
    return all(stop_id in stops for stop_id in pattern)


def _best_return(forward: list[str], backward_patterns: list[list[str]], names: dict[str, str]) -> list[str]:
    """The pattern of direction 1 that shares most station names with `forward`; the commonest among equals."""
    stations = {names[stop_id] for stop_id in forward}
    return max(
        backward_patterns,
        key=lambda pattern: len(stations.intersection(names[stop_id] for stop_id in pattern)),
    )
