"""An archive of many days to one arrival log: days are read in parallel, and written in order, one at a time."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import Format, column_map, gobble, lamp, subwaydata
from headway_prediction.feeds.archives.archive_days import ArchiveDay
from headway_prediction.feeds.archives.arrival_log import PassingDefinition, tidy_log
from headway_prediction.feeds.archives.column_map import ColumnMap
from headway_prediction.feeds.archives.tables import SKIP_DAY_REMEDY, ArchiveQuery, Observations
from headway_prediction.files import parquet_parts

MIN_TRAIN_SHARE = 0.02
"""A platform with a smaller share of the trains of its direction's busiest platform is on a detour, not on the line."""
SCHEMA = pl.Schema(
    {
        "line_id": pl.String(),
        "service_date": pl.Date(),
        "trip_id": pl.String(),
        "direction_id": pl.Int64(),
        "stop_id": pl.String(),
        "stop_name": pl.String(),
        "stop_sequence": pl.Int64(),
        "event_time": pl.Datetime("us", "UTC"),
    }
)
"""ARRIVAL_COLUMNS as Parquet holds them."""

DayReader = Callable[[ArchiveDay], Observations]


@dataclass(frozen=True)
class DayLog:
    """The log of a day, and counts of exceptions (see `tidy_log`)."""

    day: ArchiveDay
    log: pl.DataFrame
    excluded: Counter[str]


@dataclass(frozen=True)
class FailedDay:
    """A day that could not be read."""

    day: ArchiveDay
    error: HeadwayError


@dataclass
class ImportSummary:
    """Totals of an import; `trains_at` counts passings by platform (direction, stop id)."""

    passings: int = 0
    days: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    skipped: list[FailedDay] = field(default_factory=list)
    trains_at: Counter[tuple[int, str]] = field(default_factory=Counter)

    def add(self, day: DayLog) -> None:
        """Add the totals of a day."""
        self.passings += day.log.height
        self.days += 1
        self.excluded += day.excluded
        at = day.log.group_by("direction_id", "stop_id").len()
        self.trains_at.update({(direction, stop): trains for direction, stop, trains in at.rows()})

    def platforms(self, rare: bool) -> list[tuple[int, str]]:
        """Return the platforms (direction, stop id) that are rare by MIN_TRAIN_SHARE, or those that are not."""
        busiest = {d: max(n for (own, _), n in self.trains_at.items() if own == d) for d, _ in self.trains_at}
        return sorted(
            at for at, trains in self.trains_at.items() if (trains < MIN_TRAIN_SHARE * busiest[at[0]]) == rare
        )


def day_reader(form: Format | ColumnMap, query: ArchiveQuery) -> DayReader:
    """Return the function that reads a day of an archive of that format."""
    if isinstance(form, ColumnMap):
        return lambda day: column_map.read_day(day.files[0], form, query)
    readers: dict[Format, DayReader] = {
        Format.SUBWAYDATA: lambda day: subwaydata.read_day(day.files[0], query),
        Format.LAMP: lambda day: lamp.read_day(day.files[0], query),
        Format.GOBBLE: lambda day: gobble.read_day(day.files, day.name, query),
    }
    return readers[form]


def day_logs(
    days: Iterable[ArchiveDay], read: DayReader, definition: PassingDefinition, workers: int
) -> Iterator[DayLog | FailedDay]:
    """Yield the log of each day, in order; at most `workers` days are read ahead and held in memory."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[DayLog | FailedDay]] = deque()
        try:
            for day in days:
                ahead.append(pool.submit(_day_log, day, read, definition))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for unread in ahead:
                unread.cancel()


def _day_log(day: ArchiveDay, read: DayReader, definition: PassingDefinition) -> DayLog | FailedDay:
    try:
        log, excluded = tidy_log(read(day), definition)
        if log.is_empty():
            counts = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            fault = f"{day.name} has no observed passing ({counts or 'no rows'})"
            raise HeadwayError(fault, "at least one", SKIP_DAY_REMEDY)
        return DayLog(day, log, excluded)
    except HeadwayError as error:
        return FailedDay(day, error)


def write_logs(
    logs: Iterable[DayLog | FailedDay], out: Path | str, skip_bad_days: bool = False
) -> ImportSummary:
    """Write the logs of the days to one Parquet file that `headway grid` reads.

    Raises the error of the first failed day, unless `skip_bad_days`: then those days are listed in `skipped`. Raises
    HeadwayError as well where no day remains, two files hold the same train, or the directions have no stop in common.
    """
    summary, consistency = ImportSummary(), DayConsistency()
    with parquet_parts(out, SCHEMA) as append:
        for result in logs:
            if isinstance(result, FailedDay):
                if not skip_bad_days:
                    raise result.error
                summary.skipped.append(result)
                continue
            consistency.add(result.log, result.day.name)
            append(result.log)
            summary.add(result)
        if not summary.days:
            raise summary.skipped[-1].error
        consistency.refuse_one_way()
    return summary


class DayConsistency:
    """Detects a day given twice, and directions without a common stop; holds a hash per train and a name per stop."""

    def __init__(self) -> None:
        self._trains: dict[date, npt.NDArray[np.uint64]] = {}
        self._sources: dict[date, str] = {}
        self._stops: dict[int, set[str]] = {0: set(), 1: set()}

    def add(self, log: pl.DataFrame, source: str) -> None:
        """Check a log against the earlier ones.

        Raises HeadwayError when it has a train that an earlier one has on the same service date, or as soon as both
        directions are known and have neither a stop id nor a stop name in common, which would make no line.
        """
        named = log.filter(pl.col("trip_id") != "").select("service_date", "direction_id", "trip_id").unique()
        keyed = named.select("service_date", key=pl.struct("direction_id", "trip_id").hash())
        for (day,), trains in keyed.partition_by("service_date", as_dict=True).items():
            keys, known = trains["key"].to_numpy(), self._trains.get(day, np.empty(0, np.uint64))
            if np.isin(keys, known).any():
                fault = f"{source} holds trains of {day} that {self._sources[day]} holds too"
                raise HeadwayError(fault, "each day once", "remove one of the two files")
            self._trains[day], self._sources[day] = np.concatenate([known, keys]), source
        for (direction,), rows in log.partition_by("direction_id", as_dict=True).items():
            self._stops[direction].update(rows["stop_id"].unique(), rows["stop_name"].unique())
        if all(self._stops.values()) and not self._stops[0] & self._stops[1]:
            raise HeadwayError(
                "the archive has stop ids without names, and the two directions share none",
                "names that show which two platforms are one station",
                "pass the line's GTFS zip with --stop-names",
            )

    def refuse_one_way(self) -> None:
        """Raise HeadwayError unless both directions have passings."""
        missing = [direction for direction, stops in self._stops.items() if not stops]
        if missing:
            raise HeadwayError(
                f"the archive has no passing in direction {missing[0]}",
                "passings of both directions",
                "check the route, and how its directions are written",
            )
