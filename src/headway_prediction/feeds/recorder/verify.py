"""Whether an archive still holds what was recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headway_prediction.feeds.recorder.body_store import NAME, DamagedBody, read_body
from headway_prediction.feeds.recorder.index import INDEX_NAME, Attempt, Outcome, read_index
from headway_prediction.feeds.recorder.layout import archive_days, check_archive


@dataclass(frozen=True)
class DayCheck:
    """One day of an archive: attempts by outcome, files that are as they were stored, and what is wrong."""

    day: str
    outcomes: dict[Outcome, int]
    intact_files: int
    faults: tuple[str, ...]


def verify(archive: Path | str) -> Iterator[DayCheck]:
    """Read every body of every day and compare it with the index, day by day.

    Faults are lines that cannot be read, files that are missing, damaged, or named by no line. Raises HeadwayError for a
    folder that is no archive.
    """
    folder = check_archive(archive)
    return (_check_day(folder / day) for day in archive_days(folder))


def _check_day(day: Path) -> DayCheck:
    faults: list[str] = []
    # Listed before the index is read: a poll that is recorded meanwhile is no stranger.
    files = sorted(path for path in day.iterdir() if NAME.fullmatch(path.name))
    outcomes, named = dict.fromkeys(Outcome, 0), {}
    for attempt in read_index(day / INDEX_NAME, faults.append):
        outcomes[attempt.outcome] += 1
        if attempt.file and named.setdefault(attempt.file, attempt).sha256 != attempt.sha256:
            faults.append(f"{day / attempt.file}: named with two checksums")
    damages = [damage for attempt in named.values() if (damage := _damage(day, attempt))]
    strangers = [f"{path}: named by no line of the index" for path in files if path.name not in named]
    return DayCheck(day.name, outcomes, len(named) - len(damages), (*faults, *damages, *strangers))


def _damage(day: Path, attempt: Attempt) -> str | None:
    try:
        read_body(day / attempt.file, attempt)
    except DamagedBody as damage:
        return f"{day / attempt.file}: {damage}"
    return None
