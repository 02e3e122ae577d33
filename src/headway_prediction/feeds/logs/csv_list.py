"""Short lists that people write by hand: CSV, all texts."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError


def read_csv_list(path: Path | str, what: str, required: Sequence[str]) -> pl.DataFrame:
    """Return a CSV file's columns as texts; raises HeadwayError, calling the file `what`, unless it has all `required`."""
    path = Path(path)
    try:
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        listed = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HeadwayError(
            f"{what} {path} could not be read ({str(error).splitlines()[0]})",
            f"a CSV file with the columns {', '.join(required)}",
            "check the path and the file",
        ) from error
    missing = [name for name in required if name not in listed.columns]
    if missing:
        raise HeadwayError(
            f"{path} has no column {missing[0]!r}", f"the columns {', '.join(required)}", "add or rename it"
        )
    return listed
