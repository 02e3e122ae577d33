"""The files of an archive: its marker, a day's index, and one file per body.

An index has one line of JSON per attempt, appended and never changed:

    {"fetched_at": 1768292130.25, "outcome": "poll", "file": "081530.250-3f2a9c1d5b7e8a60.gz", "sha256": "…",
     "bytes": 110337, "status": 200, "seconds": 0.143, "content_type": "application/x-protobuf", "etag": "…"}

`fetched_at` is when the response was complete (epoch seconds), `sha256` and `bytes` are those of the body before it was
compressed. A poll that brought nothing new (status 304, or the same bytes) names the file that already holds its body, so
that every poll can be replayed, and a feed that stood still differs from a recorder that did not run. Unknown values are
left out.
"""

import gzip
import hashlib
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path

MARKER_NAME = "archive.json"
FORMAT = {"format": "headway archive", "version": 1}
INDEX_NAME = "index.jsonl"
DAY_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")
BODY_NAME = re.compile(r"\d{6}\.\d{3}-[0-9a-f]{16}\.gz")
GZIP_LEVEL = 6
"""gzip's default; the highest level saves little on polls and takes longer."""


class Outcome(StrEnum):
    """The result of one attempt."""

    POLL = "poll"
    """The body of a feed, stored."""
    QUARANTINED = "quarantined"
    """A body without the shape of a feed: stored for inspection, never replayed."""
    FAILED = "failed"
    """No body; `reason` holds the cause."""


@dataclass(frozen=True)
class StoredBody:
    """The file of a body in the day's folder, and the SHA-256 and length of the body before compression."""

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Attempt:
    """One line of an index. `body` is None for a failed attempt, and for one that is not in an archive yet."""

    fetched_at: float
    outcome: Outcome
    body: StoredBody | None = None
    status: int | None = None
    seconds: float | None = None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    reason: str | None = None


class DamagedBody(Exception):
    """A stored body that differs from what was recorded; the message describes the damage."""


# The marker and the days


