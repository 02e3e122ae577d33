"""A day's index: one line of JSON per attempt, appended and never changed.

    {"fetched_at": 1768292130.25, "outcome": "poll", "file": "081530.250-3f2a9c1d5b7e8a60.gz", "sha256": "…",
     "bytes": 110337, "status": 200, "seconds": 0.143, "content_type": "application/x-protobuf", "etag": "…"}

`fetched_at` is when the answer had come whole (epoch seconds), `sha256` and `bytes` are those of the body before it was
compressed. A poll that brought nothing new (status 304, or the same bytes) names the file that holds its body already, so
that every poll can be played again and a feed that stood still is told from a recorder that did not run. What is unknown
is left out.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

INDEX_NAME = "index.jsonl"


class Outcome(StrEnum):
    """What became of one attempt."""

    POLL = "poll"
    """A body of a feed; `file` holds it."""
    QUARANTINED = "quarantined"
    """A body without the shape of a feed, kept in `file` for whoever wants to know; never replayed."""
    FAILED = "failed"
    """No body; `reason` says why."""


@dataclass(frozen=True)
class Attempt:
    """One line of an index."""

    fetched_at: float
    outcome: Outcome
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    status: int | None = None
    seconds: float | None = None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    reason: str | None = None


def append(index: Path, attempt: Attempt) -> None:
    """Add a line, or nothing: when the disk is full the index is left as it was. Raises OSError."""
    told = {name: value for name, value in asdict(attempt).items() if value is not None}
    line = json.dumps(told, separators=(",", ":")).encode() + b"\n"
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
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return False
    os.truncate(index, whole)
    return True


def read_index(index: Path, on_fault: Callable[[str], None]) -> Iterator[Attempt]:
    """Give the attempts one by one; lines that cannot be read, or name a file elsewhere, are told to `on_fault`."""
    try:
        with index.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                attempt = _parsed(line)
                if attempt is None:
                    on_fault(f"{index}, line {number}: no line of an index")
                else:
                    yield attempt
    except OSError as error:
        on_fault(f"{index}: {error.strerror}")


def _parsed(line: bytes) -> Attempt | None:
    try:
        told = json.loads(line)
        attempt = Attempt(
            **told | {"outcome": Outcome(told["outcome"]), "fetched_at": float(told["fetched_at"])}
        )
    except (ValueError, TypeError, KeyError):
        return None
    if not math.isfinite(attempt.fetched_at):
        return None
    has_body = attempt.outcome is not Outcome.FAILED
    named = isinstance(attempt.file, str) and Path(attempt.file).name == attempt.file
    sized = isinstance(attempt.bytes, int) and attempt.bytes >= 0 and isinstance(attempt.sha256, str)
    return attempt if not has_body or (named and sized) else None
