"""TransitMatters and gobble: CSV files of arrivals and departures, one per platform and day.

Columns and folders: github.com/transitmatters/gobble, docs/data-output.md. The files of a day lie in
…/Year=2024/Month=1/Day=15/events.csv, for each platform a folder above, gzipped or not.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from headway_prediction.feeds.archives.columns import (
    directions,
    refuse_unread,
    rows_of_routes,
    scan_table,
    whole_numbers,
)
from headway_prediction.feeds.archives.observations import ArchiveQuery, Observations, observed
from headway_prediction.feeds.archives.times import text_instants

COLUMNS = (
    "service_date",
    "route_id",
    "trip_id",
    "direction_id",
    "stop_id",
    "stop_sequence",
    "event_type",
    "event_time",
)
EVENTS = ("ARR", "DEP")


def read_day(paths: Sequence[Path], source: str, query: ArchiveQuery) -> Observations:
    """Read the files of one day, which `source` names; times without an offset are local to the wanted time zone.

    Raises HeadwayError for a file that cannot be read or lacks a column, an event that is neither ARR nor DEP, another
    value that cannot be read, a missing route, or local times without a time zone.
    """
    table = pl.concat([scan_table(path, COLUMNS) for path in paths])
    rows = rows_of_routes(table, ["route_id"], query.routes, source)
    kinds = rows["event_type"]
    refuse_unread(kinds, ~kinds.is_in(EVENTS).fill_null(False), "event_type", " or ".join(EVENTS), source)
    typed = rows.select(
        "trip_id",
        "stop_id",
        "event_type",
        _service_dates(rows, source),
        directions(rows, "direction_id", source),
        whole_numbers(rows, "stop_sequence", source),
        text_instants(rows, "event_time", None, query.time_zone, source),
    )
    placed = typed.drop_nulls(["service_date", "direction_id", "stop_id"])
    events = placed.with_columns(
        arrival=pl.when(pl.col("event_type") == "ARR").then("event_time"),
        departure=pl.when(pl.col("event_type") == "DEP").then("event_time"),
    )
    return observed(events, without_date_direction_or_stop=typed.height - placed.height)


def _service_dates(rows: pl.DataFrame, source: str) -> pl.Series:
    values = rows["service_date"]
    read = values.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    unread = values.is_not_null() & read.is_null()
    refuse_unread(values, unread, "service_date", "a date such as 2024-01-15", source)
    return read
