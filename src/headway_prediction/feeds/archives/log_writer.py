"""A tidy log written day by day: nothing of the days before stays in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from headway_prediction.files import atomic_path

SCHEMA = pa.schema(
    [
        ("line_id", pa.string()),
        ("service_date", pa.date32()),
        ("trip_id", pa.string()),
        ("direction_id", pa.int64()),
        ("stop_id", pa.string()),
        ("stop_name", pa.string()),
        ("stop_sequence", pa.int64()),
        ("event_time", pa.timestamp("us", "UTC")),
    ]
)
"""The columns of feeds.arrivals, as Parquet holds them."""


class LogWriter:
    """Appends logs to one Parquet file, a row group each."""

    def __init__(self, writer: pq.ParquetWriter):
        self._writer = writer

    def append(self, log: pl.DataFrame) -> None:
        """Write a log with the columns of feeds.arrivals.COLUMNS, in their order."""
        self._writer.write_table(log.to_arrow().cast(SCHEMA), row_group_size=max(1, log.height))


@contextmanager
def log_writer(path: Path | str) -> Iterator[LogWriter]:
    """Open a log to write: whole under its name when the block ends well, or not there at all."""
    with atomic_path(path) as fresh, pq.ParquetWriter(fresh, SCHEMA, compression="zstd") as writer:
        yield LogWriter(writer)
