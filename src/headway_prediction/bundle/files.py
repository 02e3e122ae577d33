"""The files of a bundle: arrays, networks, and a manifest under checksums."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.files import sha256

MANIFEST = "bundle.json"
CHECKSUMS = "SHA256SUMS"


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to a file."""
    # `savez` has parameters of its own, which a name of an array may not take: none of ours does.
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a file."""
    with np.load(path, allow_pickle=False) as state:
        return dict(state)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, and last the checksums of everything in the folder."""
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    lines = [f"{sha256(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_manifest(folder: Path, known_format: str) -> dict[str, Any]:
    """Return the manifest of a bundle.

    Raises HeadwayError when the folder is no bundle, truncated, edited since it was written, or of another format.
    """
    _verify_checksums(folder)
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != known_format:
        raise _unreadable(folder, f"its format is {manifest['format']!r}, not {known_format!r}")
    return manifest


def _files(folder: Path) -> list[str]:
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(path.relative_to(folder).as_posix() for path in found if path.name != CHECKSUMS)


def _verify_checksums(folder: Path) -> None:
    if not (folder / CHECKSUMS).is_file():
        raise _unreadable(folder, f"it has no {CHECKSUMS}" if folder.is_dir() else "there is no such folder")
    listed = dict(line.split("  ", 1)[::-1] for line in (folder / CHECKSUMS).read_text("utf-8").splitlines())
    if sorted(listed) != _files(folder):
        odd = sorted(set(listed) ^ set(_files(folder)))
        raise _unreadable(folder, f"the file {odd[0]} is missing or was added")
    changed = [name for name, checksum in listed.items() if sha256(folder / name) != checksum]
    if changed:
        raise _unreadable(folder, f"{changed[0]} was changed or cut short since the bundle was written")


def _unreadable(path: Path, problem: str) -> HeadwayError:
    return HeadwayError(
        f"{path} is not a sound bundle: {problem}",
        "a folder as `headway train` writes it",
        "copy it again or train it again",
    )
