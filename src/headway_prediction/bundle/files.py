"""What bundles of one line and of several have in common: networks, their calibration, checksums, and what is refused.

networks/*.keras the trained networks, whose forecasts are averaged
calibration.npz, feed_back.npz  what makes their intervals true, up to 15 minutes and up to 60
SHA256SUMS       checksums of all files of the bundle, as `sha256sum --check` reads them
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.files import sha256
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.rollout import RolloutCalibration
from headway_prediction.grid.history import LineHistory

if TYPE_CHECKING:
    import keras

MANIFEST = "bundle.json"
CHECKSUMS = "SHA256SUMS"


def write_networks(
    folder: Path, network_paths: Sequence[Path], calibration: Calibration, rollout: RolloutCalibration
) -> None:
    """Put copies of the networks and their calibrations into a bundle's folder."""
    (folder / "networks").mkdir(parents=True)
    for number, path in enumerate(network_paths, start=1):
        (folder / "networks" / f"{number:02d}.keras").write_bytes(path.read_bytes())
    np.savez(folder / "calibration.npz", **calibration.state())
    np.savez(folder / "feed_back.npz", **rollout.state())


def read_networks(folder: Path) -> tuple[tuple[Path, ...], Calibration, RolloutCalibration]:
    """Return where the networks of a bundle's folder lie, and their calibrations."""
    paths = tuple(sorted((folder / "networks").glob("*.keras")))
    calibration = Calibration.from_state(read_arrays(folder / "calibration.npz"))
    return paths, calibration, RolloutCalibration.from_state(read_arrays(folder / "feed_back.npz"))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a file."""
    with np.load(path, allow_pickle=False) as state:
        return dict(state)


def load_networks(network_paths: Sequence[Path]) -> "list[keras.Model]":
    """Load the networks (they bring the training framework with them)."""
    import keras

    import headway_prediction.model  # noqa: F401  (registers the classes of the networks)

    return [keras.saving.load_model(path, compile=False) for path in network_paths]


def seal(folder: Path, manifest: dict[str, object]) -> None:
    """Write the manifest, and last the checksums of everything in the folder."""
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    lines = [f"{sha256(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def check_cap(history: LineHistory, cap_mins: float) -> None:
    """Raise HeadwayError for a grid whose headways are capped elsewhere than at `cap_mins`, as in training."""
    if history.grid.attrs["cap_mins"] != cap_mins:
        raise HeadwayError(
            f"the grid caps headways at {history.grid.attrs['cap_mins']} minutes",
            f"{cap_mins}, as in training",
            "build the grid with the same cap",
        )


def check_method(name: str, methods: Sequence[str]) -> None:
    """Raise HeadwayError for a method that a bundle does not have."""
    if name not in methods:
        raise HeadwayError(
            f"the bundle has no method {name!r}", f"one of {', '.join(methods)}", "choose one of these"
        )


def read_manifest(folder: Path, formats: Sequence[str]) -> dict:
    """Return the manifest of a bundle in one of the `formats`.

    Raises HeadwayError when the folder is no bundle, truncated, or edited since it was written.
    """
    _verify_checksums(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] not in formats:
        raise _unreadable(
            folder, f"its format is {manifest['format']!r}, not {' or '.join(map(repr, formats))}"
        )
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
