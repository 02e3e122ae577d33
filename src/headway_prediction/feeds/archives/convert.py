"""An archive of many days to one tidy log: days are read side by side, and written in order, one at a time."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import custom as mapped
from headway_prediction.feeds.archives import gobble, lamp, subwaydata
from headway_prediction.feeds.archives.archive_days import ArchiveDay, Format
from headway_prediction.feeds.archives.arrival_log import PassingDefinition, tidy_log
from headway_prediction.feeds.archives.column_map import ColumnMap
from headway_prediction.feeds.archives.dedup import DayConsistency
from headway_prediction.feeds.archives.log_writer import log_writer
from headway_prediction.feeds.archives.observations import ArchiveQuery, Observations

MIN_TRAIN_SHARE = 0.02
"""A platform passed by a smaller share of the trains of its direction's busiest one is on a detour, not on the line."""

DayReader = Callable[[ArchiveDay], Observations]


@dataclass(frozen=True)
class DayLog:
    """What came of a day: its log and how many rows were left out, and why; or the mistake that it was."""

    day: ArchiveDay
    log: pl.DataFrame | None = None
    excluded: Counter[str] = field(default_factory=Counter)
    error: HeadwayError | None = None


@dataclass
class ImportSummary:
    """What a whole archive came to."""

    passings: int = 0
    days: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    skipped: list[DayLog] = field(default_factory=list)
    trains_at: Counter[tuple[int, str]] = field(default_factory=Counter)

    def platforms(self, rare: bool) -> list[tuple[int, str]]:
        """Return the platforms (direction, stop id) that are `rare` or those that are not; see RARE_SHARE."""
        busiest = {d: max(n for (own, _), n in self.trains_at.items() if own == d) for d, _ in self.trains_at}
        return sorted(
            at for at, trains in self.trains_at.items() if (trains < MIN_TRAIN_SHARE * busiest[at[0]]) == rare
        )


def day_reader(form: Format | ColumnMap, query: ArchiveQuery) -> DayReader:
    """Return what reads a day of an archive of that format."""
    if isinstance(form, ColumnMap):
        return lambda day: mapped.read_day(day.files[0], form, query)
    return {
        Format.SUBWAYDATA: lambda day: subwaydata.read_day(day.files[0], query),
        Format.LAMP: lambda day: lamp.read_day(day.files[0], query),
        Format.GOBBLE: lambda day: gobble.read_day(day.files, day.name, query),
    }[form]


def day_logs(
    days: Iterable[ArchiveDay], read: DayReader, definition: PassingDefinition, workers: int
) -> Iterator[DayLog]:
    """Yield the log of each day, in order; `workers` days are read at once, and no more than those are held."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[DayLog]] = deque()
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


def write_logs(logs: Iterable[DayLog], out: Path | str, skip_bad_days: bool = False) -> ImportSummary:
    """Write the logs of the days to one Parquet file that `headway grid` reads, and return what it came to.

    Raises the first day's mistake, or with `skip_bad_days` passes over those days and names them in `skipped`. Raises
    HeadwayError as well where no day is left, two files hold the same train, or the two directions have no stop in common.
    """
    done, trains = ImportSummary(), DayConsistency()
    with log_writer(out) as writer:
        for result in logs:
            if result.error is not None:
                if not skip_bad_days:
                    raise result.error
                done.skipped.append(result)
                continue
            trains.add(result.log, result.day.name)
            writer.append(result.log)
            done.passings += result.log.height
            done.days += 1
            done.excluded += result.excluded
            at = result.log.group_by("direction_id", "stop_id").len()
            done.trains_at.update({(direction, stop): trains for direction, stop, trains in at.rows()})
        if not done.days:
            raise done.skipped[-1].error
        trains.refuse_one_way()
    return done


def _day_log(day: ArchiveDay, read: DayReader, definition: PassingDefinition) -> DayLog:
    try:
        log, excluded = tidy_log(read(day), definition)
        if log.is_empty():
            counts = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            raise HeadwayError(
                f"{day.name} has no passing that was observed ({counts or 'no rows'})",
                "one at least",
                "leave the day out with --skip-bad-days",
            )
        return DayLog(day, log, excluded)
    except HeadwayError as error:
        return DayLog(day, error=error)
