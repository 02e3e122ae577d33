"""A day's observations to its arrival log: one row per train and platform, one kind of event wherever both are known."""

import io
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import Event, Platform
from headway_prediction.feeds.archives.tables import Observations, refuse_missing
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS

TRAIN = ("service_date", "trip_id", "direction_id")
PLATFORM = ("direction_id", "stop_id")


@dataclass(frozen=True)
class PassingDefinition:
    """What counts as a passing: of which line, by which event, at which kind of platform.

    `names` holds stop_id, station_id and stop_name of stops (see `read_stop_names`), which override those of the archive.
    """

    line_id: str
    event: Event = Event.DEPARTURE
    platform: Platform = Platform.STOP
    names: pl.DataFrame | None = None


def read_stop_names(path: Path | str) -> pl.DataFrame:
    """Return stop_id, station_id and stop_name of every stop, from a GTFS zip or its stops.txt alone.

    Archives with stop ids alone do not show which two platforms belong to one station. A platform has the name of its parent
    station. Raises HeadwayError for a file that is neither a GTFS zip nor a table with the columns stop_id and stop_name.
    """
    stops = _read_stops(Path(path))
    refuse_missing(stops.columns, ("stop_id", "stop_name"), path)
    if "parent_station" not in stops.columns:
        stops = stops.with_columns(parent_station=pl.lit(None, pl.String))
    stops = stops.filter(pl.col("stop_id").is_not_null()).unique("stop_id", keep="first")
    own = stops.with_columns(station_id=pl.coalesce("parent_station", "stop_id"))
    parents = stops.select(station_id="stop_id", station_name="stop_name")
    named = own.join(parents, on="station_id", how="left")
    return named.select("stop_id", "station_id", stop_name=pl.coalesce("station_name", "stop_name"))


def _read_stops(path: Path) -> pl.DataFrame:
    try:
        text = path.read_bytes()
        if path.suffix == ".zip":
            with ZipFile(io.BytesIO(text)) as feed:
                text = feed.read("stops.txt")
        return pl.read_csv(text, infer_schema=False)
    except (OSError, KeyError, BadZipFile, pl.exceptions.PolarsError) as error:
        fault = f"the stop names {path} could not be read ({str(error).splitlines()[0]})"
        raise HeadwayError(fault, "a GTFS zip, or its stops.txt", "check the path and the file") from error


def tidy_log(seen: Observations, definition: PassingDefinition) -> tuple[pl.DataFrame, Counter[str]]:
    """Return the log of the observations (ARRIVAL_COLUMNS, sorted by platform and time), and counts of exceptions.

    The counts are excluded rows by reason, and under "with <event> instead" the passings with the other event: trains have
    no departure at their last stop and no arrival at their first. An event that was not observed is never made up.
    """
    counts = Counter(seen.excluded)
    events = _once_per_platform(_at_platforms(seen.rows, definition), definition.event)
    timed = events.filter(pl.col("event_time").is_not_null())
    counts["without a time"] += events.height - timed.height
    once = timed.unique([*TRAIN, "stop_id", "event_time"], keep="first", maintain_order=True)
    counts["duplicated"] += timed.height - once.height
    placed = _with_sequence(once).filter(pl.col("stop_sequence").is_not_null())
    counts["without a trip or stop sequence"] += once.height - placed.height
    ordered = _in_order(placed)
    counts["out of order along their train"] += placed.height - ordered.height
    counts[f"with {definition.event.other} instead"] += int(ordered["has_other_event"].sum())
    log = ordered.with_columns(line_id=pl.lit(definition.line_id)).select(
        pl.col(name).cast(kind) for name, kind in ARRIVAL_COLUMNS.items()
    )
    return log.sort("service_date", *PLATFORM, "event_time", "trip_id"), +counts


def _at_platforms(rows: pl.DataFrame, definition: PassingDefinition) -> pl.DataFrame:
    named = rows if definition.names is None else _with_names(rows, definition.names)
    station = pl.coalesce("station_id", "stop_id")
    return named.with_columns(
        stop_id=station if definition.platform is Platform.STATION else pl.col("stop_id"),
        stop_name=pl.coalesce("stop_name", "station_id", "stop_id"),
    )


def _with_names(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    joined = rows.join(names, on="stop_id", how="left", maintain_order="left", suffix="_given")
    return joined.with_columns(
        pl.coalesce(f"{name}_given", name).alias(name) for name in ("station_id", "stop_name")
    )


def _once_per_platform(rows: pl.DataFrame, event: Event) -> pl.DataFrame:
    """A row per train and platform, from its first arrival to its last departure; per event time without a trip id."""
    known = (
        rows.filter(pl.col("trip_id") != "")
        .group_by(*TRAIN, "stop_id", maintain_order=True)
        .agg(pl.first("stop_name"), pl.min("stop_sequence", "arrival"), pl.max("departure"))
    )
    # A departure before the arrival belongs to another train, or to the trip id's previous run.
    plausible = pl.col("arrival").is_null() | (pl.col("departure") >= pl.col("arrival"))
    known = known.with_columns(departure=pl.when(plausible).then("departure"))
    unknown = rows.filter(pl.col("trip_id") == "")
    # Without a trip id an arrival and a departure cannot be matched: only one kind counts.
    has_event = pl.col(event).is_not_null().any().over("service_date", *PLATFORM)
    unknown = unknown.filter(~has_event | pl.col(event).is_not_null())
    return pl.concat([known, unknown.select(known.columns)]).with_columns(
        event_time=pl.coalesce(event, event.other), has_other_event=pl.col(event).is_null()
    )


def _with_sequence(rows: pl.DataFrame) -> pl.DataFrame:
    """Number the stops of a train by time where the archive has no stop sequence for it."""
    complete = pl.col("stop_sequence").is_not_null().all().over(TRAIN)
    by_time = pl.col("event_time").rank("ordinal").over(TRAIN).cast(pl.Int64) - 1
    named = pl.col("trip_id") != ""
    return rows.with_columns(
        stop_sequence=pl.when(complete | ~named).then("stop_sequence").otherwise(by_time)
    )


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Exclude as few passings as possible, so that times never decrease along a train."""
    sorted_rows = rows.sort(*TRAIN, "stop_sequence", "event_time").with_row_index("row")
    back = (pl.col("event_time").diff() < pl.duration()).over(TRAIN) & (pl.col("trip_id") != "")
    trains = sorted_rows.filter(back.any().over(TRAIN)).partition_by(TRAIN, maintain_order=True)
    out_of_order = [row for train in trains for row in _out_of_order(train)]
    return sorted_rows.filter(~pl.col("row").is_in(out_of_order)).drop("row")


def _out_of_order(train: pl.DataFrame) -> list[int]:
    """The rows outside the longest non-decreasing subsequence of times (patience sorting)."""
    times, rows = train["event_time"].dt.epoch("us").to_list(), train["row"].to_list()
    ends: list[int] = []
    previous: list[int | None] = []
    for place, time in enumerate(times):
        length = bisect_right(ends, time, key=times.__getitem__)
        previous.append(ends[length - 1] if length else None)
        ends[length : length + 1] = [place]
    longest: set[int] = set()
    at: int | None = ends[-1]
    while at is not None:
        longest.add(rows[at])
        at = previous[at]
    return [row for row in rows if row not in longest]
