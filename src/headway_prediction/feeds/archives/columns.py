"""Reading an archive's tables and columns: what is missing, torn or of the wrong kind becomes one sentence."""

import lzma
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.observations import INSTANT

SKIP_DAY_REMEDY = "leave the day out with --skip-bad-days"
DIRECTIONS = {"0": 0, "1": 1, "false": 0, "true": 1}
MAX_ROUTES_SHOWN = 20


@contextmanager
def reading(source: Path | str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a HeadwayError that names it."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, pl.exceptions.PolarsError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise HeadwayError(
            f"{source} could not be read ({first})",
            "a whole file in the format of the archive",
            f"download it again, or {SKIP_DAY_REMEDY}",
        ) from error


def scan_table(path: Path, query: Iterable[str], separator: str = ",") -> pl.LazyFrame:
    """Scan the `query` columns of a Parquet or CSV file (.csv, .csv.gz), CSV as texts.

    Raises HeadwayError for a file that cannot be read or lacks a column.
    """
    with reading(path):
        if path.suffix == ".parquet":
            table = pl.scan_parquet(path)
        else:
            table = pl.scan_csv(path, infer_schema=False, separator=separator)
        names = table.collect_schema().names()
    refuse_missing(names, query, path)
    return table.select(query)


def refuse_missing(names: Sequence[str], query: Iterable[str], source: Path | str) -> None:
    """Raise HeadwayError unless a table has every wanted column."""
    missing = [name for name in query if name not in names]
    if missing:
        raise HeadwayError(
            f"{source} has no column {missing[0]!r} (it has {', '.join(names)})",
            f"the columns {', '.join(query)}",
            "check that the archive is of this format; a column map reads tables with other names",
        )


def rows_of_routes(
    table: pl.LazyFrame, columns: Sequence[str], routes: Sequence[str], source: Path | str
) -> pl.DataFrame:
    """Collect the rows whose route is one of `routes` in any of `columns`; with no routes, those of the only one.

    A table without route columns is of one route. Raises HeadwayError for an empty table, one without these routes, or one
    of several routes where none was named; it names those that there are.
    """
    names = [pl.col(name).cast(pl.String) for name in columns]
    with reading(source):
        if routes:
            rows = table.filter(pl.any_horizontal(name.is_in(list(routes)) for name in names)).collect()
        else:
            rows = table.collect()
        there = rows if not routes or not rows.is_empty() else table.select(columns).collect()
    if there.is_empty():
        raise HeadwayError(
            f"{source} holds no rows", "one row per observation", f"download it again, or {SKIP_DAY_REMEDY}"
        )
    if rows.is_empty() or (columns and not routes and there[columns[0]].n_unique() > 1):
        asked = (
            f"has no route {' or '.join(routes)}" if routes else "holds several routes, and none was named"
        )
        named = sorted({str(route) for name in columns for route in there[name].drop_nulls().unique()})
        raise HeadwayError(
            f"{source} {asked}",
            f"one of {', '.join(named[:MAX_ROUTES_SHOWN])}",
            "pass one of these with --route",
        )
    return rows


def whole_numbers(rows: pl.DataFrame, name: str, source: Path | str) -> pl.Series:
    """Return a column as Int64, nulls kept; raises HeadwayError for a value that is no whole number."""
    values = rows[name]
    read = values.cast(pl.Int64, strict=False)
    if values.dtype.is_float():
        read = read.set(values != values.floor(), None)
    elif values.dtype == pl.String:
        # Writers that know missing values only as NaN write 12.0 for 12.
        read = values.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    refuse_unread(values, values.is_not_null() & read.is_null(), name, "a whole number", source)
    return read


def epoch_instants(rows: pl.DataFrame, name: str, source: Path | str) -> pl.Series:
    """Return a column of epoch seconds as instants (UTC); zero and less is no time, and null."""
    seconds = whole_numbers(rows, name, source)
    return pl.from_epoch(seconds.set(seconds <= 0, None), "s").cast(INSTANT)


def directions(
    rows: pl.DataFrame, name: str, source: Path | str, known: dict[str, int] | None = None
) -> pl.Series:
    """Return a column of directions as 0 and 1, nulls kept; raises HeadwayError for any other value.

    `known` says which values stand for 0 and 1 where the archive writes neither them nor false and true.
    """
    values = rows[name]
    meaning = known or DIRECTIONS
    texts = values.cast(pl.String).str.strip_suffix(".0")
    texts = texts if known else texts.str.to_lowercase()
    read = texts.replace_strict(meaning, default=None, return_dtype=pl.Int64)
    refuse_unread(values, values.is_not_null() & read.is_null(), name, f"one of {', '.join(meaning)}", source)
    return read


def refuse_unread(values: pl.Series, unread: pl.Series, name: str, expected: str, source: Path | str) -> None:
    """Raise HeadwayError with the first value of a column that was `unread`."""
    if unread.any():
        raise HeadwayError(
            f"{source} has {name} {values[unread.arg_max()]!r}",
            expected,
            f"correct that row, or {SKIP_DAY_REMEDY}",
        )
