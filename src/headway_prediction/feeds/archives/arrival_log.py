"""What was observed of a day to its tidy log: one row per train and platform, one kind of event where there is a choice."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass

import polars as pl

from headway_prediction.feeds.archives.observations import Observations
from headway_prediction.feeds.archives.passing_kinds import Event, Platform
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS

TRAIN = ("service_date", "trip_id", "direction_id")
PLATFORM = ("direction_id", "stop_id")


@dataclass(frozen=True)
class PassingDefinition:
    """What a passing is: of which line, by which event, at what sort of platform.

    `names` holds stop_id, station_id and stop_name of stops, before whatever the archive calls them.
    """

    line_id: str
    event: Event = Event.DEPARTURE
    platform: Platform = Platform.STOP
    names: pl.DataFrame | None = None


def tidy_log(seen: Observations, definition: PassingDefinition) -> tuple[pl.DataFrame, Counter[str]]:
    """Return the log of what was observed (COLUMNS of feeds.arrivals, sorted by platform and time) and what was left out.

    The counts are rows by reason, and under "<event> in its place" the passings whose own event was not observed: at the
    last stop of a train there is no departure, at the first no arrival. Nothing is put where nothing was observed.
    """
    counts = Counter(seen.excluded)
    events = _once_per_platform(_at_platforms(seen.rows, definition), definition.event)
    timed = events.filter(pl.col("event_time").is_not_null())
    counts["without a time"] += events.height - timed.height
    once = timed.unique([*TRAIN, "stop_id", "event_time"], keep="first", maintain_order=True)
    counts["standing twice"] += timed.height - once.height
    placed = _with_sequence(once).filter(pl.col("stop_sequence").is_not_null())
    counts["without a trip or a place along it"] += once.height - placed.height
    ordered = _in_order(placed)
    counts["before the stop before"] += placed.height - ordered.height
    counts[f"{definition.event.other} in its place"] += ordered["stands_in"].sum()
    log = ordered.with_columns(line_id=pl.lit(definition.line_id)).select(
        pl.col(name).cast(kind) for name, kind in ARRIVAL_COLUMNS.items()
    )
    return log.sort("service_date", *PLATFORM, "event_time", "trip_id"), +counts


def _at_platforms(rows: pl.DataFrame, definition: PassingDefinition) -> pl.DataFrame:
    named = rows if definition.names is None else _named(rows, definition.names)
    station = pl.coalesce("station_id", "stop_id")
    return named.with_columns(
        stop_id=station if definition.platform is Platform.STATION else pl.col("stop_id"),
        stop_name=pl.coalesce("stop_name", "station_id", "stop_id"),
    )


def _named(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    told = rows.join(names, on="stop_id", how="left", maintain_order="left", suffix="_told")
    return told.with_columns(
        pl.coalesce(f"{name}_told", name).alias(name) for name in ("station_id", "stop_name")
    )


def _once_per_platform(rows: pl.DataFrame, event: Event) -> pl.DataFrame:
    """A row per train and platform, from its first arrival to its last departure; of trains unknown, per event time."""
    known = (
        rows.filter(pl.col("trip_id") != "")
        .group_by(*TRAIN, "stop_id", maintain_order=True)
        .agg(pl.first("stop_name"), pl.min("stop_sequence", "arrival"), pl.max("departure"))
    )
    # A departure before the arrival was read off another train, or off the one that the trip id had before.
    sensible = pl.col("arrival").is_null() | (pl.col("departure") >= pl.col("arrival"))
    known = known.with_columns(departure=pl.when(sensible).then("departure"))
    unknown = rows.filter(pl.col("trip_id") == "")
    # Without a train's name its arrival and departure cannot be told to be one passing: one kind alone is counted.
    own_kind = pl.col(event).is_not_null().any().over("service_date", *PLATFORM)
    unknown = unknown.filter(~own_kind | pl.col(event).is_not_null())
    return pl.concat([known, unknown.select(known.columns)]).with_columns(
        event_time=pl.coalesce(event, event.other), stands_in=pl.col(event).is_null()
    )


def _with_sequence(rows: pl.DataFrame) -> pl.DataFrame:
    """Count along the train by time where the archive does not count at all."""
    counted = pl.col("stop_sequence").is_not_null().all().over(TRAIN)
    by_time = pl.col("event_time").rank("ordinal").over(TRAIN).cast(pl.Int64) - 1
    named = pl.col("trip_id") != ""
    return rows.with_columns(stop_sequence=pl.when(counted | ~named).then("stop_sequence").otherwise(by_time))


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out the fewest passings with which times grow along each train: a train does not run backwards."""
    sorted_rows = rows.sort(*TRAIN, "stop_sequence", "event_time").with_row_index("row")
    back = (pl.col("event_time").diff() < pl.duration()).over(TRAIN) & (pl.col("trip_id") != "")
    trains = sorted_rows.filter(back.any().over(TRAIN)).partition_by(TRAIN, maintain_order=True)
    astray = [row for train in trains for row in _astray(train)]
    return sorted_rows.filter(~pl.col("row").is_in(astray)).drop("row")


def _astray(train: pl.DataFrame) -> list[int]:
    """Rows outside the longest run of times that never fall, found from its shortest beginnings (patience sorting)."""
    times, rows = train["event_time"].dt.epoch("us").to_list(), train["row"].to_list()
    ends: list[int] = []
    before: list[int | None] = []
    for place, time in enumerate(times):
        length = bisect_right(ends, time, key=times.__getitem__)
        before.append(ends[length - 1] if length else None)
        ends[length : length + 1] = [place]
    kept, place = set(), ends[-1]
    while place is not None:
        kept.add(rows[place])
        place = before[place]
    return [row for row in rows if row not in kept]