def archive_days(folder: Path) -> list[str]:
    """Return the names of an archive's days, oldest first; folders without an index are not the archive's."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if DAY_NAME.fullmatch(path.name) and (path / INDEX_NAME).is_file()
    )


def is_archive(folder: Path) -> bool:
    """Return whether a folder has the marker of an archive, of whatever version."""
    return _marker(folder) is not None


def check_archive(folder: Path | str) -> Path:
    """Return the folder of an archive that this version reads. Raises HeadwayError for anything else."""
    folder = Path(folder)
    marker = _marker(folder)
    if marker is None or any(marker.get(name) != value for name, value in FORMAT.items()):
        raise HeadwayError(
            f"{folder} is no archive" if marker is None else f"{folder} is an archive of another format",
            f"a folder with {MARKER_NAME} that `headway record` wrote, version {FORMAT['version']}",
            "give the folder that was passed to record as --out",
        )
    return folder


def init_archive(folder: Path, url: str) -> None:
    """Make `folder` the archive of the feed at `url`, or check that it is.

    Raises HeadwayError for a folder that holds other files or another feed, or that cannot be written.
    """
    marker = _marker(folder)
    if marker is not None:
        check_archive(folder)
        if marker.get("url") != url:
            raise HeadwayError(
                f"{folder} holds the feed at {marker.get('url')}, not {url}",
                "one feed per archive",
                f"choose another folder, or correct the address in {folder / MARKER_NAME} if the feed has moved",
            )
        return
    if folder.exists() and not (folder.is_dir() and all(path.name[0] == "." for path in folder.iterdir())):
        raise HeadwayError(
            f"{folder} holds other files", "a new folder or an archive", "choose another folder with --out"
        )
    with atomic_path(folder / MARKER_NAME) as temporary:
        temporary.write_text(json.dumps(FORMAT | {"url": url}, indent=2) + "\n", encoding="utf-8")


def _marker(folder: Path) -> Mapping[str, object] | None:
    try:
        marker = json.loads((folder / MARKER_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) else None


# The index of a day


def append_attempt(index: Path, attempt: Attempt) -> None:
    """Append a line, or nothing: when the disk is full the index is left as it was. Raises OSError."""
    fields = asdict(attempt)
    fields = (
        {"fetched_at": attempt.fetched_at, "outcome": attempt.outcome} | (fields.pop("body") or {}) | fields
    )
    known = {name: value for name, value in fields.items() if value is not None}
    line = json.dumps(known, separators=(",", ":")).encode() + b"\n"
    with index.open("ab", buffering=0) as stream:
        before = stream.tell()
        try:
            if stream.write(line) != len(line):
                raise OSError("the disk is full")
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(before)
            raise


def cut_torn_line(index: Path) -> bool:
    """Cut off a last line without its end, which a crash of the machine may leave; return whether there was one."""
    data = index.read_bytes()
    complete = data.rfind(b"\n") + 1
    if complete == len(data):
        return False
    os.truncate(index, complete)
    return True


def read_index(index: Path, on_fault: Callable[[str], None]) -> Iterator[Attempt]:
    """Yield the attempts one by one; `on_fault` gets a sentence for a line that cannot be read or names a file elsewhere."""
    try:
        with index.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                attempt = _parse(line)
                if attempt is None:
                    on_fault(f"{index}, line {number}: no line of an index")
                else:
                    yield attempt
    except OSError as error:
        on_fault(f"{index}: {error.strerror}")


def _parse(line: bytes) -> Attempt | None:
    try:
        fields = json.loads(line)
        outcome, body = Outcome(fields.pop("outcome")), None
        if outcome is not Outcome.FAILED:
            body = StoredBody(*(fields.pop(name) for name in ("file", "sha256", "bytes")))
        attempt = Attempt(float(fields.pop("fetched_at")), outcome, body, **fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    usable = math.isfinite(attempt.fetched_at) and (body is None or _is_plausible(body))
    return attempt if usable else None


def _is_plausible(body: StoredBody) -> bool:
    in_folder = isinstance(body.file, str) and Path(body.file).name == body.file
    return in_folder and isinstance(body.sha256, str) and isinstance(body.bytes, int) and body.bytes >= 0


# The bodies of a day


def day_name(fetched_at: float) -> str:
    """Return the folder of a moment (epoch seconds): its date in UTC, since an archive knows no time zone of a line."""
    return datetime.fromtimestamp(fetched_at, UTC).strftime("%Y-%m-%d")


def file_name(fetched_at: float, checksum: str) -> str:
    """Return the name of a body that was first fetched at `fetched_at` (epoch seconds): time of day in UTC and checksum."""
    moment = datetime.fromtimestamp(fetched_at, UTC)
    return f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}-{checksum[:16]}.gz"


def time_in_name(day: str, name: str) -> float:
    """Return the moment (epoch seconds, to the millisecond) in the names of a day and of a file in it."""
    return datetime.strptime(f"{day} {name[:10]}000+0000", "%Y-%m-%d %H%M%S.%f%z").timestamp()


def checksum_of(body: bytes) -> str:
    """Return the SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def write_body(path: Path, body: bytes) -> None:
    """Write a compressed body and flush it to the disk. Raises HeadwayError when that fails."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(gzip.compress(body, GZIP_LEVEL, mtime=0))
        stream.flush()
        os.fsync(stream.fileno())


def read_body(day: Path, stored: StoredBody) -> bytes:
    """Return a body from a day's folder. Raises DamagedBody unless it has the recorded length and checksum."""
    try:
        with gzip.open(day / stored.file) as stream:
            body = stream.read(stored.bytes + 1)
    except FileNotFoundError as error:
        raise DamagedBody("the file is missing") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedBody("the file cannot be read") from error
    if len(body) != stored.bytes or checksum_of(body) != stored.sha256:
        raise DamagedBody("the checksum differs from the index")
    return body
