"""Arrival logs: one row per train passing one platform, from Parquet or CSV to a checked table."""

import re
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError

COLUMNS = {
    "line_id": pl.String,
    "service_date": pl.Date,
    "trip_id": pl.String,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "stop_name": pl.String,
    "stop_sequence": pl.Int64,
    "event_time": pl.Datetime("us", "UTC"),
}
BACKWARD_TRAINS_ALLOWED = 0.01
"""Share of trains that may run against their stop_sequence: a long recorded log may hold a few, a mistaken column many."""


def read_arrivals(path: Path | str) -> pl.DataFrame:
    """Read a tidy arrival log (.parquet, .csv or .csv.gz) and check it with `check_arrivals`."""
    return check_arrivals(_read(Path(path)))


def read_unchecked_arrivals(path: Path | str) -> pl.DataFrame:
    """Read a tidy arrival log with `typed_arrivals`: rows that stand twice and trains that run backwards stay in it."""
    return typed_arrivals(_read(Path(path)))


def _read(path: Path) -> pl.DataFrame:
    try:
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HeadwayError(
            f"the arrival log {path} could not be read ({str(error).splitlines()[0]})",
            "a Parquet or CSV file with one row per passing",
            "check the path and the file",
        ) from error


def check_arrivals(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the log with the columns and types of COLUMNS, event_time in UTC.

    Raises HeadwayError as `typed_arrivals` does, and for rows that stand twice, or trains that run backwards along their
    stop_sequence.
    """
    log = typed_arrivals(raw)
    _refuse_repeated_rows(log)
    _refuse_backward_trains(log)
    return log


def typed_arrivals(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the log with the columns and types of COLUMNS, event_time in UTC, whatever its passings are like.

    Raises HeadwayError for an empty log, a missing column, a field that cannot be read, or a time without a zone.
    """
    missing = [name for name in COLUMNS if name not in raw.columns]
    if missing:
        raise HeadwayError(
            f"the log has no column {missing[0]!r} (it has {', '.join(raw.columns)})",
            f"the columns {', '.join(COLUMNS)}",
            "add or rename that column",
        )
    if raw.is_empty():
        raise HeadwayError("the log is empty", "at least one passing", "check what wrote it")
    return raw.select(
        *(_typed(raw, name, kind) for name, kind in COLUMNS.items() if name != "event_time"),
        _instants(raw["event_time"]),
    )


def _typed(raw: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Series:
    values = raw[name]
    read = _dates(values) if kind == pl.Date else values.cast(kind, strict=False)
    if values.dtype.is_float() and kind == pl.Int64:
        read = read.set(values != values.floor(), None)
    if name == "trip_id":
        return read.fill_null("")
    if read.null_count():
        row = read.is_null().arg_max()
        raise HeadwayError(
            f"row {row} of the log has {name} {values[row]!r}",
            {pl.Date: "a date such as 2025-09-26", pl.Int64: "a whole number"}.get(kind, "a text"),
            "correct or remove that row",
        )
    if name == "direction_id" and not read.is_in([0, 1]).all():
        raise HeadwayError(
            f"the log has direction_id {read.filter(~read.is_in([0, 1]))[0]}",
            "0 or 1",
            "map the directions to 0 and 1",
        )
    return read


def _dates(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.to_date("%Y-%m-%d", strict=False)
    # A number is no date: Polars would take it for days since 1970.
    return values.cast(pl.Date) if values.dtype.is_temporal() else values.clear(len(values)).cast(pl.Date)


def _instants(times: pl.Series) -> pl.Series:
    if isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone:
        read, aware = times.dt.convert_time_zone("UTC").dt.cast_time_unit("us"), times.is_not_null()
    else:
        text = times.cast(pl.String)
        aware = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$").fill_null(False)
        read = text.str.to_datetime(format="%+", time_unit="us", time_zone="UTC", strict=False)
    unreadable = read.is_null() | ~aware
    if unreadable.any():
        row = unreadable.arg_max()
        zoneless = not aware[row] and re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", str(times[row]))
        problem = "no zone" if zoneless else "no readable time"
        raise HeadwayError(
            f"row {row} of the log has {problem} in event_time ({times[row]!r})",
            "ISO 8601 with an offset, such as 2025-09-26T05:36:32+01:00",
            "write event_time with its offset",
        )
    return read.alias("event_time")


def _refuse_repeated_rows(log: pl.DataFrame) -> None:
    passing = ["service_date", "direction_id", "stop_id", "trip_id", "event_time"]
    repeated = log.height - log.select(passing).n_unique()
    if repeated:
        raise HeadwayError(
            f"{repeated} rows of the log stand twice", "each passing once", "remove the duplicate passings"
        )


def _refuse_backward_trains(log: pl.DataFrame) -> None:
    trains = ["service_date", "direction_id", "trip_id"]
    steps = (
        log.filter(pl.col("trip_id") != "")
        .sort(*trains, "stop_sequence", "event_time")
        .group_by(trains)
        .agg((pl.col("event_time").diff() < pl.duration()).any().fill_null(False).alias("backward"))
    )
    backward = steps.filter("backward")
    if backward.height > BACKWARD_TRAINS_ALLOWED * steps.height:
        example = backward.sort(trains).row(0, named=True)
        raise HeadwayError(
            f"{backward.height} of {steps.height} trains are out of order (trip {example['trip_id']} on "
            f"{example['service_date']} reaches a later stop before an earlier one)",
            "event_time that grows with stop_sequence along each trip",
            "check that stop_sequence counts along the direction of travel and that trip_id names one run",
        )
