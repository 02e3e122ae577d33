"""Reading an archive's tables: typed columns, and the table of observations that every reader returns.

A missing, truncated or mistyped file raises one HeadwayError that names it.
"""

import lzma
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import local_instants

INSTANT = pl.Datetime("us", "UTC")
SKIP_DAY_REMEDY = "skip the day with --skip-bad-days"
DIRECTIONS = {"0": 0, "1": 1, "false": 0, "true": 1}
MAX_ROUTES_SHOWN = 20
UTC_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"

OBSERVATION_COLUMNS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "service_date": pl.Date,
    "trip_id": pl.String,
    "direction_id": pl.Int64,
    "stop_id": pl.String,
    "station_id": pl.String,
    "stop_name": pl.String,
    "stop_sequence": pl.Int64,
    "arrival": INSTANT,
    "departure": INSTANT,
}


@dataclass(frozen=True)
class ArchiveQuery:
    """What to read of an archive: the trains of `routes` (none: of its only route), with times in `time_zone`.

    `time_zone` is an IANA name, None where neither a service date nor an instant depends on it.
    """

    routes: tuple[str, ...] = ()
    time_zone: str | None = None


@dataclass(frozen=True)
class Observations:
    """The observed stops of a day's trains (OBSERVATION_COLUMNS), and the number of excluded rows by reason.

    There is a row per train and stop, or several where the archive has several. `trip_id` is empty, and `station_id`,
    `stop_name`, `stop_sequence`, `arrival` and `departure` are null, where the archive lacks them. `stop_sequence` increases
    along each train.
    """

    rows: pl.DataFrame
    excluded: Counter[str] = field(default_factory=Counter)


def observations(rows: pl.DataFrame, **excluded: int) -> Observations:
    """Return the rows with the columns and types of OBSERVATION_COLUMNS; a missing column becomes null.

    `excluded` counts rows by reason; underscores in a reason stand for spaces.
    """
    absent = [pl.lit(None).alias(name) for name in OBSERVATION_COLUMNS if name not in rows.columns]
    typed = rows.with_columns(absent).select(
        pl.col(name).cast(kind) for name, kind in OBSERVATION_COLUMNS.items()
    )
    counts = {reason.replace("_", " "): count for reason, count in excluded.items() if count}
    return Observations(typed.with_columns(pl.col("trip_id").fill_null("")), Counter(counts))


