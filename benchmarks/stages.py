"""Cached stages of a benchmark: results are kept in a folder and never mixed with those of other settings."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path


def stage(path: Path, make: Callable[[Path], object]) -> Path:
    """Run `make` unless its result exists; return the path of the result."""
    if not path.exists():
        print(f"making {path}", file=sys.stderr, flush=True)
        make(path)
    return path


def write_json(path: Path, content: dict) -> None:
    with atomic_path(path) as fresh:
        fresh.write_text(json.dumps(content, indent=1), encoding="utf-8")


def check_settings(path: Path, wanted: dict[str, object]) -> None:
    """Store the settings that the results in a folder depend on; raise HeadwayError where stored ones differ."""
    stage(path, lambda path: write_json(path, wanted))
    found = json.loads(path.read_text(encoding="utf-8"))
    other = sorted(name for name in wanted if found.get(name) != wanted[name])
    if other:
        found = f"{path} holds results of other settings ({', '.join(other)})"
        raise HeadwayError(found, "the settings of the first run", "repeat them, or pass another --out")
