"""Putting a day right that was being written when the process was killed.

An unfinished body bears a temporary name and is swept away; a whole body that no line names is given one; a line without its
end, which only a crash of the machine can leave, is cut off.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

from headway_prediction.feeds.recorder.body_store import NAME, checksum_of, time_in_name
from headway_prediction.feeds.recorder.feed_shape import has_feed_shape
from headway_prediction.feeds.recorder.index import (
    INDEX_NAME,
    Attempt,
    Outcome,
    append,
    cut_torn_line,
    read_index,
)


def repair_day(day: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Mend a day's folder; return its bodies, checksum to file name. Raises OSError."""
    for leftover in day.glob(".*.new-*"):
        leftover.unlink()
    index = day / INDEX_NAME
    if cut_torn_line(index):
        say(f"{index}: an unfinished last line was cut off")
    files = {line.sha256: line.file for line in read_index(index, say) if line.sha256 and line.file}
    listed = set(files.values())
    for path in sorted(day.iterdir()):
        if NAME.fullmatch(path.name) and path.name not in listed:
            adopted = _adopt(path)
            if adopted is not None:
                files[adopted] = path.name
                say(f"{path}: stored when the recorder was killed, now in the index")
    return files


def _adopt(path: Path) -> str | None:
    """Give a body that no line names its line; return its checksum, or None for a file that cannot be read."""
    try:
        body = gzip.decompress(path.read_bytes())
        fetched_at = time_in_name(path.parent.name, path.name)
    except (OSError, EOFError, ValueError):
        return None
    outcome = Outcome.POLL if has_feed_shape(body) else Outcome.QUARANTINED
    checksum = checksum_of(body)
    line = Attempt(fetched_at, outcome, file=path.name, sha256=checksum, bytes=len(body))
    append(path.parent / INDEX_NAME, line)
    return checksum
