"""A GTFS zip opened (gtfs.org/documentation/schedule/reference): its tables, checked, and the dates of each service."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.route_line import JOIN

if TYPE_CHECKING:
    from partridge.gtfs import Feed

REQUIRED = {
    "agency": ("agency_timezone",),
    "routes": ("route_id",),
    "stops": ("stop_id", "stop_name"),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"),
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
REQUIRED_WHERE_PRESENT = {
    "calendar": ("service_id", *WEEKDAYS, "start_date", "end_date"),
    "calendar_dates": ("service_id", "date", "exception_type"),
    "frequencies": ("trip_id", "start_time", "end_time", "headway_secs"),
}
MAY_BE_BLANK = frozenset(
    {"stop_name", "stop_id", "arrival_time", "departure_time", "start_time", "end_time", "headway_secs"}
)
UNREADABLE = (
    *(OSError, ValueError, KeyError, AttributeError, AssertionError, TypeError, RuntimeError, EOFError),
    *(BadZipFile, zlib.error),
)
"""What the zip and table readers below raise for files that are no GTFS; RuntimeError is an encrypted zip's."""
MAX_LISTED_ROUTES = 20


@dataclass(frozen=True)
class Schedule:
    """An opened GTFS zip: where it lies, its tables as partridge reads them, and the dates each service runs on."""

    path: Path
    feed: "Feed"
    dates_of_service: Mapping[str, frozenset[date]]

    @property
    def time_zone(self) -> str:
        """The agency's IANA time zone; GTFS requires all agencies of a zip to have the same one."""
        return str(self.feed.agency["agency_timezone"].iloc[0])


def open_schedule(path: Path | str) -> Schedule:
    """Open a GTFS zip and check that what GTFS requires is there; raises HeadwayError for anything else.

    Files that GTFS leaves optional may be missing, a byte-order mark is passed over, and either of calendar.txt and
    calendar_dates.txt is a calendar.
    """
    # Not before a zip is opened: partridge brings networkx, 16 MB of memory that a service without one saves.
    import partridge

    try:
        feed = partridge.load_feed(str(path), config=_unpruned())
        for table, columns in (REQUIRED | REQUIRED_WHERE_PRESENT).items():
            _check_table(feed, table, columns)
        if feed.calendar.empty and feed.calendar_dates.empty:
            raise ValueError("calendar.txt and calendar_dates.txt are both missing or have no rows")
        return Schedule(Path(path), feed, _by_service(partridge.read_service_ids_by_date(str(path))))
    except UNREADABLE as error:
        raise HeadwayError(
            f"{path} could not be read as a GTFS schedule ({' '.join(str(error).split()) or type(error).__name__})",
            "a zip with agency, routes, stops, trips, stop_times and calendar or calendar_dates",
            "download the schedule again or check its path",
        ) from error


def _unpruned() -> Any:
    # By default partridge drops what no trip refers to: parent stations, and an agency that routes need not name.
    from partridge.config import default_config

    config = default_config()
    config.remove_edges_from(list(config.edges))
    return config


def _check_table(feed: "Feed", table: str, columns: tuple[str, ...]) -> None:
    rows = getattr(feed, table)
    if rows.empty and table in REQUIRED:
        raise ValueError(f"{table}.txt is missing or has no rows")
    missing = [] if rows.empty else [column for column in columns if column not in rows.columns]
    if missing:
        raise ValueError(f"{table}.txt has no column {', '.join(missing)}")
    for column in set(columns) - MAY_BE_BLANK if not rows.empty else ():
        if rows[column].isna().any():
            raise ValueError(f"{table}.txt has a row without {column}")
    if table == "trips" and rows["trip_id"].duplicated().any():
        raise ValueError(
            f"trips.txt has the trip {rows.loc[rows['trip_id'].duplicated(), 'trip_id'].iloc[0]} twice"
        )


def _by_service(services: Mapping[date, Iterable[str]]) -> dict[str, frozenset[date]]:
    dates: dict[str, set[date]] = {}
    for day, service_ids in services.items():
        for service_id in service_ids:
            dates.setdefault(service_id, set()).add(day)
    return {service_id: frozenset(days) for service_id, days in dates.items()}


