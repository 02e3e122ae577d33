"""Arrival logs: one row per train passing one platform, from Parquet or CSV to a checked table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.checks import LogChecks
from headway_prediction.feeds.logs.files import log_batches, log_files

ARRIVAL_COLUMNS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "line_id": pl.String,
    "service_date": pl.Date,
    "trip_id": pl.String,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "stop_name": pl.String,
    "stop_sequence": pl.Int64,
    "event_time": pl.Datetime("us", "UTC"),
}


def read_arrivals(path: Path | str) -> pl.DataFrame:
    """Read a whole arrival log and check it; raises HeadwayError as `typed_batches` and `LogChecks` do.

    For a log of a few days; feeds.arrival_parts reads longer ones.
    """
    return _checked(pl.concat(typed_batches(path)))


def typed_batches(path: Path | str) -> Iterator[pl.DataFrame]:
    """Read an arrival log, a file or a folder of files, some rows at a time, as `typed_arrivals` gives them.

    Raises HeadwayError for a file that cannot be read, and as `typed_arrivals` does, with the row's number in its file.
    """
    path, empty = Path(path), True
    for file in log_files(path):
        name, first_row = f"the log {file.name}" if path.is_dir() else "the log", 0
        for raw in log_batches(file, partial(_refuse_missing, log_name=name)):
            yield typed_arrivals(raw, name, first_row)
            first_row += raw.height
            empty = False
    if empty:
        _refuse_empty()


def check_arrivals(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the log with the columns and types of COLUMNS, event_time in UTC.

    Raises HeadwayError as `typed_arrivals` does, and for rows that stand twice, or trains that run backwards along their
    stop_sequence.
    """
    return _checked(typed_arrivals(raw))


def _checked(log: pl.DataFrame) -> pl.DataFrame:
    checks = LogChecks()
    checks.add(log)
    checks.refuse()
    return log


def typed_arrivals(raw: pl.DataFrame, log_name: str = "the log", first_row: int = 0) -> pl.DataFrame:
    """Return the log with the columns and types of COLUMNS, event_time in UTC, whatever its passings are like.

    Raises HeadwayError for an empty log, a missing column, a field that cannot be read, or a time without a zone; it says
    which row of `log_name` that is, `first_row` being the number of the first.
    """
    _refuse_missing(raw.columns, log_name)
    if raw.is_empty():
        _refuse_empty()
    rows = _Rows(log_name, first_row)
    return raw.select(
        *(_typed(raw, name, kind, rows) for name, kind in ARRIVAL_COLUMNS.items() if name != "event_time"),
        _instants(raw["event_time"], rows),
    )


@dataclass(frozen=True)
class _Rows:
    """Where in which log some rows stand."""

    log_name: str
    first: int

    def said(self, index: int) -> str:
        return f"row {self.first + index} of {self.log_name}"


def _refuse_missing(names: Sequence[str], log_name: str) -> None:
    missing = [name for name in ARRIVAL_COLUMNS if name not in names]
    if missing:
        raise HeadwayError(
            f"{log_name} has no column {missing[0]!r} (it has {', '.join(names)})",
            f"the columns {', '.join(ARRIVAL_COLUMNS)}",
            "add or rename that column",
        )


def _refuse_empty() -> NoReturn:
    raise HeadwayError("the log is empty", "at least one passing", "check what wrote it")


def _typed(raw: pl.DataFrame, name: str, kind: pl.DataType | type[pl.DataType], rows: _Rows) -> pl.Series:
    values = raw[name]
    read = _dates(values) if kind == pl.Date else values.cast(kind, strict=False)
    if values.dtype.is_float() and kind == pl.Int64:
        read = read.set(values != values.floor(), None)
    if name == "trip_id":
        return read.fill_null("")
    if read.null_count():
        row = read.is_null().arg_max()
        raise HeadwayError(
            f"{rows.said(row)} has {name} {values[row]!r}",
            "a date such as 2025-09-26"
            if kind == pl.Date
            else "a whole number"
            if kind == pl.Int64
            else "a text",
            "correct or remove that row",
        )
    if name == "direction_id" and not read.is_in([0, 1]).all():
        raise HeadwayError(
            f"{rows.log_name} has direction_id {read.filter(~read.is_in([0, 1]))[0]}",
            "0 or 1",
            "map the directions to 0 and 1",
        )
    return read


def _dates(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.to_date("%Y-%m-%d", strict=False)
    # A number is no date: Polars would take it for days since 1970.
    return values.cast(pl.Date) if values.dtype.is_temporal() else values.clear(len(values)).cast(pl.Date)


def _instants(times: pl.Series, rows: _Rows) -> pl.Series:
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
            f"{rows.said(row)} has {problem} in event_time ({times[row]!r})",
            "ISO 8601 with an offset, such as 2025-09-26T05:36:32+01:00",
            "write event_time with its offset",
        )
    return read.alias("event_time")
