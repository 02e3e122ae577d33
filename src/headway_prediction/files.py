"""Atomic writes of files and folders, Parquet files written in parts, and checksums."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import polars as pl
from polars.exceptions import PolarsError

from headway_prediction.errors import HeadwayError


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _swap_in(temporary: Path, target: Path) -> None:
    if not target.is_dir():
        temporary.replace(target)
        return
    _refuse_other_folder(temporary, target)
    # A folder cannot be renamed over a full one: the old one is renamed first and deleted last.
    old = target.with_name(f".{target.name}.old-{uuid4().hex}")
    target.rename(old)
    temporary.rename(target)
    _remove(old)


def _refuse_other_folder(temporary: Path, target: Path) -> None:
    """Let only a folder replace an empty one, or one of its kind: they have a file at the top in common."""
    empty = not any(target.iterdir())
    if temporary.is_dir() and (empty or _top_files(temporary) & _top_files(target)):
        return
    raise HeadwayError(
        f"{target} is a folder that holds other things",
        "a new place, or what an earlier run wrote there",
        "choose another place, or empty that folder",
    )


def _top_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """Yield a temporary sibling of `target`, renamed over it on success and removed on failure.

    The body may create a file or a folder at the yielded path; `target`'s parents are made. A full disk or another
    failure of the operating system raises HeadwayError and leaves what stood at `target` before; so does a folder at
    `target` that is of another kind than the new one.
    """
    target = Path(target).resolve()
    temporary = target.with_name(f".{target.name}.new-{uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _swap_in(temporary, target)
    except (OSError, PolarsError) as error:
        raise HeadwayError(
            f"{target} could not be written: {getattr(error, 'strerror', None) or error}",
            "a folder with room and permission to write",
            "free some space or choose another place, then run the same command again",
        ) from error
    finally:
        # What could never be made cannot be removed either, and must not hide why.
        with suppress(OSError):
            _remove(temporary)


@contextmanager
def parquet_parts(
    target: Path | str, schema: pl.Schema, metadata: Mapping[str, str] | None = None
) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Yield a function that appends a table to a Parquet file, which is written whole or not at all, as `atomic_path` does.

    Each table is written to a file of its own beside the target, and all are joined at the end, so that memory holds one
    at a time. Columns are cast to the `schema`; the file keeps the order of the tables.
    """
    with atomic_path(target) as joined:
        parts, written = joined.with_name(f"{joined.name}.parts"), list[Path]()

        def append(table: pl.DataFrame) -> None:
            written.append(parts / f"{len(written):06d}.parquet")
            table.select(schema.names()).cast(schema).write_parquet(written[-1], compression="lz4")

        parts.mkdir()
        try:
            yield append
            whole = pl.scan_parquet(written, glob=False) if written else pl.LazyFrame(schema=schema)
            whole.sink_parquet(joined, metadata=dict(metadata or {}), maintain_order=True)
        finally:
            _remove(parts)


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of a list of files: of the lines that `sha256sum` prints for them in their folder."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
