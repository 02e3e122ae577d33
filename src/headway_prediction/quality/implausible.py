"""Headways and trains that no running service has: too short or long, backwards along the line, overtaking."""

import polars as pl

from headway_prediction.grid.headway_grid import MAX_HEADWAY_MINS, OUTAGE_COLUMNS
from headway_prediction.grid.passings import HAS_TRIP_ID, without_duplicates
from headway_prediction.quality.log_rows import DAY_PLATFORM
from headway_prediction.transit.line import DIRECTIONS, Line

MIN_HEADWAY_MINS = 1.0
SHORT = "under a minute"
LONG = "over an hour"


TRAIN = ("service_date", "direction", "trip_id")
STEP_COLUMNS = {
    "place": pl.Int64,
    "previous_place": pl.Int64,
    "previous_station": pl.Int16,
    "previous_minute": pl.Float64,
}


def suspicious_headways(passings: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    """Return the passings whose headway (minutes, without duplicates) is under a minute or over an hour, with its `kind`.

    A headway that spans one of the `outages` is not listed.
    """
    headway = pl.col("minute").diff().over(DAY_PLATFORM).round(9)
    found = (
        without_duplicates(passings)
        .with_columns(headway=headway)
        .filter((pl.col("headway") < MIN_HEADWAY_MINS) | (pl.col("headway") > MAX_HEADWAY_MINS))
    )
    short = pl.col("headway") < MIN_HEADWAY_MINS
    kind = pl.when(short).then(pl.lit(SHORT)).otherwise(pl.lit(LONG))
    listed = found.select(*DAY_PLATFORM, "minute", "trip_id", "headway", kind=kind)
    return _not_across(listed, outages).sort(*DAY_PLATFORM, "minute")


def _not_across(headways: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    began = pl.col("minute") - pl.col("headway")
    crossed = (
        headways.join(outages.select(list(OUTAGE_COLUMNS)), on="service_date")
        .filter((began < pl.col("end_minute")) & (pl.col("minute") >= pl.col("first_minute")))
        .select(headways.columns)
    )
    return headways.join(crossed, on=[*DAY_PLATFORM, "minute"], how="anti")


def backward_trains(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the passings of a train that are earlier than its passing of the previous station.

    Columns: service_date, direction, station, minute, trip_id, previous_station, previous_minute. Trains without an id
    cannot be followed.
    """
    backward = _steps(passings, line).filter(pl.col("minute") < pl.col("previous_minute"))
    return backward.select(
        "service_date", "direction", "station", "minute", "trip_id", "previous_station", "previous_minute"
    )


def overtaking_trains(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the passings of a train that left the previous station behind another train and arrived ahead of it.

    Columns: service_date, direction, station, minute, trip_id, overtaken (trip id). Only neighbouring stations that both
    trains pass are compared. Trains that run backwards are excluded: others seem to overtake them.
    """
    steps = _steps(passings, line)
    backward = steps.filter(pl.col("minute") < pl.col("previous_minute")).select(TRAIN).unique()
    own = steps.filter(pl.col("place") == pl.col("previous_place") + 1).join(backward, on=TRAIN, how="anti")
    section = ["service_date", "direction", "station"]
    latest = pl.col("minute").cum_max()
    ahead = pl.when(pl.col("minute") == latest).then("trip_id").forward_fill()
    return (
        own.sort(*section, "previous_minute", "minute", "trip_id")
        .with_columns(latest=latest.shift().over(section), overtaken=ahead.shift().over(section))
        .filter(pl.col("minute") < pl.col("latest"))
        .select(*section, "minute", "trip_id", "overtaken")
    )


def _steps(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Each passing of a train with an id and its previous one along the line; of a platform passed twice, the first."""
    known = (
        passings.filter(HAS_TRIP_ID)
        .join(_places(line), on=["direction", "station"])
        .sort(*TRAIN, "place", "minute")
        .unique([*TRAIN, "place"], keep="first", maintain_order=True)
    )
    previous = {"previous_place": "place", "previous_station": "station", "previous_minute": "minute"}
    steps = known.with_columns(
        pl.col(own).shift().over(TRAIN).cast(STEP_COLUMNS[name]).alias(name) for name, own in previous.items()
    )
    return steps.drop_nulls("previous_minute")


def _places(line: Line) -> pl.DataFrame:
    rows = [
        (direction, station, place)
        for direction in DIRECTIONS
        for place, station in enumerate(line.travel_order(direction))
    ]
    return pl.DataFrame(rows, {"direction": pl.Int8, "station": pl.Int16, "place": pl.Int64}, orient="row")