def as_polars(table: pd.DataFrame) -> pl.DataFrame:
    """Return columns of texts or numbers as Polars holds them, null where a cell is blank; Polars' own way needs PyArrow."""
    return pl.DataFrame({name: _series(table[name]) for name in table.columns})


def _series(column: "pd.Series[Any]") -> pl.Series:
    if not pd.api.types.is_numeric_dtype(column):
        return pl.Series(column.to_numpy(object, na_value=None).tolist(), dtype=pl.String)
    if isinstance(column.dtype, np.dtype):
        return pl.Series(column.to_numpy(), nan_to_null=True)
    return pl.Series(column.to_numpy("float64", na_value=np.nan), nan_to_null=True)


def routes_with_trips(schedule: Schedule) -> dict[str, str]:
    """Return {route_id: short name, or else the long one} of the routes that have trips, sorted by id."""
    routes, served = schedule.feed.routes, set(schedule.feed.trips["route_id"].dropna())
    names = dict.fromkeys(sorted(served), "")
    for column in ("route_long_name", "route_short_name"):
        if column in routes.columns:
            named = routes[routes["route_id"].isin(served)].dropna(subset=[column])
            names |= dict(named[["route_id", column]].itertuples(index=False))
    return names


def trips_of(schedule: Schedule, route: str | None) -> pd.DataFrame:
    """Return the rows of trips.txt of a route, or of several joined, as `the_route` names them; None is all trips."""
    trips = schedule.feed.trips
    if route is None:
        return trips
    ids = [route] if route in routes_with_trips(schedule) else route.split(JOIN)
    return trips[trips["route_id"].isin(ids)]


def the_route(schedule: Schedule, wanted: str | None) -> str:
    """Return the id of the one route meant: by its id, else by its short name; None where the zip holds one route.

    Several with commas are one line together, named by their ids with commas. Raises HeadwayError, with the routes that
    exist, for a route that does not or that several are named by.
    """
    names = routes_with_trips(schedule)
    found = [route for route, name in names.items() if wanted in (None, name)]
    if wanted in names:
        return wanted
    if len(found) == 1:
        return found[0]
    parts = [part.strip() for part in (wanted or "").split(JOIN)]
    if len(parts) > 1:
        return JOIN.join(dict.fromkeys(the_route(schedule, part) for part in parts))
    if wanted is None:
        raise HeadwayError(
            f"the schedule holds {len(names)} routes ({listed_routes(names)})",
            "one route",
            "pass one of these with --route",
        )
    if not found:
        raise HeadwayError(
            f"the schedule has no route {wanted!r}",
            f"one of {listed_routes(names)}",
            "pass one of these with --route, by its id or its short name",
        )
    raise HeadwayError(
        f"{len(found)} routes have the short name {wanted!r}",
        f"one of {', '.join(found[:MAX_LISTED_ROUTES])}",
        "pass the id of one of these with --route",
    )


def listed_routes(names: Mapping[str, str]) -> str:
    """Return route ids, each with its name where that differs: `3795_55923 (DART), R`; many are cut short."""
    shown = [route if name in ("", route) else f"{route} ({name})" for route, name in names.items()]
    more = f" and {len(shown) - MAX_LISTED_ROUTES} more" if len(shown) > MAX_LISTED_ROUTES else ""
    return ", ".join(shown[:MAX_LISTED_ROUTES]) + more


def stops_table(schedule: Schedule) -> pl.DataFrame:
    """Return stops.txt as stop_id, stop_name, parent_station, location_type (0 where blank), stop_lat, stop_lon."""
    stops = as_polars(schedule.feed.stops)
    texts, numbers = ("stop_id", "stop_name", "parent_station"), ("location_type", "stop_lat", "stop_lon")
    kinds = {name: pl.String() for name in texts} | {name: pl.Float64() for name in numbers}
    columns = [
        (pl.col(name) if name in stops.columns else pl.lit(None)).cast(kind, strict=False).alias(name)
        for name, kind in kinds.items()
    ]
    table = stops.select(columns).drop_nulls("stop_id").with_columns(pl.col("location_type").fill_null(0))
    return table.with_columns(pl.col("stop_lat", "stop_lon").fill_nan(None))
