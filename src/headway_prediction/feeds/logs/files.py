"""The files of a log, Parquet or CSV, some rows at a time: no more than those are in memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
