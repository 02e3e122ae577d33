"""A bundle: everything a forecast needs, in one folder: network, fitted simple methods, line, plan, settings, scores.

bundle.json      format, code version, line, settings, service days, scores, services of the plan, where the data came from
network.keras    the trained network
methods/*.npz    what the simple methods fitted on the same training days
timetable.parquet  the planned passings, where there is a plan
SHA256SUMS       checksums of all of these, as `sha256sum --check` reads them
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from headway_prediction import __version__
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path, sha256
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.registry import SIMPLE_METHODS
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import Line
from headway_prediction.timetable import Service, Timetable

if TYPE_CHECKING:
    import keras

FORMAT = "headway-prediction bundle 1"
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Bundle:
    """A trained, described, checkable forecaster of one line.

    `days` names the service dates of `training`, `validation` and `test`; `simple_methods` are fitted on the training
    days; `details` holds what only people read: scores, the course of training, provenance.
    """

    line: Line
    config: AppConfig
    timetable: Timetable | None
    cap_mins: float
    days: Mapping[str, tuple[date, ...]]
    simple_methods: Mapping[str, Forecaster]
    network_path: Path
    details: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def network(self) -> "keras.Model":
        """The trained network, read when first used (it brings the training framework with it)."""
        import keras

        import headway_prediction.model  # noqa: F401  (registers the network's classes)

        return keras.saving.load_model(self.network_path, compile=False)

    @property
    def methods(self) -> list[str]:
        """The names of the bundle's methods, the ST-ConvNet last."""
        return [*self.simple_methods, STConvNetForecaster.name]

    def method(self, name: str) -> Forecaster:
        """Return a method by name; only the ST-ConvNet reads the network. Raises HeadwayError for one it does not have."""
        if name == STConvNetForecaster.name:
            return STConvNetForecaster(self.network, self.config)
        if name not in self.simple_methods:
            raise HeadwayError(
                f"the bundle has no method {name!r}",
                f"one of {', '.join(self.methods)}",
                "choose one of these",
            )
        return self.simple_methods[name]

    def predict(
        self, arrivals: pl.DataFrame | Path | str, at: datetime | None = None, method: str = "st-convnet"
    ) -> pl.DataFrame:
        """Forecast the next 15 minutes of every platform from an arrival log; see `forecast_now.forecast_now`."""
        from headway_prediction.forecast_now import forecast_now

        return forecast_now(self, arrivals, at, method)

    def check_fits(self, history: LineHistory) -> None:
        """Raise HeadwayError when `history` is of another line or grid than the bundle was trained on."""
        if history.line != self.line:
            raise HeadwayError(
                f"the grid is of {_describe(history.line)}",
                f"{_describe(self.line)}, which the bundle was trained on",
                "use the bundle of that line, or train one with `headway train`",
            )
        if history.grid.attrs["cap_mins"] != self.cap_mins:
            raise HeadwayError(
                f"the grid caps headways at {history.grid.attrs['cap_mins']} minutes",
                f"{self.cap_mins}, as in training",
                "build the grid with the same cap",
            )

    def save(self, path: Path | str) -> None:
        """Write the bundle to a folder, whole or not at all."""
        with atomic_path(path) as fresh:
            (fresh / "methods").mkdir(parents=True)
            (fresh / "network.keras").write_bytes(self.network_path.read_bytes())
            for name, method in self.simple_methods.items():
                np.savez(fresh / "methods" / f"{name}.npz", **method.state())
            if self.timetable is not None:
                self.timetable.planned.write_parquet(fresh / "timetable.parquet")
            (fresh / "bundle.json").write_text(json.dumps(self._manifest(), indent=1), encoding="utf-8")
            _write_checksums(fresh)

    def _manifest(self) -> dict[str, object]:
        services = self.timetable.services if self.timetable else ()
        return {
            "format": FORMAT,
            "code_version": __version__,
            "line": self.line.to_dict(),
            "config": self.config.to_dict(),
            "cap_mins": self.cap_mins,
            "days": {part: [day.isoformat() for day in days] for part, days in self.days.items()},
            "services": [service.to_dict() for service in services],
            "details": dict(self.details),
        }

    @classmethod
    def load(cls, path: Path | str) -> "Bundle":
        """Read a bundle; raises HeadwayError when the folder is no bundle, truncated, or edited since it was written."""
        path = Path(path)
        _verify_checksums(path)
        manifest = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise _unreadable(path, f"its format is {manifest['format']!r}")
        return cls(
            Line.from_dict(manifest["line"]),
            AppConfig.from_dict(manifest["config"]),
            _read_timetable(path, manifest["services"]),
            manifest["cap_mins"],
            {part: tuple(map(date.fromisoformat, days)) for part, days in manifest["days"].items()},
            _read_methods(path / "methods"),
            path / "network.keras",
            manifest["details"],
        )


def _describe(line: Line) -> str:
    return f"the line {line.line_id} ({line.stations[0].name} to {line.stations[-1].name}, {len(line.stations)} stations)"


def _files(folder: Path) -> list[str]:
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(path.relative_to(folder).as_posix() for path in found if path.name != CHECKSUMS)


def _write_checksums(folder: Path) -> None:
    lines = [f"{sha256(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


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
        f"a folder as `headway train` writes it, in the format {FORMAT!r}",
        "copy it again or train it again",
    )


def _read_timetable(path: Path, services: list[dict]) -> Timetable | None:
    if not (path / "timetable.parquet").is_file():
        return None
    planned = pl.read_parquet(path / "timetable.parquet")
    return Timetable(tuple(Service.from_dict(plain) for plain in services), planned)


def _read_methods(folder: Path) -> dict[str, Forecaster]:
    methods = {}
    for name, method in SIMPLE_METHODS.items():
        if (folder / f"{name}.npz").is_file():
            with np.load(folder / f"{name}.npz", allow_pickle=False) as state:
                methods[name] = method.from_state(dict(state))
    return methods
