"""Planned passings of a GTFS schedule, one row each: blank times interpolated, trips of frequencies.txt repeated."""

from collections.abc import Collection, Mapping

import pandas as pd
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.tables import Schedule, as_polars, trips_of

TIMES = ["trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"]


def planned_passings(
    schedule: Schedule, route_id: str | None = None, directions: Mapping[str, int] | None = None
) -> pl.DataFrame:
    """Return the planned passings of a route (see `trips_of`), or of all, in the order of each trip.

    Columns: trip_id (with `@` and the second it starts at for a run of frequencies.txt), service_id, direction_id, stop_id,
    stop_sequence, minute (of the service day; departure, which may pass 24:00). `directions` are those of trips that have
    no direction_id, by trip id; of a trip in neither it is null. Raises HeadwayError for a direction_id that is none, a
    frequency without a headway, or a stop that stops.txt does not have.
    """
    timed = _timed(schedule, _trips(schedule, route_id, directions or {}))
    return _repeat_by_frequency(timed, frequencies_of(schedule))


def planned_stops(schedule: Schedule, routes: Collection[str] | None = None) -> pl.DataFrame:
    """Return the planned passings of every trip, or of those of some routes, as they stand in trips.txt.

    They may be without a direction.
    Columns and order are those of `planned_passings` but for direction_id; a trip of frequencies.txt stands here once.
    Raises HeadwayError for a stop that stops.txt does not have.
    """
    trips = schedule.feed.trips
    chosen = trips if routes is None else trips[trips["route_id"].isin(list(routes))]
    return _timed(schedule, as_polars(chosen[["trip_id", "service_id"]]))


def _timed(schedule: Schedule, trips: pl.DataFrame) -> pl.DataFrame:
    stop_times = as_polars(schedule.feed.stop_times[TIMES]).join(trips, on="trip_id")
    _refuse_unknown_stops(schedule, stop_times)
    # Times left blank are interpolated along the trip, as the GTFS reference requires of consumers.
    departure = pl.coalesce(pl.col("departure_time").fill_nan(None), pl.col("arrival_time").fill_nan(None))
    return (
        stop_times.drop_nulls("stop_id")
        .sort("trip_id", "stop_sequence")
        .with_columns(minute=departure.interpolate().over("trip_id") / 60)
        .drop_nulls("minute")
        .drop("arrival_time", "departure_time")
    )


def blank_times(schedule: Schedule, route_id: str) -> int:
    """Return how many stop times of a route are blank."""
    of_route = trips_of(schedule, route_id)["trip_id"]
    times = schedule.feed.stop_times
    times = times[times["trip_id"].isin(of_route)]
    return int((times["arrival_time"].isna() & times["departure_time"].isna()).sum())


def _trips(schedule: Schedule, route_id: str | None, directions: Mapping[str, int]) -> pl.DataFrame:
    chosen = trips_of(schedule, route_id)
    given = chosen["direction_id"] if "direction_id" in chosen.columns else None
    inferred = chosen["trip_id"].map(dict(directions)).astype("Float64")
    chosen = chosen.assign(
        direction_id=inferred if given is None else given.astype("Float64").fillna(inferred)
    )
    strange = chosen.loc[~chosen["direction_id"].isin([0, 1, pd.NA]), "direction_id"]
    if len(strange):
        raise HeadwayError(
            f"trips.txt has the direction_id {strange.iloc[0]:g}",
            "0 or 1 for every trip",
            "correct direction_id",
        )
    columns = ["trip_id", "service_id", "direction_id"]
    return as_polars(chosen[columns]).with_columns(pl.col("direction_id").cast(pl.Int64))


def _refuse_unknown_stops(schedule: Schedule, stop_times: pl.DataFrame) -> None:
    known = schedule.feed.stops["stop_id"].dropna().tolist()
    unknown = stop_times.drop_nulls("stop_id").filter(~pl.col("stop_id").is_in(known))
    if not unknown.is_empty():
        trip, stop = unknown.row(0, named=True)["trip_id"], unknown["stop_id"][0]
        raise HeadwayError(
            f"{schedule.path} has the stop {stop!r} in the trip {trip} but not in stops.txt",
            "every stop of stop_times.txt in stops.txt",
            "download the schedule again, or add the stop",
        )


def frequencies_of(schedule: Schedule) -> pl.DataFrame:
    """Return frequencies.txt as trip_id, start, end, headway (whole seconds) and exact (bool: a timetable, not a promise).

    Raises HeadwayError for a row without a time or without a headway above 0.
    """
    rows = as_polars(schedule.feed.frequencies)
    exact = (
        pl.col("exact_times").cast(pl.Float64, strict=False) == 1 if "exact_times" in rows else pl.lit(False)
    )
    seconds = {"start": "start_time", "end": "end_time", "headway": "headway_secs"}
    table = rows.select(
        pl.col("trip_id").cast(pl.String),
        *(_whole(name).alias(short) for short, name in seconds.items()),
        exact=exact.fill_null(False),
    )
    bad = table.filter(pl.any_horizontal(pl.all().is_null()) | (pl.col("headway") <= 0))
    if not bad.is_empty():
        raise HeadwayError(
            f"frequencies.txt has the trip {bad['trip_id'][0]} from {bad['start'][0]} s to {bad['end'][0]} s every "
            f"{bad['headway'][0]} s",
            "two times and a headway_secs above 0",
            "correct that row",
        )
    return table


def _whole(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False).fill_nan(None).cast(pl.Int64)


def _repeat_by_frequency(stop_times: pl.DataFrame, frequencies: pl.DataFrame) -> pl.DataFrame:
    """Replace each trip of frequencies.txt by its runs, a headway apart from the start up to, not at, the end."""
    if frequencies.is_empty():
        return stop_times
    columns = stop_times.columns
    runs = (
        frequencies.select("trip_id", start=pl.int_ranges("start", "end", "headway"))
        .explode("start")
        .drop_nulls("start")
        .unique(maintain_order=True)
    )
    first = pl.col("minute").min().over("trip_id")
    repeated = (
        stop_times.with_columns(since_first=pl.col("minute") - first)
        .join(runs, on="trip_id", maintain_order="left_right")
        .with_columns(
            minute=pl.col("start") / 60 + pl.col("since_first"),
            trip_id=pl.format("{}@{}", "trip_id", "start"),
        )
        .sort("trip_id", "stop_sequence", maintain_order=True)
    )
    single = stop_times.join(frequencies, on="trip_id", how="anti", maintain_order="left")
    return pl.concat([single, repeated.select(columns)])
