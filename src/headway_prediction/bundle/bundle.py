"""A bundle: everything a forecast needs, in one folder: network, fitted simple methods, line, plan, settings, scores.

bundle.json      format, code version, line, settings, service days, scores, services of the plan, where the data came from
arrival_corrections.npz  how much later than the first guess expects trains really arrive
methods/*.npz    what the simple methods, and LightGBM where it was asked for, fitted on the same training days
timetable.parquet  the planned passings, where there is a plan
and what `bundle_parts` describes: networks, calibration, checksums
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from headway_prediction import __version__
from headway_prediction.bundle.files import (
    check_cap,
    check_method,
    load_networks,
    read_arrays,
    read_manifest,
    read_networks,
    seal,
    write_networks,
)
from headway_prediction.bundle.multi_line_bundle import LINES_FORMAT, LinesBundle
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import select_test_dates
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import METHODS
from headway_prediction.forecasters.rollout import Rollout, RolloutCalibration
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service, Timetable

if TYPE_CHECKING:
    import keras

FORMAT = "headway-prediction bundle 7"


@dataclass(frozen=True)
class Bundle:
    """A trained, described, checkable forecaster of one line.

    `days` names the service dates of `training`, `validation` and `test`; `simple_methods` (LightGBM among them where it
    was asked for) and `arrival_residuals`, how trains really arrive, are fitted on the training days; `details` holds what only
    people read: scores, the course of training, provenance.
    """

    line: Line
    config: AppConfig
    timetable: Timetable | None
    cap_mins: float
    days: Mapping[str, tuple[date, ...]]
    simple_methods: Mapping[str, Forecaster]
    arrival_residuals: ArrivalResiduals
    network_paths: tuple[Path, ...]
    calibration: Calibration
    rollout: RolloutCalibration
    details: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def networks(self) -> "list[keras.Model]":
        """The trained networks, read when first used (they bring the training framework with them)."""
        return load_networks(self.network_paths)

    @property
    def fitted_prior(self) -> FittedPrior:
        """What the networks are told: the physical first guess, and how trains really arrive."""
        return FittedPrior(self.simple_methods[TripPropagation.name].prior, self.arrival_residuals)

    @property
    def methods(self) -> list[str]:
        """The names of the bundle's methods, the ST-ConvNet last."""
        return [*self.simple_methods, STConvNetForecaster.name]

    def methods_on(self, history: LineHistory) -> list[str]:
        """Return the methods that have something to say about a history of the line: all."""
        return self.methods

    def method(self, name: str) -> Forecaster:
        """Return a method by name; only the ST-ConvNet reads the network. Raises HeadwayError for one it does not have."""
        check_method(name, [*self.methods, Rollout.name])
        if name in self.simple_methods:
            return self.simple_methods[name]
        network = STConvNetForecaster(self.networks, self.config, self.fitted_prior, self.calibration)
        return Rollout(network, self.rollout) if name == Rollout.name else network

    def predict(
        self, arrivals: pl.DataFrame | Path | str, at: datetime | None = None, method: str = "st-convnet"
    ) -> pl.DataFrame:
        """Forecast the next 15 minutes of every platform from an arrival log; see `forecast_now.forecast_now`."""
        from headway_prediction.bundle.forecast import forecast_now

        return forecast_now(self, arrivals, at, method)

    def check_fits(self, history: LineHistory) -> None:
        """Raise HeadwayError when `history` is of another line or grid than the bundle was trained on."""
        if history.line != self.line:
            raise HeadwayError(
                f"the grid is of {_describe(history.line)}",
                f"{_describe(self.line)}, which the bundle was trained on",
                "use the bundle of that line, or train one with `headway train`",
            )
        check_cap(history, self.cap_mins)

    @property
    def training_dates(self) -> tuple[date, ...]:
        """The dates of the line that its methods were fitted on."""
        return self.days["training"]

    def select_test_dates(self, history: LineHistory, wanted: Sequence[date] | None = None) -> list[date]:
        """Return the dates to forecast; see `evaluation.backtest.select_test_dates`."""
        return select_test_dates(history, self.days, wanted)

    def save(self, path: Path | str) -> None:
        """Write the bundle to a folder, whole or not at all."""
        with atomic_path(path) as fresh:
            write_networks(fresh, self.network_paths, self.calibration, self.rollout)
            np.savez(fresh / "arrival_corrections.npz", **self.arrival_residuals.state())
            (fresh / "methods").mkdir()
            for name, method in self.simple_methods.items():
                np.savez(fresh / "methods" / f"{name}.npz", **method.state())
            if self.timetable is not None:
                self.timetable.planned.write_parquet(fresh / "timetable.parquet")
            seal(fresh, self._manifest())

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
    def load(cls, path: Path | str) -> "Bundle | LinesBundle":
        """Read a bundle, of one line or of several.

        Raises HeadwayError when the folder is no bundle, truncated, or edited since it was written.
        """
        path = Path(path)
        manifest = read_manifest(path, (FORMAT, LINES_FORMAT))
        return (LinesBundle if manifest["format"] == LINES_FORMAT else cls).read(path, manifest)

    @classmethod
    def load_single_line(cls, path: Path | str) -> Self:
        """Read a bundle of one line; raises HeadwayError for one of several, and as `load` does."""
        bundle = cls.load(path)
        if isinstance(bundle, LinesBundle):
            raise HeadwayError(
                f"{path} is a bundle of several lines",
                "the bundle of one line",
                "train one on the line's own days with `headway train --grid`",
            )
        return bundle

    @classmethod
    def read(cls, path: Path, manifest: Mapping[str, object]) -> Self:
        """Rebuild what `save` wrote from its folder and its manifest, whose checksums were verified."""
        return cls(
            Line.from_dict(manifest["line"]),
            AppConfig.from_dict(manifest["config"]),
            _read_timetable(path, manifest["services"]),
            manifest["cap_mins"],
            {part: tuple(map(date.fromisoformat, days)) for part, days in manifest["days"].items()},
            _read_methods(path / "methods"),
            ArrivalResiduals.from_state(read_arrays(path / "arrival_corrections.npz")),
            *read_networks(path),
            manifest["details"],
        )


def _describe(line: Line) -> str:
    return f"the line {line.line_id} ({line.stations[0].name} to {line.stations[-1].name}, {len(line.stations)} stations)"


def _read_timetable(path: Path, services: list[dict]) -> Timetable | None:
    if not (path / "timetable.parquet").is_file():
        return None
    planned = pl.read_parquet(path / "timetable.parquet")
    return Timetable(tuple(Service.from_dict(plain) for plain in services), planned)


def _read_methods(folder: Path) -> dict[str, Forecaster]:
    methods = {}
    for name, method in METHODS.items():
        if (folder / f"{name}.npz").is_file():
            methods[name] = method.from_state(read_arrays(folder / f"{name}.npz"))
    return methods
