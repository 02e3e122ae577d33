"""What an archive's folder says of itself, and its days."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.index import INDEX_NAME
from headway_prediction.files import atomic_path

MARKER_NAME = "archive.json"
FORMAT = {"format": "headway archive", "version": 1}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def archive_days(folder: Path) -> list[str]:
    """Return the names of an archive's days, oldest first; folders without an index are somebody else's."""
    return sorted(
        path.name for path in folder.iterdir() if DAY.fullmatch(path.name) and (path / INDEX_NAME).is_file()
    )


def is_archive(folder: Path) -> bool:
    """Tell a folder that says it is an archive, of whatever version."""
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
    """Make `folder` the archive of the feed at `url`, or see that it is.

    Raises HeadwayError for a folder that holds other things or another feed, or that cannot be written.
    """
    if _marker(folder) is not None:
        _check_same_feed(check_archive(folder), url)
        return
    if folder.exists() and not (folder.is_dir() and all(path.name[0] == "." for path in folder.iterdir())):
        raise HeadwayError(
            f"{folder} holds other things", "a new folder or an archive", "choose another folder with --out"
        )
    with atomic_path(folder / MARKER_NAME) as fresh:
        fresh.write_text(json.dumps(FORMAT | {"url": url}, indent=2) + "\n", encoding="utf-8")


def _check_same_feed(folder: Path, url: str) -> None:
    held = (_marker(folder) or {}).get("url")
    if held != url:
        raise HeadwayError(
            f"{folder} holds the feed at {held}, not {url}",
            "one feed per archive",
            f"choose another folder, or correct the address in {folder / MARKER_NAME} if the feed has moved",
        )


def _marker(folder: Path) -> Mapping[str, object] | None:
    try:
        marker = json.loads((folder / MARKER_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) else None
