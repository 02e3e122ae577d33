"""The file of one poll: its name, its bytes, and what a damaged one says."""

import gzip
import hashlib
import os
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path

from headway_prediction.feeds.recorder.index import Attempt
from headway_prediction.files import atomic_path

NAME = re.compile(r"\d{6}\.\d{3}-[0-9a-f]{16}\.gz")
LEVEL = 6
"""gzip's usual effort; the highest gains little on polls and takes longer."""


class DamagedBody(Exception):
    """A stored body that is not what was stored; the text says how."""


def day_name(fetched_at: float) -> str:
    """Return the folder of a moment: its date in UTC, for an archive knows no line and no zone."""
    return datetime.fromtimestamp(fetched_at, UTC).strftime("%Y-%m-%d")


def file_name(fetched_at: float, checksum: str) -> str:
    """Return the name of a body that first came at `fetched_at` (epoch seconds): time of day in UTC and checksum."""
    moment = datetime.fromtimestamp(fetched_at, UTC)
    return f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}-{checksum[:16]}.gz"


def time_in_name(day: str, name: str) -> float:
    """Return the moment (epoch seconds, to the millisecond) that the names of a day and of a file in it tell."""
    return datetime.strptime(f"{day} {name[:10]}000+0000", "%Y-%m-%d %H%M%S.%f%z").timestamp()


def checksum_of(body: bytes) -> str:
    """Return the SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def write_body(path: Path, body: bytes) -> None:
    """Write a compressed body, on the disk for good when this returns. Raises HeadwayError when it cannot be."""
    with atomic_path(path) as fresh, fresh.open("wb") as stream:
        stream.write(gzip.compress(body, LEVEL, mtime=0))
        stream.flush()
        os.fsync(stream.fileno())


def read_body(path: Path, attempt: Attempt) -> bytes:
    """Return the body that `attempt` names. Raises Damaged unless it has that length and checksum."""
    try:
        with gzip.open(path) as stream:
            body = stream.read(attempt.bytes + 1)
    except FileNotFoundError as error:
        raise DamagedBody("the file is missing") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedBody("the file cannot be read") from error
    if len(body) != attempt.bytes or checksum_of(body) != attempt.sha256:
        raise DamagedBody("the checksum is another one than the index holds")
    return body
