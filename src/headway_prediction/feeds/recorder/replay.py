"""An archive's polls again, as they were fetched."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.body_store import DamagedBody, day_name, read_body
from headway_prediction.feeds.recorder.index import INDEX_NAME, Outcome, read_index
from headway_prediction.feeds.recorder.layout import archive_days, check_archive
from headway_prediction.feeds.recorder.record import Clock


def replay(
    archive: Path | str,
    on_fault: Callable[[str], None],
    *,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[Poll]:
    """Give the polls fetched from `since` up to before `until` (epoch seconds), one by one, in the order they came.

    Every poll comes, also one that brought nothing new: it then has the very same `body` object as the one before, so
    that whoever follows may know cheaply. What cannot be read is told to `on_fault` and left out. One body is in memory
    at a time. Raises HeadwayError for a folder that is no archive, and for since not before until.
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
    name, body = None, b""
    for attempt in read_index(day / INDEX_NAME, on_fault):
        if attempt.outcome is not Outcome.POLL:
            continue
        if attempt.file != name:
            try:
                name, body = attempt.file, read_body(day / attempt.file, attempt)
            except DamagedBody as damage:
                on_fault(f"{day / attempt.file}: {damage}")
                continue
        yield Poll(attempt.fetched_at, body)


def paced(polls: Iterable[Poll], speed: float, clock: Clock | None = None) -> Iterator[Poll]:
    """Give each poll when its turn comes: as far from the first one as it was fetched, `speed` times as fast.

    A poll whose turn has passed comes at once. Raises HeadwayError for a speed that is not positive.
    """
    clock = clock or Clock()
    check_speed(speed)
    first, started = None, 0.0
    for poll in polls:
        if first is None:
            first, started = poll.fetched_at, clock.elapsed()
        due = started + (poll.fetched_at - first) / speed
        clock.sleep(max(0.0, due - clock.elapsed()))
        yield poll


def check_speed(speed: float) -> None:
    """Raise HeadwayError for a speed that is not positive."""
    if not speed > 0:
        raise HeadwayError(f"the speed is {speed:g}", "1 for real time, or more", "correct --speed")
