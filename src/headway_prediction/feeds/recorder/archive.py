"""The writing end of an archive: one process at a time, which may be killed at any moment.

A body is renamed into place before the index names it; what a kill in between leaves, `remedy` puts right.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.body_store import checksum_of, day_name, file_name, write_body
from headway_prediction.feeds.recorder.index import INDEX_NAME, Attempt, append
from headway_prediction.feeds.recorder.layout import MARKER_NAME, archive_days, init_archive
from headway_prediction.feeds.recorder.repair import repair_day

LOCK_NAME = ".lock"
GOING = ".going"
BLOCK_BYTES = 512


class Archive:
    """An archive that is being written; from `open_archive`."""

    def __init__(self, folder: Path, say: Callable[[str], None]):
        self.folder, self._say = folder, say
        self.day_bytes = {day: _disk_bytes(folder / day) for day in archive_days(folder)}
        """Bytes on the disk by day."""
        self._day: str | None = None
        self._files: dict[str, str] = {}
        """The day's bodies: checksum to file name."""

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        """Write down an attempt, and its body unless the day has it; return whether the body was new.

        Raises HeadwayError when the disk is full or fails; the archive then is as it was before.
        """
        try:
            with _disk_errors_as_headway_errors(self.folder):
                self._enter(day_name(attempt.fetched_at))
                self._index.stat()
                if body is None:
                    append(self._index, attempt)
                    return False
                return self._keep_body(attempt, body)
        except HeadwayError:
            # The day is looked at anew next time: somebody may have moved its folder away.
            self._day = None
            raise

    def delete_day(self, day: str) -> None:
        """Delete a day: at once for whoever reads, then file by file. Raises HeadwayError when that cannot be."""
        going = self.folder / f".{day}{GOING}"
        # Forgotten first: a day that cannot be deleted is said once, and not tried again at every poll.
        del self.day_bytes[day]
        with _disk_errors_as_headway_errors(self.folder):
            (self.folder / day).rename(going)
            shutil.rmtree(going)

    @property
    def _index(self) -> Path:
        return self.folder / self._day / INDEX_NAME

    def _keep_body(self, attempt: Attempt, body: bytes) -> bool:
        checksum = checksum_of(body)
        known = self._files.get(checksum)
        name = known or file_name(attempt.fetched_at, checksum)
        path = self._index.with_name(name)
        if known is None:
            write_body(path, body)
        try:
            append(self._index, replace(attempt, file=name, sha256=checksum, bytes=len(body)))
        except OSError:
            if known is None:
                path.unlink(missing_ok=True)
            raise
        self._files[checksum] = name
        if known is None:
            self.day_bytes[self._day] += _file_bytes(path)
        return known is None

    def _enter(self, day: str) -> None:
        if day == self._day:
            return
        # Without its marker it is another place, for instance where a disk was mounted until now.
        (self.folder / MARKER_NAME).stat()
        folder = self.folder / day
        folder.mkdir(exist_ok=True)
        (folder / INDEX_NAME).touch()
        files = repair_day(folder, self._say)
        self.day_bytes |= {
            each: _disk_bytes(self.folder / each)
            for each in {self._day, day} & set(archive_days(self.folder))
        }
        self._day, self._files = day, files


@contextmanager
def open_archive(folder: Path | str, url: str, say: Callable[[str], None]) -> Iterator[Archive]:
    """Open the archive of the feed at `url` for writing, made if needed, and mend what a kill left behind.

    Raises HeadwayError for a folder that holds something else, that another recorder writes, or that cannot be written.
    """
    folder = Path(folder)
    with _disk_errors_as_headway_errors(folder):
        init_archive(folder, url)
        lock = (folder / LOCK_NAME).open("w")
    with lock:
        _lock(lock, folder)
        with _disk_errors_as_headway_errors(folder):
            for going in folder.glob(f".*{GOING}"):
                shutil.rmtree(going)
            _repair_newest_day(folder, say)
            archive = Archive(folder, say)
        try:
            yield archive
        finally:
            # An interrupt comes at any moment, too: between a body and its line, for instance.
            with suppress(OSError):
                _repair_newest_day(folder, say)


def _repair_newest_day(folder: Path, say: Callable[[str], None]) -> None:
    for day in archive_days(folder)[-1:]:
        repair_day(folder / day, say)


def _lock(lock: object, folder: Path) -> None:
    # The operating system frees it when the process dies, however that comes about.
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
            "free some space, or limit the archive with --keep-days or --keep-gb",
        ) from error


def _disk_bytes(day: Path) -> int:
    return sum(_file_bytes(path) for path in day.iterdir())


def _file_bytes(path: Path) -> int:
    return path.stat().st_blocks * BLOCK_BYTES
