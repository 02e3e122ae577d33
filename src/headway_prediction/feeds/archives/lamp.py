"""MBTA LAMP subway performance data: a Parquet file per service date, a row per train and stop.

Columns and their meaning: github.com/mbta/lamp, Data_Dictionary.md. `stop_timestamp` is when the train was first seen
stopped. `move_timestamp` is when it was first seen moving *towards* the stop, so it dates the departure from the previous
stop.
"""

from pathlib import Path

import polars as pl

from headway_prediction.feeds.archives.tables import (
    ArchiveQuery,
    Observations,
    dates,
    directions,
    epoch_instants,
    observations,
    rows_of_routes,
    scan_table,
    whole_numbers,
)

TIME_ZONE = "America/New_York"
ROUTES = ("trunk_route_id", "branch_route_id", "route_id")
TEXTS = ("trip_id", "stop_id", "parent_station")
TIMES = ("move_timestamp", "stop_timestamp")
COLUMNS = ("service_date", *ROUTES, "direction_id", *TEXTS, "stop_sequence", *TIMES)
RUN = ("service_date", "trip_id", "direction_id")


def read_day(path: Path, query: ArchiveQuery) -> Observations:
    """Read one file; a route is named by its trunk (Green), a branch (Green-B) or its route_id.

    The departure from a stop is the move towards the next one, if the archive has that next one: after a gap in a train's
    stops, the move belongs to the missing stop. Raises HeadwayError for a file that cannot be read, lacks a column or the
    route, or holds a value of the wrong type.
    """
    rows = rows_of_routes(scan_table(path, COLUMNS), ROUTES, query.routes, path)
    typed = rows.select(
        *(pl.col(name).cast(pl.String) for name in ("branch_route_id", *TEXTS)),
        dates(rows, "service_date", "%Y%m%d", "a number such as 20240115", path),
        directions(rows, "direction_id", path),
        whole_numbers(rows, "stop_sequence", path),
        *(epoch_instants(rows, name, path) for name in TIMES),
    )
    placed = typed.drop_nulls(["service_date", "direction_id", "stop_id"])
    with_departures = _with_departures(placed.sort(*RUN, "stop_sequence", maintain_order=True))
    return observations(with_departures, without_date_direction_or_stop=typed.height - placed.height)


def _with_departures(rows: pl.DataFrame) -> pl.DataFrame:
    hop = (pl.col("stop_sequence").shift(-1) - pl.col("stop_sequence")).over(RUN)
    hops = rows.with_columns(hop=hop, next_move=pl.col("move_timestamp").shift(-1).over(RUN))
    # The shortest hop of the day from a stop leads to the adjacent stop.
    adjacent = pl.col("hop") == pl.col("hop").min().over("branch_route_id", "direction_id", "stop_id")
    return hops.with_columns(
        station_id=pl.col("parent_station"),
        stop_name=pl.col("parent_station"),
        arrival=pl.col("stop_timestamp"),
        departure=pl.when(adjacent).then("next_move"),
    )
