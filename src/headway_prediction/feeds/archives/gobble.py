"""TransitMatters and gobble: CSV files of arrivals and departures, one per platform and day.

Columns and folders: github.com/transitmatters/gobble, docs/data-output.md. The files of a day are in
…/Year=2024/Month=1/Day=15/events.csv, with a folder above per platform, gzipped or not.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from headway_prediction.feeds.archives.tables import (
    ArchiveQuery,
    Observations,
    dates,
    directions,
    observations,
    refuse_unread,
    rows_of_routes,
    scan_table,
    text_instants,
    whole_numbers,
)

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
ISO_DATE_CHARS = 10


def read_day(paths: Sequence[Path], source: str, query: ArchiveQuery) -> Observations:
    """Read the files of one day, which errors call `source`; times without an offset are local to the query's time zone.

    Raises HeadwayError for a file that cannot be read or lacks a column, an event that is neither ARR nor DEP, any other
    value that cannot be read, a missing route, and local times without a time zone.
    """
    table = pl.concat([scan_table(path, COLUMNS) for path in paths])
    # A service date may have a time of day after it.
    table = table.with_columns(pl.col("service_date").str.slice(0, ISO_DATE_CHARS))
    rows = rows_of_routes(table, ["route_id"], query.routes, source)
    kinds = rows["event_type"]
    refuse_unread(kinds, ~kinds.is_in(EVENTS).fill_null(False), "event_type", " or ".join(EVENTS), source)
    typed = rows.select(
        "trip_id",
        "stop_id",
        "event_type",
        dates(rows, "service_date", "%Y-%m-%d", "a date such as 2024-01-15", source),
        directions(rows, "direction_id", source),
        whole_numbers(rows, "stop_sequence", source),
        text_instants(rows, "event_time", None, query.time_zone, source),
    )
    placed = typed.drop_nulls(["service_date", "direction_id", "stop_id"])
    events = placed.with_columns(
        arrival=pl.when(pl.col("event_type") == "ARR").then("event_time"),
        departure=pl.when(pl.col("event_type") == "DEP").then("event_time"),
    )
    return observations(events, without_date_direction_or_stop=typed.height - placed.height)
