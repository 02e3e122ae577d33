"""subwaydata.nyc: a .tar.xz per day with trips.csv and stop_times.csv, made from the feed's predictions.

Columns and their meaning: github.com/jamespfennell/subwaydata.nyc, etl/export and etl/journal. A stop time holds the last
prediction of the feed, `last_observed` the last poll that still announced it, `marked_past` the first one that did not:
because the train had passed, or because the whole trip was gone. The stop times of a trip stand in its order of travel;
`start_time` is the planned start.
"""

import io
import lzma
import tarfile
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.columns import (
    SKIP_DAY_REMEDY,
    directions,
    epoch_instants,
    reading,
    refuse_missing,
    rows_of_routes,
)
from headway_prediction.feeds.archives.observations import INSTANT, ArchiveQuery, Observations, observed
from headway_prediction.transit.clock import service_dates

TIME_ZONE = "America/New_York"
TRIPS = ("trip_uid", "trip_id", "route_id", "direction_id", "start_time")
STOP_TIMES = ("trip_uid", "stop_id", "arrival_time", "departure_time", "last_observed", "marked_past")
MAX_SECS_AFTER_GONE = pl.duration(seconds=60)
"""A time later than this after the train was gone from the feed is a prediction that nothing came of."""
MAX_SECS_AFTER_SEEN = pl.duration(seconds=300)
"""A time later than this after the last poll that announced it is a forecast: nobody looked when it would have come."""


def read_day(path: Path, query: ArchiveQuery) -> Observations:
    """Read one day; a trip's service date is that of its start, and before 03:00 the day before.

    A stop that was never marked past was not passed as far as anybody knows, and times that lie later than the constants
    above allow are no observations; neither are rows of trips without a direction. They are left out and counted. Raises
    HeadwayError for a torn archive, a missing member or column, a value that cannot be read, or a missing route.
    """
    tables = _members(path)
    trips = rows_of_routes(tables["trips.csv"].lazy(), ["route_id"], query.routes, path)
    typed = trips.select(
        "trip_uid",
        "trip_id",
        directions(trips, "direction_id", path),
        epoch_instants(trips, "start_time", path),
    )
    stops = _stops(tables["stop_times.csv"], typed.select("trip_uid"), path)
    timed = stops.filter(pl.any_horizontal(pl.col("arrival", "departure").is_not_null()))
    rows = timed.join(typed, on="trip_uid", how="left", maintain_order="left")
    known = rows.filter(pl.col("direction_id").is_not_null())
    return observed(
        _named(_dated(known, query.time_zone or TIME_ZONE)),
        never_confirmed=stops.height - timed.height,
        without_a_direction=rows.height - known.height,
    )


def _members(path: Path) -> dict[str, pl.DataFrame]:
    with reading(path):
        # The whole stream first: a torn end would pass unseen behind the last member that is read.
        whole = lzma.decompress(path.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
            texts = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    return {name: _member(texts, name, path) for name in ("trips.csv", "stop_times.csv")}


def _member(texts: dict[str, bytes], name: str, path: Path) -> pl.DataFrame:
    own = [text for member, text in texts.items() if member.endswith(name)]
    if len(own) != 1:
        raise HeadwayError(
            f"{path} holds {', '.join(sorted(texts)) or 'no file'}",
            "one file whose name ends in trips.csv and one in stop_times.csv",
            f"download it again, or {SKIP_DAY_REMEDY}",
        )
    with reading(f"{name} of {path}"):
        table = pl.read_csv(own[0], infer_schema=False) if own[0].strip() else pl.DataFrame()
    refuse_missing(table.columns, TRIPS if name == "trips.csv" else STOP_TIMES, f"{name} of {path}")
    return table


def _stops(table: pl.DataFrame, trips: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The stop times of these trips, in order; arrival and departure are null unless confirmed."""
    own = table.join(trips, on="trip_uid", how="semi", maintain_order="left")
    times = [epoch_instants(own, name, path) for name in STOP_TIMES[2:]]
    return own.select("trip_uid", "stop_id", *times).select(
        "trip_uid",
        "stop_id",
        # The platforms of a station are its id followed by N or S.
        station_id=pl.col("stop_id").str.replace("[NS]$", ""),
        stop_name=pl.col("stop_id").str.replace("[NS]$", ""),
        stop_sequence=pl.int_range(pl.len()).over("trip_uid"),
        arrival=_confirmed("arrival_time"),
        departure=_confirmed("departure_time"),
    )


def _confirmed(time: str) -> pl.Expr:
    in_time = pl.col(time) <= pl.col("marked_past") + MAX_SECS_AFTER_GONE
    observed_itself = pl.col(time) <= pl.col("last_observed") + MAX_SECS_AFTER_SEEN
    return pl.when(in_time & observed_itself).then(pl.col(time))


def _dated(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    first = pl.min_horizontal("arrival", "departure").min().over("trip_uid")
    starts = rows.with_columns(start=pl.coalesce("start_time", first).cast(INSTANT))
    return starts.with_columns(service_dates(starts["start"], zone).alias("service_date"))


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Trains by trip_id, which is the same every day; by trip_uid where two of one day share it."""
    shared = pl.col("trip_uid").n_unique().over("service_date", "trip_id") > 1
    return rows.with_columns(trip_id=pl.when(shared).then("trip_uid").otherwise("trip_id"))
