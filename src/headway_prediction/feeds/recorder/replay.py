"""Reading an archive: its polls again, as they were fetched, and whether it still holds what was recorded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.archive_format import (
    BODY_NAME,
    INDEX_NAME,
    DamagedBody,
    Outcome,
    StoredBody,
    archive_days,
    check_archive,
    day_name,
    read_body,
    read_index,
)


def replay(
    archive: Path | str,
    on_fault: Callable[[str], None],
    *,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[Poll]:
    """Yield the polls fetched from `since` up to before `until` (epoch seconds), one by one, in order of fetching.

    Polls that brought nothing new are included: they have the very same `body` object as the one before, so that an
    identity test finds them. What cannot be read is passed to `on_fault` and left out. One body is in memory at a time.
    Raises HeadwayError for a folder that is no archive, and for `since` not before `until`.
    """
    folder = check_archive(archive)
    if since is not None and until is not None and since >= until:
        raise HeadwayError(
            "the replay ends before it begins", "an end after the beginning", "correct one of them"
        )
    days = [
        day
        for day in archive_days(folder)
        if (since is None or day >= day_name(since)) and (until is None or day <= day_name(until))
    ]
    return (
        poll
        for day in days
        for poll in _polls_of_day(folder / day, on_fault)
        if (since is None or poll.fetched_at >= since) and (until is None or poll.fetched_at < until)
    )


def _polls_of_day(day: Path, on_fault: Callable[[str], None]) -> Iterator[Poll]:
    file, body = None, b""
    for attempt in read_index(day / INDEX_NAME, on_fault):
        if attempt.outcome is not Outcome.POLL or attempt.body is None:
            continue
        if attempt.body.file != file:
            file = attempt.body.file
            try:
                body = read_body(day, attempt.body)
            except DamagedBody as damage:
                on_fault(f"{day / file}: {damage}")
                continue
        yield Poll(attempt.fetched_at, body)


def check_speed(speed: float) -> None:
    """Raise HeadwayError for a speed that is not positive."""
    if not speed > 0:
        raise HeadwayError(f"the speed is {speed:g}", "1 for real time, or more", "correct --speed")


@dataclass(frozen=True)
class DayCheck:
    """One day of an archive: numbers of attempts by outcome, of intact files, and the faults."""

    day: str
    outcomes: dict[Outcome, int]
    intact_files: int
    faults: tuple[str, ...]


def verify(archive: Path | str) -> Iterator[DayCheck]:
    """Read every body of every day and compare it with the index, day by day.

    Faults are lines that cannot be read, and files that are missing, damaged, or named by no line. Raises HeadwayError for a
    folder that is no archive.
    """
    folder = check_archive(archive)
    return (_check_day(folder / day) for day in archive_days(folder))


def _check_day(day: Path) -> DayCheck:
    faults: list[str] = []
    # Listed before the index is read: a poll that is recorded meanwhile must not look unlisted.
    files = sorted(path for path in day.iterdir() if BODY_NAME.fullmatch(path.name))
    outcomes = dict.fromkeys(Outcome, 0)
    bodies: dict[str, StoredBody] = {}
    for attempt in read_index(day / INDEX_NAME, faults.append):
        outcomes[attempt.outcome] += 1
        body = attempt.body
        if body and bodies.setdefault(body.file, body).sha256 != body.sha256:
            faults.append(f"{day / body.file}: named with two checksums")
    damages = [damage for body in bodies.values() if (damage := _damage(day, body))]
    unlisted = [f"{path}: named by no line of the index" for path in files if path.name not in bodies]
    return DayCheck(day.name, outcomes, len(bodies) - len(damages), (*faults, *damages, *unlisted))


def _damage(day: Path, body: StoredBody) -> str | None:
    try:
        read_body(day, body)
    except DamagedBody as damage:
        return f"{day / body.file}: {damage}"
    return None
