"""Trains that run as no train can: backwards in time along the line, or past the train before them."""

import polars as pl

from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.trip_keys import UNKNOWN

TRAIN = ("service_date", "direction", "trip_id")
STEP_COLUMNS = {
    "place": pl.Int64,
    "previous_place": pl.Int64,
    "previous_station": pl.Int16,
    "previous_minute": pl.Float64,
}


def backward_trains(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the passings of a train that are earlier than its passing of the station before.

    Columns: service_date, direction, station, minute, trip_id, from_station, left (the minute at that one). Trains without
    an id cannot be followed.
    """
    backward = _steps(passings, line).filter(pl.col("minute") < pl.col("previous_minute"))
    return backward.select(
        "service_date", "direction", "station", "minute", "trip_id", "previous_station", "previous_minute"
    )


def overtaking_trains(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return the passings of a train that left the station before behind another train and came in ahead of it.

    Columns: service_date, direction, station, minute, trip_id, overtaken (trip id). Looked at are neighbouring stations
    that both trains pass; trains that run backwards are left out, for others seem to overtake them.
    """
    steps = _steps(passings, line)
    astray = steps.filter(pl.col("minute") < pl.col("previous_minute")).select(TRAIN).unique()
    own = steps.filter(pl.col("place") == pl.col("previous_place") + 1).join(astray, on=TRAIN, how="anti")
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
    """Each passing of a train with an id, and the one before it along the line; of a platform passed twice, the first."""
    known = (
        passings.filter(pl.col("train") != UNKNOWN)
        .join(_places(line), on=["direction", "station"])
        .sort(*TRAIN, "place", "minute")
        .unique([*TRAIN, "place"], keep="first", maintain_order=True)
    )
    before = {"previous_place": "place", "previous_station": "station", "previous_minute": "minute"}
    steps = known.with_columns(
        pl.col(own).shift().over(TRAIN).cast(STEP_COLUMNS[name]).alias(name) for name, own in before.items()
    )
    return steps.drop_nulls("previous_minute")


def _places(line: Line) -> pl.DataFrame:
    rows = [
        (direction, station, place)
        for direction in DIRECTIONS
        for place, station in enumerate(line.travel_order(direction))
    ]
    return pl.DataFrame(rows, {"direction": pl.Int8, "station": pl.Int16, "place": pl.Int64}, orient="row")
