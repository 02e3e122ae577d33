"""Writing an archive: one process at a time, which may be killed at any moment.

A body is renamed into place before the index names it. When an archive is opened, `repair_day` completes what a kill
interrupted: an unfinished body has a temporary name and is deleted; a complete body that no line names gets a line; a line
without its end, which only a crash of the machine can leave, is cut off.
"""

import fcntl
import gzip
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.archive_format import (
    BODY_NAME,
    INDEX_NAME,
    MARKER_NAME,
    Attempt,
    Outcome,
    StoredBody,
    append_attempt,
    archive_days,
    checksum_of,
    cut_torn_line,
    day_name,
    file_name,
    init_archive,
    read_index,
    time_in_name,
    write_body,
)
from headway_prediction.feeds.recorder.classify import has_feed_shape

LOCK_NAME = ".lock"
DELETING = ".deleting"
BLOCK_BYTES = 512
"""The unit of `st_blocks`."""


@dataclass(frozen=True)
class Retention:
    """How much of the past an archive keeps; None sets no limit."""

    days: int | None = None
    """Recorded days, today among them. They are counted, not dated: a wrong clock must not empty an archive."""
    bytes: int | None = None
    """Bytes on the disk."""

    def expired(self, day_bytes: Mapping[str, int], today: str) -> list[str]:
        """Return the days to delete, oldest first, of `day_bytes` (bytes by ISO date).

        Whole days are deleted, because each is complete by itself; never today or a later one, even if it is too large
        alone.
        """
        past, total = sorted(day for day in day_bytes if day < today), sum(day_bytes.values())
        surplus = 0 if self.days is None else len(past) + 1 - self.days
        expired = []
        for number, day in enumerate(past):
            if number >= surplus and (self.bytes is None or total <= self.bytes):
                break
            expired.append(day)
            total -= day_bytes[day]
        return expired


@dataclass(frozen=True)
class _OpenDay:
    """The day that is written: its folder, and the file name of each body by checksum."""

    folder: Path
    files: dict[str, str]

    @property
    def index(self) -> Path:
        return self.folder / INDEX_NAME


class Archive:
    """An archive that is being written; from `open_archive`."""

    def __init__(self, folder: Path, log: Callable[[str], None]):
        self.folder, self._log = folder, log
        self.day_bytes = {day: _disk_bytes(folder / day) for day in archive_days(folder)}
        """Bytes on the disk by day."""
        self._day: _OpenDay | None = None

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        """Store an attempt, and its body unless the day has it; return whether the body was new.

        Raises HeadwayError when the disk is full or fails; the archive then is as it was before.
        """
        try:
            with _disk_errors_as_headway_errors(self.folder):
                day = self._open(day_name(attempt.fetched_at))
                if body is None:
                    append_attempt(day.index, attempt)
                    return False
                return self._add_body(day, attempt, body)
        except HeadwayError:
            # The next attempt reads the day anew: its folder may have been moved away.
            self._day = None
            raise

    def delete_day(self, day: str) -> None:
        """Delete a day: at once for readers, then file by file. Raises HeadwayError when that fails."""
        deleting = self.folder / f".{day}{DELETING}"
        # Forgotten first: a day that cannot be deleted is logged once, and not tried again at every poll.
        del self.day_bytes[day]
        with _disk_errors_as_headway_errors(self.folder):
            (self.folder / day).rename(deleting)
            shutil.rmtree(deleting)

    def _add_body(self, day: _OpenDay, attempt: Attempt, body: bytes) -> bool:
        checksum = checksum_of(body)
        known = day.files.get(checksum)
        name = known or file_name(attempt.fetched_at, checksum)
        path = day.folder / name
        if known is None:
            write_body(path, body)
        try:
            append_attempt(day.index, replace(attempt, body=StoredBody(name, checksum, len(body))))
        except OSError:
            if known is None:
                path.unlink(missing_ok=True)
            raise
        day.files[checksum] = name
        if known is None:
            self.day_bytes[day.folder.name] += _file_bytes(path)
        return known is None

    def _open(self, name: str) -> _OpenDay:
        if self._day is None or self._day.folder.name != name:
            self._day = self._open_other(name)
        self._day.index.stat()
        return self._day

    def _open_other(self, name: str) -> _OpenDay:
        # Without its marker this is another folder, for instance the mount point of a disk that is gone.
        (self.folder / MARKER_NAME).stat()
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / INDEX_NAME).touch()
        files = repair_day(folder, self._log)
        changed = {name} | ({self._day.folder.name} if self._day else set())
        self.day_bytes |= {
            each: _disk_bytes(self.folder / each) for each in changed & set(archive_days(self.folder))
        }
        return _OpenDay(folder, files)


