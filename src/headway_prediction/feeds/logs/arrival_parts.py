"""Long arrival logs, of a year and more, read once: the survey of their line, and their passings in few bytes each.

A log may hold its rows in any order, but its readers need whole service dates. All passings are therefore held in memory,
ids as categories, and returned in parts of whole service dates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from headway_prediction.feeds.logs.arrivals import LogChecks, typed_batches
from headway_prediction.transit.line_survey import LineSurvey

PART_COLUMNS = pl.Schema(
    {
        "service_date": pl.Date(),
        "trip_id": pl.Categorical(),
        "direction_id": pl.Int8(),
        "stop_id": pl.Categorical(),
        "stop_sequence": pl.Int64(),
        "event_time": pl.Datetime("us", "UTC"),
    }
)
PART_ROWS = 400_000
"""A part ends with the service date that reaches it: what is made of a part on the way takes some times its memory."""


@dataclass(frozen=True)
class ArrivalParts:
    """A log's `parts`, in the order of their dates, with the columns of KEPT but stop_sequence; `survey` knows of that."""

    survey: LineSurvey
    parts: list[pl.DataFrame]

    def service_dates(self) -> pl.Series:
        """Return the service dates, each once."""
        return pl.concat([part["service_date"].unique() for part in self.parts]).sort()

    def drain(self) -> Iterator[pl.DataFrame]:
        """Hand the parts out, each once, and forget them."""
        while self.parts:
            yield self.parts.pop(0)


def read_arrival_parts(path: Path | str, refuse: bool = True, part_rows: int = PART_ROWS) -> ArrivalParts:
    """Read an arrival log, a file or a folder of files (Parquet, CSV), once.

    Raises HeadwayError as `typed_batches` and, if `refuse`, as LogChecks.
    """
    survey, batches = LineSurvey(), list[pl.DataFrame]()
    for log in typed_batches(path):
        survey.add_names(log)
        batches.append(log.select(pl.col(name).cast(kind) for name, kind in PART_COLUMNS.items()))
    log = pl.concat(batches, rechunk=False)
    batches.clear()
    checks, parts = LogChecks(), list[pl.DataFrame]()
    for part in _whole_dates(log, part_rows):
        survey.add_trains(part)
        checks.add(part)
        parts.append(part.drop("stop_sequence"))
    if refuse:
        checks.refuse()
    return ArrivalParts(survey, parts)


def _whole_dates(log: pl.DataFrame, part_rows: int) -> Iterator[pl.DataFrame]:
    if not log["service_date"].is_sorted():
        log = log.sort("service_date", maintain_order=True)
    start = rows = 0
    for of_date in log["service_date"].rle().struct.field("len"):
        rows += of_date
        if rows >= part_rows:
            yield log.slice(start, rows)
            start, rows = start + rows, 0
    if rows:
        yield log.slice(start, rows)
