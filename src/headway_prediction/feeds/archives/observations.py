"""What a reader tells of a day: which train was seen at which stop, arriving when and leaving when."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

INSTANT = pl.Datetime("us", "UTC")

OBSERVED = {
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
    """What is wanted of an archive: the trains of `routes` (none named: of its only route), read in `time_zone`.

    `time_zone` is an IANA name, or None where neither a service date nor an instant has to be found with it.
    """

    routes: tuple[str, ...] = ()
    time_zone: str | None = None


@dataclass(frozen=True)
class Observations:
    """One row per train and stop (OBSERVED), or more where the archive says so, and how many rows were left out, and why.

    `trip_id` is empty and `station_id`, `stop_name`, `stop_sequence`, `arrival` and `departure` are null where the archive
    does not tell; `stop_sequence` grows along each train.
    """

    rows: pl.DataFrame
    excluded: Counter[str] = field(default_factory=Counter)


def observed(rows: pl.DataFrame, **excluded: int) -> Observations:
    """Return the rows with the columns and types of OBSERVED; a column that is not there is unknown, so null."""
    absent = [pl.lit(None).alias(name) for name in OBSERVED if name not in rows.columns]
    typed = rows.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in OBSERVED.items())
    counts = {reason.replace("_", " "): count for reason, count in excluded.items() if count}
    return Observations(typed.with_columns(pl.col("trip_id").fill_null("")), Counter(counts))
