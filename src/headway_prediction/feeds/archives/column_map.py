"""A column map: a TOML file that names the columns of any other table of passings, CSV or Parquet, and how to read them.

```toml
time_format = "epoch"            # epoch seconds; or as in strftime, "%d/%m/%Y %H:%M:%S"; default ISO 8601
date_format = "%Y%m%d"           # of service_date; default ISO 8601
separator = ";"                  # of CSV files; default a comma

[columns]                        # the name in the file of each of these
direction_id = "bound"
stop_id = "platform"
event_time = "at"                # or arrival_time and departure_time, one or both
event_type = "what"              # only where event_time holds both kinds; requires [event_types]
trip_id = "run"                  # this and the following only where the file has them
stop_sequence = "nth"            # default: the order of each train's own times
stop_name = "station"
route_id = "line"
service_date = "day"             # default: from the times; before 03:00 is the day before

[directions]                     # where the column holds neither 0 and 1 nor false and true
north = 0
south = 1

[event_types]
arrival = "A"
departure = "D"
```
"""

import tomllib
from pathlib import Path
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.tables import (
    ArchiveQuery,
    Observations,
    dates,
    directions,
    epoch_instants,
    observations,
    refuse_unread,
    rows_of_routes,
    scan_table,
    text_instants,
    whole_numbers,
)
from headway_prediction.transit.clock import service_dates

EPOCH = "epoch"
TIMES = ("event_time", "arrival_time", "departure_time")
MIN_TIME_BETWEEN_RUNS = pl.duration(hours=2)
"""A trip id without a passing for longer than this belongs to another train afterwards, usually the next day's."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Strict):
    """The name in the file of each column; None where the file has none."""

    direction_id: str
    stop_id: str
    event_time: str | None = None
    arrival_time: str | None = None
    departure_time: str | None = None
    event_type: str | None = None
    trip_id: str | None = None
    stop_sequence: str | None = None
    stop_name: str | None = None
    route_id: str | None = None
    service_date: str | None = None

    def mapped(self) -> dict[str, str]:
        """The columns that the file has: our name to its name."""
        return {ours: theirs for ours, theirs in self.model_dump().items() if theirs is not None}


class EventTypes(_Strict):
    """The values of event_type that mean an arrival and a departure."""

    arrival: str
    departure: str


class ColumnMap(_Strict):
    """The settings of a column map; see the module. Raises pydantic's ValidationError for invalid ones."""

    columns: Columns
    directions: dict[str, Literal[0, 1]] | None = None
    event_types: EventTypes | None = None
    time_format: str | None = None
    date_format: str = "%Y-%m-%d"
    separator: str = Field(",", min_length=1, max_length=1)

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        columns = self.columns
        if columns.event_time is None and columns.arrival_time is None and columns.departure_time is None:
            raise ValueError("columns needs event_time, or arrival_time or departure_time")
        if columns.event_time and (columns.arrival_time or columns.departure_time):
            raise ValueError("columns has event_time beside arrival_time or departure_time")
        if (columns.event_type is None) != (self.event_types is None):
            raise ValueError("columns.event_type and the table event_types need each other")
        if columns.event_type and columns.event_time is None:
            raise ValueError("columns.event_type needs columns.event_time")
        if columns.trip_id is None and columns.stop_sequence is None:
            raise ValueError(
                "columns needs trip_id or stop_sequence: without both the order of the stops is unknown"
            )
        return self


def read_column_map(path: Path | str) -> ColumnMap:
    """Read a column map; raises HeadwayError naming the first invalid setting."""
    try:
        return ColumnMap.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fault = f"the column map {path} could not be read ({error})"
        raise HeadwayError(fault, "a TOML file", "check the path and the file") from error
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"])
        raise HeadwayError(
            f"the column map {path} is invalid{f' at {setting}' if setting else ''}",
            f"settings that pass: {first['msg'].removeprefix('Value error, ')}",
            "correct it there",
        ) from error


def read_day(path: Path, column_map: ColumnMap, query: ArchiveQuery) -> Observations:
    """Read one file by its column map; raises HeadwayError as the other readers do.

    A time zone is required where times have no offset, and where the service date is derived from the times. Without a
    column for route_id all rows are of one route, and `query` may name none.
    """
    mapped = column_map.columns.mapped()
    if query.routes and "route_id" not in mapped:
        raise HeadwayError(
            f"the route {query.routes[0]} was requested, and the column map has no route_id",
            "a column that holds the route",
            "add route_id to its columns, or leave --route out",
        )
    table = scan_table(path, dict.fromkeys(mapped.values()), column_map.separator)
    ours = table.select(pl.col(theirs).alias(name) for name, theirs in mapped.items())
    rows = rows_of_routes(ours, ["route_id"] if "route_id" in mapped else [], query.routes, path)
    typed = rows.select(*_typed_columns(rows, column_map, query, path)).drop_nulls(
        ["direction_id", "stop_id"]
    )
    events = _events(typed, column_map, path)
    dated = events if "service_date" in mapped else _with_service_dates(events, query, path)
    placed = dated.drop_nulls("service_date")
    return observations(placed, without_date_direction_or_stop=rows.height - placed.height)


def _typed_columns(
    rows: pl.DataFrame, column_map: ColumnMap, query: ArchiveQuery, path: Path
) -> list[pl.Series | pl.Expr]:
    columns: list[pl.Series | pl.Expr] = []
    for name in rows.columns:
        if name in TIMES and column_map.time_format == EPOCH:
            columns.append(epoch_instants(rows, name, path))
        elif name in TIMES:
            columns.append(text_instants(rows, name, column_map.time_format, query.time_zone, path))
        elif name == "direction_id":
            columns.append(directions(rows, name, path, column_map.directions))
        elif name == "stop_sequence":
            columns.append(whole_numbers(rows, name, path))
        elif name == "service_date":
            form = column_map.date_format
            columns.append(dates(rows, name, form, f"a date as in {form}", path))
        else:
            columns.append(pl.col(name).cast(pl.String))
    return columns


def _events(rows: pl.DataFrame, column_map: ColumnMap, path: Path) -> pl.DataFrame:
    """arrival and departure of each row; an event_time of one kind alone counts as the departure."""
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


def _with_service_dates(rows: pl.DataFrame, query: ArchiveQuery, path: Path) -> pl.DataFrame:
    """The service date of each train is that of its first passing; of a passing without a train, its own."""
    if query.time_zone is None:
        raise HeadwayError(
            f"the service dates of {path} have to be derived from its times",
            "the time zone of the line",
            "pass for instance --time-zone America/New_York, or map a column to service_date",
        )
    present = [name for name in ("arrival", "departure") if name in rows.columns]
    timed = rows.with_columns(at=pl.min_horizontal(present)).drop_nulls("at")
    train = ["trip_id", "direction_id"] if "trip_id" in rows.columns else []
    ordered = timed.sort(*train, "at")
    named = pl.col("trip_id").is_not_null() if train else pl.lit(False)
    begins = (pl.col("at").diff() > MIN_TIME_BETWEEN_RUNS).over(train or pl.lit(0)).fill_null(True) | ~named
    runs = ordered.with_columns(run=begins.cum_sum())
    first = runs.with_columns(first=pl.col("at").min().over("run"))
    return first.with_columns(service_dates(first["first"], query.time_zone).alias("service_date"))
