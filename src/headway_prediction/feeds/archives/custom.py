"""Tables of any other archive, CSV or Parquet, read by a column map."""

from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.column_map import EPOCH, ColumnMap
from headway_prediction.feeds.archives.columns import (
    directions,
    epoch_instants,
    refuse_unread,
    rows_of_routes,
    scan_table,
    whole_numbers,
)
from headway_prediction.feeds.archives.observations import ArchiveQuery, Observations, observed
from headway_prediction.feeds.archives.times import text_instants
from headway_prediction.transit.clock import service_dates

TIMES = ("event_time", "arrival_time", "departure_time")
NEXT_RUN = pl.duration(hours=2)
"""A trip id that is silent for longer names another train afterwards: the next day's, as a rule."""


def read_day(path: Path, column_map: ColumnMap, query: ArchiveQuery) -> Observations:
    """Read one file by its column map; raises HeadwayError as the other readers do.

    A time zone is needed where times have no offset, and where the service date is found from the times. Where the map has
    no route_id all rows are of one route, and none can be asked for.
    """
    named = column_map.columns.named()
    if query.routes and "route_id" not in named:
        raise HeadwayError(
            f"the route {query.routes[0]} was asked for, and the column map has no route_id",
            "a column that holds the route",
            "add route_id to its columns, or leave --route out",
        )
    table = scan_table(path, list(dict.fromkeys(named.values())), column_map.separator)
    ours = table.select(pl.col(theirs).alias(name) for name, theirs in named.items())
    rows = rows_of_routes(ours, ["route_id"] if "route_id" in named else [], query.routes, path)
    typed = rows.select(*_columns(rows, column_map, query, path)).drop_nulls(["direction_id", "stop_id"])
    events = _events(typed, column_map, path)
    dated = events if "service_date" in named else _dated(events, query, path)
    placed = dated.drop_nulls("service_date")
    return observed(placed, without_date_direction_or_stop=rows.height - placed.height)


def _columns(
    rows: pl.DataFrame, column_map: ColumnMap, query: ArchiveQuery, path: Path
) -> list[pl.Series | pl.Expr]:
    """The columns that the file has, read: texts, then the others."""
    columns: list[pl.Series | pl.Expr] = []
    for name in rows.columns:
        if name in TIMES:
            columns.append(_instants(rows, name, column_map, query, path))
        elif name == "direction_id":
            columns.append(directions(rows, name, path, column_map.directions))
        elif name == "stop_sequence":
            columns.append(whole_numbers(rows, name, path))
        elif name == "service_date":
            columns.append(_service_dates(rows, column_map.date_format, path))
        else:
            columns.append(pl.col(name).cast(pl.String))
    return columns


def _instants(
    rows: pl.DataFrame, name: str, column_map: ColumnMap, query: ArchiveQuery, path: Path
) -> pl.Series:
    if column_map.time_format == EPOCH:
        return epoch_instants(rows, name, path)
    return text_instants(rows, name, column_map.time_format, query.time_zone, path)


def _service_dates(rows: pl.DataFrame, form: str, path: Path) -> pl.Series:
    values = rows["service_date"]
    if values.dtype.is_temporal():
        return values.cast(pl.Date)
    read = values.cast(pl.String).str.to_date(form, strict=False)
    refuse_unread(values, values.is_not_null() & read.is_null(), "service_date", f"a date as in {form}", path)
    return read


def _events(rows: pl.DataFrame, column_map: ColumnMap, path: Path) -> pl.DataFrame:
    """arrival and departure of each row; event_time of one kind alone counts as the departure."""
    kinds = column_map.event_types
    if kinds is None:
        return rows.rename(
            {"event_time": "departure", "arrival_time": "arrival", "departure_time": "departure"},
            strict=False,
        )
    values = rows["event_type"]
    known = values.is_in([kinds.arrival, kinds.departure]).fill_null(False)
    refuse_unread(values, ~known, "event_type", f"{kinds.arrival} or {kinds.departure}", path)
    return rows.with_columns(
        arrival=pl.when(pl.col("event_type") == kinds.arrival).then("event_time"),
        departure=pl.when(pl.col("event_type") == kinds.departure).then("event_time"),
    )


def _dated(rows: pl.DataFrame, query: ArchiveQuery, path: Path) -> pl.DataFrame:
    """The service date of each train is that of its first passing; of a passing without a train, its own."""
    if query.time_zone is None:
        raise HeadwayError(
            f"the service dates of {path} have to be found from its times",
            "the time zone of the line",
            "pass for instance --time-zone America/New_York, or map a column to service_date",
        )
    present = [name for name in ("arrival", "departure") if name in rows.columns]
    timed = rows.with_columns(at=pl.min_horizontal(present)).drop_nulls("at")
    train = ["trip_id", "direction_id"] if "trip_id" in rows.columns else []
    ordered = timed.sort(*train, "at")
    named = pl.col("trip_id").is_not_null() if train else pl.lit(False)
    begins = (pl.col("at").diff() > NEXT_RUN).over(train or pl.lit(0)).fill_null(True) | ~named
    runs = ordered.with_columns(run=begins.cum_sum())
    first = runs.with_columns(first=pl.col("at").min().over("run"))
    return first.with_columns(service_dates(first["first"], query.time_zone).alias("service_date"))