@contextmanager
def reading(source: Path | str) -> Iterator[None]:
    """Turn errors of reading a file into a HeadwayError that names it."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, pl.exceptions.PolarsError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise HeadwayError(
            f"{source} could not be read ({first})",
            "a whole file in the format of the archive",
            f"download it again, or {SKIP_DAY_REMEDY}",
        ) from error


def scan_table(path: Path, columns: Iterable[str], separator: str = ",") -> pl.LazyFrame:
    """Scan `columns` of a Parquet or CSV file (.csv, .csv.gz), CSV as texts.

    Raises HeadwayError for a file that cannot be read or lacks a column.
    """
    columns = list(columns)
    with reading(path):
        if path.suffix == ".parquet":
            table = pl.scan_parquet(path)
        else:
            table = pl.scan_csv(path, infer_schema=False, separator=separator)
        names = table.collect_schema().names()
    refuse_missing(names, columns, path)
    return table.select(columns)


def refuse_missing(names: Sequence[str], required: Iterable[str], source: Path | str) -> None:
    """Raise HeadwayError unless a table has every required column."""
    required = list(required)
    missing = [name for name in required if name not in names]
    if missing:
        raise HeadwayError(
            f"{source} has no column {missing[0]!r} (it has {', '.join(names)})",
            f"the columns {', '.join(required)}",
            "check that the archive is of this format; a column map reads tables with other names",
        )


def rows_of_routes(
    table: pl.LazyFrame, columns: Sequence[str], routes: Sequence[str], source: Path | str
) -> pl.DataFrame:
    """Collect the rows whose route is one of `routes` in any of `columns`; without routes, those of the only route.

    A table without route columns is of one route. Raises HeadwayError for an empty table, for one without these routes, and
    for one of several routes where `routes` is empty; the message lists the routes of the table.
    """
    names = [pl.col(name).cast(pl.String) for name in columns]
    with reading(source):
        if routes:
            rows = table.filter(pl.any_horizontal(name.is_in(list(routes)) for name in names)).collect()
        else:
            rows = table.collect()
        present = rows if not routes or not rows.is_empty() else table.select(columns).collect()
    if present.is_empty():
        remedy = f"download it again, or {SKIP_DAY_REMEDY}"
        raise HeadwayError(f"{source} holds no rows", "one row per observation", remedy)
    if rows.is_empty() or (columns and not routes and present[columns[0]].n_unique() > 1):
        fault = (
            f"has no route {' or '.join(routes)}" if routes else "holds several routes, and none was named"
        )
        known = sorted({str(route) for name in columns for route in present[name].drop_nulls().unique()})
        expected = f"one of {', '.join(known[:MAX_ROUTES_SHOWN])}"
        raise HeadwayError(f"{source} {fault}", expected, "pass one of these with --route")
    return rows


def whole_numbers(rows: pl.DataFrame, name: str, source: Path | str) -> pl.Series:
    """Return a column as Int64, nulls unchanged; raises HeadwayError for a value that is no whole number."""
    values = rows[name]
    read = values.cast(pl.Int64, strict=False)
    if values.dtype.is_float():
        read = read.set(values != values.floor(), None)
    elif values.dtype == pl.String:
        # Some writers represent missing values as NaN, and then write 12.0 for 12.
        read = values.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    refuse_unread(values, values.is_not_null() & read.is_null(), name, "a whole number", source)
    return read


def directions(
    rows: pl.DataFrame, name: str, source: Path | str, known: Mapping[str, int] | None = None
) -> pl.Series:
    """Return a column of directions as 0 and 1, nulls unchanged; raises HeadwayError for any other value.

    `known` maps the archive's values to 0 and 1 where it writes neither these nor false and true.
    """
    values = rows[name]
    meaning = known or DIRECTIONS
    texts = values.cast(pl.String).str.strip_suffix(".0")
    texts = texts if known else texts.str.to_lowercase()
    read = texts.replace_strict(meaning, default=None, return_dtype=pl.Int64)
    refuse_unread(values, values.is_not_null() & read.is_null(), name, f"one of {', '.join(meaning)}", source)
    return read


def dates(rows: pl.DataFrame, name: str, form: str, expected: str, source: Path | str) -> pl.Series:
    """Return a column as dates read with `form` (of strftime), nulls unchanged.

    Raises HeadwayError for a value that cannot be read; `expected` describes the form.
    """
    values = rows[name]
    if values.dtype.is_temporal():
        return values.cast(pl.Date)
    read = values.cast(pl.String).str.to_date(form, strict=False)
    refuse_unread(values, values.is_not_null() & read.is_null(), name, expected, source)
    return read


def epoch_instants(rows: pl.DataFrame, name: str, source: Path | str) -> pl.Series:
    """Return a column of epoch seconds as instants (UTC); zero and negative values become null."""
    seconds = whole_numbers(rows, name, source)
    return pl.from_epoch(seconds.set(seconds <= 0, None), "s").cast(INSTANT)


def text_instants(
    rows: pl.DataFrame, name: str, form: str | None, zone: str | None, source: Path | str
) -> pl.Series:
    """Return a column of times as instants (UTC): ISO 8601, or in `form` (of strftime); without an offset they are local.

    A local time that does not exist, or exists twice as the clocks go back, becomes null. Raises HeadwayError for a time
    that cannot be read, and for local times where `zone` is None.
    """
    values = rows[name]
    aware, local = _aware_and_local(values, form)
    unread = values.is_not_null() & aware.is_null() & local.is_null()
    refuse_unread(values, unread, name, form or "an ISO 8601 time such as 2024-01-15T05:36:32-05:00", source)
    if zone is None:
        if local.is_not_null().any():
            example = values.filter(local.is_not_null())[0]
            raise HeadwayError(
                f"{source} has times without an offset in {name} ({example})",
                "the time zone they are in",
                "pass for instance --time-zone America/New_York",
            )
        return aware.rename(name)
    placed = local_instants(local, zone).cast(INSTANT)
    return pl.select(pl.coalesce(aware, placed).alias(name)).to_series()


def _aware_and_local(values: pl.Series, form: str | None) -> tuple[pl.Series, pl.Series]:
    """The times with an offset and those without: null where a time is of the other kind or unreadable."""
    count = len(values)
    no_aware, no_local = (pl.Series([None], dtype=kind).clear(count) for kind in (INSTANT, pl.Datetime("us")))
    if isinstance(values.dtype, pl.Datetime):
        read = values.dt.cast_time_unit("us")
        return (read.cast(INSTANT), no_local) if values.dtype.time_zone else (no_aware, read)
    texts = values.cast(pl.String)
    if form is None:
        return _aware_and_local_iso(texts)
    if "%z" in form or "%:z" in form:
        return texts.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False), no_local
    return no_aware, texts.str.to_datetime(form, time_unit="us", strict=False)


def _aware_and_local_iso(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    has_offset = texts.str.contains(UTC_OFFSET).fill_null(False)
    empty = texts.clear(len(texts))
    aware, local = texts.zip_with(has_offset, empty), empty.zip_with(has_offset, texts)
    read = local.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return aware.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False), read


def refuse_unread(values: pl.Series, unread: pl.Series, name: str, expected: str, source: Path | str) -> None:
    """Raise HeadwayError with the first value of a column that is marked in `unread`."""
    if unread.any():
        first = values.filter(unread)[0]
        raise HeadwayError(
            f"{source} has {name} {first!r}", expected, f"correct that row, or {SKIP_DAY_REMEDY}"
        )
