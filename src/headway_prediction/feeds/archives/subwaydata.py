"""subwaydata.nyc: a .tar.xz per day with trips.csv and stop_times.csv, made from the feed's predictions.

Columns and their meaning: github.com/jamespfennell/subwaydata.nyc, etl/export and etl/journal. A stop time holds the feed's
last prediction. `last_observed` is the last poll with that prediction, `marked_past` the first one without it: because the
train had passed, or because the whole trip was gone. The stop times of a trip are in its order of travel; `start_time` is
the planned start.
"""

import io
import lzma
import tarfile
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.tables import (
    INSTANT,
    SKIP_DAY_REMEDY,
    ArchiveQuery,
    Observations,
    directions,
    epoch_instants,
    observations,
    reading,
    refuse_missing,
    rows_of_routes,
)
from headway_prediction.transit.clock import service_dates

TIME_ZONE = "America/New_York"
TRIPS = ("trip_uid", "trip_id", "route_id", "direction_id", "start_time")
STOP_TIMES = ("trip_uid", "stop_id", "arrival_time", "departure_time", "last_observed", "marked_past")
MAX_SECS_AFTER_GONE = pl.duration(seconds=60)
"""A time later than this after the train left the feed is a prediction that was not observed."""
MAX_SECS_AFTER_SEEN = pl.duration(seconds=300)
"""A time later than this after the last poll that predicted it is a forecast: no poll observed the passing."""


def read_day(path: Path, query: ArchiveQuery) -> Observations:
    """Read one day; a trip's service date is that of its start, and before 03:00 the day before.

    Excluded and counted are stops that were never marked past, times later than the constants above allow, and rows of trips
    without a direction. Raises HeadwayError for a truncated archive, a missing member or column, a value that cannot be
    read, and a missing route.
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
    return observations(
        _with_unique_trip_ids(_with_service_dates(known, query.time_zone or TIME_ZONE)),
        never_confirmed=stops.height - timed.height,
        without_a_direction=rows.height - known.height,
    )


def _members(path: Path) -> dict[str, pl.DataFrame]:
    with reading(path):
        # Decompress the whole stream first: tarfile does not notice a truncated end behind the last member it reads.
        whole = lzma.decompress(path.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
            files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
            texts = {name: file.read() for name, file in files.items() if file is not None}
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
    """The stop times of these trips, in order; arrival and departure are null unless observed."""
    own = table.join(trips, on="trip_uid", how="semi", maintain_order="left")
    times = [epoch_instants(own, name, path) for name in STOP_TIMES[2:]]
    return own.select("trip_uid", "stop_id", *times).select(
        "trip_uid",
        "stop_id",
        # The platforms of a station are its id followed by N or S.
        station_id=pl.col("stop_id").str.replace("[NS]$", ""),
        stop_name=pl.col("stop_id").str.replace("[NS]$", ""),
        stop_sequence=pl.int_range(pl.len()).over("trip_uid"),
        arrival=_observed("arrival_time"),
        departure=_observed("departure_time"),
    )


def _observed(time: str) -> pl.Expr:
    before_gone = pl.col(time) <= pl.col("marked_past") + MAX_SECS_AFTER_GONE
    soon_after_seen = pl.col(time) <= pl.col("last_observed") + MAX_SECS_AFTER_SEEN
    return pl.when(before_gone & soon_after_seen).then(pl.col(time))


def _with_service_dates(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    first = pl.min_horizontal("arrival", "departure").min().over("trip_uid")
    starts = rows.with_columns(start=pl.coalesce("start_time", first).cast(INSTANT))
    return starts.with_columns(service_dates(starts["start"], zone).alias("service_date"))


def _with_unique_trip_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Identify trains by trip_id, which is the same every day, or by trip_uid where two of one day share it."""
    shared = pl.col("trip_uid").n_unique().over("service_date", "trip_id") > 1
    return rows.with_columns(trip_id=pl.when(shared).then("trip_uid").otherwise("trip_id"))
