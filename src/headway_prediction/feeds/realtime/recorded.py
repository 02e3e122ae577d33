"""Recorded polls from disk: archives of the recorder, or plain files that each hold one response body, gzipped or not."""

import gzip
import heapq
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.archive_format import is_archive
from headway_prediction.feeds.recorder.replay import replay

SUFFIXES = {".pb", ".gz", ".bin"}
EPOCH_IN_NAME = re.compile(r"(?<!\d)[12]\d{9}(?:\.\d+)?(?!\d)")


def recorded_polls(paths: Iterable[Path | str], on_fault: Callable[[str], None]) -> Iterator[Poll]:
    """Yield the polls of recorder archives, files and folders (`.pb`, `.bin`, or gzipped `.gz`), in order of time.

    The fetch time of a file is the epoch seconds in its name, such as `1772239225.pb`, or else its header's timestamp. A
    file without a FeedMessage is reported to `on_fault` and skipped. Raises HeadwayError for a missing path, and where
    there is no file at all.
    """
    folders = [Path(path) for path in paths]
    archives = [folder for folder in folders if is_archive(folder)]
    files = [file for path in folders if path not in archives for file in _files(path)]
    if not archives and not files:
        raise HeadwayError(
            "there is no recorded poll",
            f"an archive of `headway record`, or files that end with {', '.join(sorted(SUFFIXES))}, one poll each",
            "give the folder or files of a recorded feed",
        )
    replayed = [replay(archive, on_fault) for archive in archives]
    yield from heapq.merge(*replayed, _polls_of_files(files, on_fault), key=lambda poll: poll.fetched_at)


def _polls_of_files(files: list[Path], on_fault: Callable[[str], None]) -> Iterator[Poll]:
    dated = [(fetched_at, file) for file in files if (fetched_at := _fetched_at(file, on_fault)) is not None]
    for fetched_at, file in sorted(dated):
        body = _body(file, on_fault)
        if body is not None:
            yield Poll(fetched_at, body)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    if not path.is_file():
        raise HeadwayError(
            f"there is no file or folder {path}", "a recorded poll or a folder of them", "check the path"
        )
    return [path]


def _fetched_at(file: Path, on_fault: Callable[[str], None]) -> float | None:
    named = EPOCH_IN_NAME.search(file.name.removesuffix(file.suffix))
    body = _body(file, on_fault)
    if body is None:
        return None
    try:
        header = FeedMessage.FromString(body).header.timestamp
    except DecodeError:
        on_fault(f"{file} is skipped: it holds no FeedMessage")
        return None
    if named is None and not header:
        on_fault(f"{file} is skipped: neither its name nor its header holds a fetch time")
        return None
    return float(named[0]) if named else float(header)


def _body(file: Path, on_fault: Callable[[str], None]) -> bytes | None:
    try:
        raw = file.read_bytes()
        return gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        on_fault(f"{file} is skipped: it cannot be read ({error})")
        return None