@contextmanager
def open_archive(folder: Path | str, url: str, log: Callable[[str], None]) -> Iterator[Archive]:
    """Open the archive of the feed at `url` for writing, created if needed, and repair what a kill interrupted.

    Raises HeadwayError for a folder that holds something else, that another recorder writes, or that cannot be written.
    """
    folder = Path(folder)
    with _disk_errors_as_headway_errors(folder):
        init_archive(folder, url)
        lock = (folder / LOCK_NAME).open("w")
    with lock:
        _lock(lock, folder)
        with _disk_errors_as_headway_errors(folder):
            for deleting in folder.glob(f".*{DELETING}"):
                shutil.rmtree(deleting)
            _repair_newest_day(folder, log)
            archive = Archive(folder, log)
        try:
            yield archive
        finally:
            # An interrupt comes at any moment, too: between a body and its line, for instance.
            with suppress(OSError):
                _repair_newest_day(folder, log)


def repair_day(day: Path, log: Callable[[str], None]) -> dict[str, str]:
    """Repair a day's folder; return its bodies, checksum to file name. Raises OSError."""
    for leftover in day.glob(".*.new-*"):
        leftover.unlink()
    index = day / INDEX_NAME
    if cut_torn_line(index):
        log(f"{index}: an unfinished last line was cut off")
    bodies = [attempt.body for attempt in read_index(index, log) if attempt.body]
    files = {body.sha256: body.file for body in bodies}
    listed = set(files.values())
    for path in sorted(day.iterdir()):
        if BODY_NAME.fullmatch(path.name) and path.name not in listed:
            checksum = _add_to_index(path)
            if checksum is not None:
                files[checksum] = path.name
                log(f"{path}: stored when the recorder was killed, now in the index")
    return files


def _add_to_index(path: Path) -> str | None:
    """Append the line of a body that has none; return its checksum, or None for a file that cannot be read."""
    try:
        body = gzip.decompress(path.read_bytes())
        fetched_at = time_in_name(path.parent.name, path.name)
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    outcome = Outcome.POLL if has_feed_shape(body) else Outcome.QUARANTINED
    stored = StoredBody(path.name, checksum_of(body), len(body))
    append_attempt(path.parent / INDEX_NAME, Attempt(fetched_at, outcome, stored))
    return stored.sha256


def _repair_newest_day(folder: Path, log: Callable[[str], None]) -> None:
    for day in archive_days(folder)[-1:]:
        repair_day(folder / day, log)


def _lock(lock: IO[str], folder: Path) -> None:
    # The operating system frees the lock when the process ends, however that happens.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeadwayError(
            f"another recorder writes {folder}",
            "one recorder per archive",
            "stop it, or choose another folder with --out",
        ) from error


@contextmanager
def _disk_errors_as_headway_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, HeadwayError) as error:
        cause = error.__cause__ if isinstance(error, HeadwayError) else error
        if not isinstance(cause, OSError):
            raise
        raise HeadwayError(
            f"the archive {folder} could not be written: {cause.strerror or cause}",
            "a folder with room and permission to write",
            "free some space, or limit the archive with --retention-days or --max-gb",
        ) from error


def _disk_bytes(day: Path) -> int:
    return sum(_file_bytes(path) for path in day.iterdir())


def _file_bytes(path: Path) -> int:
    return path.stat().st_blocks * BLOCK_BYTES
