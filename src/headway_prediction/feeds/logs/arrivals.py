"""Arrival logs: one row per train passing one platform, from Parquet or CSV to a checked table."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import NoReturn

import polars as pl

from headway_prediction.errors import HeadwayError

ENDINGS = (".parquet", ".csv", ".csv.gz")
BATCH_ROWS = 200_000


def log_files(path: Path) -> list[Path]:
    """Return the file itself or, of a folder, the logs in it, in the order of their names.

    Raises HeadwayError where there is none.
    """
    with _reading(path):
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise FileNotFoundError("there is no such file")
        found = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(ENDINGS))
        if not found:
            raise FileNotFoundError(f"the folder has no file that ends in {', '.join(ENDINGS)}")
        return found


def log_batches(path: Path, look_at_names: Callable[[Sequence[str]], None]) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file in order, CSV as texts, once `look_at_names` has let the names of its columns pass.

    Raises HeadwayError for a file that cannot be read.
    """
    with _reading(path):
        if path.suffix == ".parquet":
            table = pl.scan_parquet(path, glob=False)
        else:
            table = pl.scan_csv(path, infer_schema=False, glob=False)
        names = table.collect_schema().names()
    look_at_names(names)
    batches = table.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
    while True:
        with _reading(path):
            batch = next(batches, None)
        if batch is None:
            return
        if not batch.is_empty():
            yield batch


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HeadwayError(
            f"the arrival log {path} could not be read ({(str(error).splitlines() or [''])[0]})",
            "a Parquet or CSV file with one row per passing, or a folder of such files",
            "check the path and the file; `headway passings` makes a log of recorded polls, `headway archive` of public "
            "archives",
        ) from error


MAX_BACKWARD_SHARE = 0.01
"""Share of trains that may run against their stop_sequence: a long recorded log may hold a few, a mistaken column many."""

PASSING = ("service_date", "direction_id", "stop_id", "trip_id", "event_time")
TRAIN = ("service_date", "direction_id", "trip_id")


class LogChecks:
    """Counts both, over the parts of a log: each holds whole service dates, earlier ones first."""

    def __init__(self) -> None:
        self._repeated = 0
        self._trains = 0
        self._backward = 0
        self._example: tuple[str, date] | None = None

    def add(self, part: pl.DataFrame) -> None:
        """Add a part of the log, typed as `typed_arrivals` gives it."""
        self._repeated += part.height - part.select(PASSING).n_unique()
        steps = (
            part.filter(pl.col("trip_id") != "")
            .sort(*TRAIN, "stop_sequence", "event_time")
            .group_by(TRAIN)
            .agg((pl.col("event_time").diff() < pl.duration()).any().fill_null(False).alias("backward"))
        )
        backward = steps.filter("backward")
        self._trains += steps.height
        self._backward += backward.height
        if self._example is None and backward.height:
            self._example = backward.sort(TRAIN).select("trip_id", "service_date").row(0)

    def refuse(self) -> None:
        """Raise HeadwayError for rows that occur twice, or more backward trains than are allowed."""
        if self._repeated:
            raise HeadwayError(
                f"{self._repeated} rows of the log occur twice",
                "each passing once",
                "remove the duplicate passings",
            )
        if self._example and self._backward > MAX_BACKWARD_SHARE * self._trains:
            trip_id, service_date = self._example
            raise HeadwayError(
                f"{self._backward} of {self._trains} trains are out of order (trip {trip_id} on {service_date} reaches a "
                "later stop before an earlier one)",
                "event_time that grows with stop_sequence along each trip",
                "check that stop_sequence counts along the direction of travel and that trip_id names one run",
            )


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

    For a log of a few days; feeds.logs.arrival_parts reads longer ones.
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

    Raises HeadwayError as `typed_arrivals` does, and for rows that occur twice, or trains that run backwards along their
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

    Raises HeadwayError for an empty log, a missing column, a field that cannot be read, or a time without a zone; the
    error names the row of `log_name`, `first_row` being the number of the first.
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

    def name(self, index: int) -> str:
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
    raise HeadwayError("the log is empty", "at least one passing", "check the program that wrote it")


def _typed(raw: pl.DataFrame, name: str, kind: pl.DataType | type[pl.DataType], rows: _Rows) -> pl.Series:
    values = raw[name]
    read = _dates(values) if kind == pl.Date else values.cast(kind, strict=False)
    if values.dtype.is_float() and kind == pl.Int64:
        read = read.set(values != values.floor(), None)
    if name == "trip_id":
        return read.fill_null("")
    row = read.is_null().arg_max()
    if row is not None and read.null_count():
        raise HeadwayError(
            f"{rows.name(row)} has {name} {values[row]!r}",
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
    row = unreadable.arg_max()
    if row is not None and unreadable.any():
        zoneless = not aware[row] and re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", str(times[row]))
        problem = "no zone" if zoneless else "no readable time"
        raise HeadwayError(
            f"{rows.name(row)} has {problem} in event_time ({times[row]!r})",
            "ISO 8601 with an offset, such as 2025-09-26T05:36:32+01:00",
            "write event_time with its offset",
        )
    return read.alias("event_time")
