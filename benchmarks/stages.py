"""What benchmarks of several stages share: results that stay in a folder, never mixed with those of other settings."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path


def stage(path: Path, make: Callable[[Path], object]) -> Path:
    """Make what is not there yet."""
    if not path.exists():
        print(f"making {path}", file=sys.stderr, flush=True)
        make(path)
    return path


def write_json(path: Path, content: dict) -> None:
    with atomic_path(path) as fresh:
        fresh.write_text(json.dumps(content, indent=1), encoding="utf-8")


def refuse_others(path: Path, wanted: dict[str, object]) -> None:
    """Keep plain settings that the results beside them depend on; refuse to go on with others."""
    stage(path, lambda path: write_json(path, wanted))
    found = json.loads(path.read_text(encoding="utf-8"))
    other = sorted(name for name in wanted if found.get(name) != wanted[name])
    if other:
        raise HeadwayError(
            f"{path} is of other settings ({', '.join(other)})",
            "the settings that the folder was started with",
            "give them again, or another --out",
        )
