"""A bundle: everything a forecast needs, in one folder that is checked when it is read. Nothing in it is unpickled.

bundle.json              format, code version, settings, lines and service days trained on, scores, provenance
networks/*.onnx          the trained networks, whose forecasts are averaged: ONNX (opset 18), rows and stations free
networks/*.keras         the same networks for further training, without the state of an optimizer
calibration.npz, rollout_calibration.npz   of their intervals, for the network's own leads and for the rollout
SHA256SUMS               checksums of all files, as `sha256sum --check` reads them

and, where the line statistics are fitted (the bundle of one line):

prior.npz, arrival_residuals.npz   the physics prior
methods/*.npz            the other simple methods and extra models
timetable.parquet        the planned passings, where there is a plan
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import polars as pl

from headway_prediction import __version__
from headway_prediction.bundle.files import (
    read_arrays,
    read_manifest,
    write_arrays,
    write_manifest,
)
from headway_prediction.bundle.forecast import forecast_at, origin_now, rows_of
from headway_prediction.bundle.statistics import (
    FittedStatistics,
    RollingStatistics,
    TrainedLine,
    check_cap,
)
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.base import FittableForecaster, Forecaster
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.onnx_network import OnnxNetwork, load_networks
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import METHODS, with_leads
from headway_prediction.forecasters.rolling_fit import RollingPrior
from headway_prediction.forecasters.rollout import Rollout, RolloutCalibration
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from headway_prediction.grid.plan_variants import PlanKind
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Service, Timetable

FORMAT = "headway-prediction bundle 10"


@dataclass(frozen=True)
class Bundle:
    """Trained networks and what they need to forecast.

    `lines` are those trained on, that of the statistics first; `network_paths` are ONNX files, each beside its Keras file;
    `prior` is the source of the networks' prior; `statistics` are fitted (a bundle of one line) or rolling (a multi-line
    bundle, which forecasts any line); `details` are for people: scores, the course of training, provenance.
    """

    config: AppConfig
    cap_mins: float
    lines: tuple[TrainedLine, ...]
    network_paths: tuple[Path, ...]
    calibration: Calibration
    rollout: RolloutCalibration
    prior: FittedPrior | RollingPrior
    statistics: FittedStatistics | RollingStatistics
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def networks(self) -> list[OnnxNetwork]:
        """The trained networks, read when first used."""
        return load_networks(self.network_paths)

    @cached_property
    def _network(self) -> STConvNetForecaster:
        return STConvNetForecaster(self.networks, self.config, self.prior, self.calibration)

    @cached_property
    def _networks_on_line(self) -> dict[str, Forecaster]:
        names = self.statistics.network_names
        return {name: self.statistics.on_line(self._network, name) for name in names}

    @property
    def is_single_line(self) -> bool:
        """Whether the bundle holds one line, its plan and statistics that were fitted on it."""
        return isinstance(self.statistics, FittedStatistics)

    @property
    def fitted(self) -> FittedStatistics:
        """The statistics of the bundle's line; raises HeadwayError for a multi-line bundle."""
        if isinstance(self.statistics, FittedStatistics):
            return self.statistics
        raise HeadwayError(
            f"the bundle is of several lines, {', '.join(known.line.line_id for known in self.lines)}",
            "the bundle of one line",
            "train one on the line's own days with `headway train --grid`",
        )

    @property
    def fitted_prior(self) -> FittedPrior:
        """The prior fitted on the bundle's line; raises HeadwayError for a multi-line bundle."""
        if isinstance(self.prior, FittedPrior):
            return self.prior
        self.fitted  # noqa: B018  (raises)
        raise AssertionError

    @property
    def line(self) -> Line:
        """The bundle's line; raises HeadwayError for a multi-line bundle."""
        return self.fitted.line

    @property
    def timetable(self) -> Timetable | None:
        """The plan of the bundle's line; raises HeadwayError for a multi-line bundle."""
        return self.fitted.timetable

    @property
    def training_dates(self) -> tuple[date, ...]:
        """The dates that the statistics were fitted on; none of a multi-line bundle."""
        return self.lines[0].days["training"] if self.is_single_line else ()

    @property
    def methods(self) -> list[str]:
        """The names of all methods, those of the networks last."""
        return [*self.statistics.methods, *self.statistics.network_names]

    def methods_on(self, history: LineHistory) -> list[str]:
        """Return the methods that can forecast a line."""
        return self.statistics.methods_on(self.methods, history)

    def method(self, name: str) -> Forecaster:
        """Return a method by name; only those of the networks read them. Raises HeadwayError for an unknown one."""
        known = [*self.methods, Rollout.name]
        if name not in known:
            raise HeadwayError(
                f"the bundle has no method {name!r}", f"one of {', '.join(known)}", "choose one of these"
            )
        if name in self.statistics.methods:
            return self.statistics.methods[name]
        return Rollout(self._network, self.rollout) if name == Rollout.name else self._networks_on_line[name]

    def predict(
        self,
        arrivals: pl.DataFrame | Path | str | LineHistory,
        at: datetime | None = None,
        method: str = STConvNetForecaster.name,
    ) -> pl.DataFrame:
        """Forecast the next minutes of every platform, in the columns of the exported forecasts and stop_name.

        `arrivals` is a checked log or the path of one or, for a multi-line bundle, the history of a line; nothing from `at`
        on is used. `at` without a zone is in the line's own; None is the end of the minute of the last passing. Raises
        HeadwayError for another line, a moment before the first or long after the last passing of its service date, an
        unknown method, or a bundle that was trained on observed departures as its plan.
        """
        forecaster = self.method(method)
        if isinstance(arrivals, LineHistory):
            self.check_fits(arrivals)
            return forecast_at(arrivals, forecaster, at)
        return rows_of(forecaster, self.origin_now(arrivals, at))

    def origin_now(self, arrivals: pl.DataFrame | Path | str, at: datetime | None) -> ForecastOrigin:
        """Return the last minute before `at`, with the history of its service date as known then; see `predict`."""
        self.check_not_oracle()
        return origin_now(self.line, self.timetable, self.cap_mins, arrivals, at)

    def check_not_oracle(self) -> None:
        """Raise HeadwayError for a bundle whose plan is the observed departures, which are not known in time."""
        if self.details.get("plan") == PlanKind.ORACLE:
            raise HeadwayError(
                "the bundle was trained on observed departures as its plan (oracle)",
                "one trained on planned departures or none",
                "use it with `headway backtest` alone",
            )

    def check_fits(self, history: LineHistory) -> None:
        """Raise HeadwayError for a history of another line or cap than the bundle's."""
        self.statistics.check_line(history.line)
        check_cap(history, self.cap_mins)

    def select_test_dates(self, history: LineHistory, wanted: Sequence[date] | None = None) -> list[date]:
        """Return the dates to backtest; raises HeadwayError as `evaluation.backtest.select_test_dates`."""
        return self.statistics.test_dates(history, self.lines, wanted)

    def save(self, path: Path | str) -> None:
        """Write the bundle to a folder, whole or not at all."""
        with atomic_path(path) as folder:
            (folder / "networks").mkdir(parents=True)
            for number, network in enumerate(self.network_paths, start=1):
                for file in (network, network.with_suffix(".keras")):
                    shutil.copyfile(file, folder / "networks" / f"{number:02d}{file.suffix}")
            write_arrays(folder / "calibration.npz", self.calibration.state())
            write_arrays(folder / "rollout_calibration.npz", self.rollout.state())
            if self.is_single_line:
                _write_statistics(folder, self.fitted, self.fitted_prior)
            write_manifest(folder, self._manifest())

    def _manifest(self) -> dict[str, Any]:
        timetable = self.timetable if self.is_single_line else None
        return {
            "format": FORMAT,
            "code_version": __version__,
            "config": self.config.to_dict(),
            "cap_mins": self.cap_mins,
            "lines": [known.to_dict() for known in self.lines],
            "statistics": "fitted" if self.is_single_line else "rolling",
            "services": [service.to_dict() for service in timetable.services] if timetable else [],
            "details": dict(self.details),
        }

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a bundle; raises HeadwayError for a folder that is none, is truncated, edited or of another format."""
        folder = Path(path)
        manifest = read_manifest(folder, FORMAT)
        config = AppConfig.from_dict(manifest["config"])
        lines = tuple(map(TrainedLine.from_dict, manifest["lines"]))
        prior: FittedPrior | RollingPrior
        statistics: FittedStatistics | RollingStatistics
        if manifest["statistics"] == "fitted":
            prior = _read_prior(folder)
            methods = _read_methods(folder, prior.physics, config.forecast_mins)
            timetable = _read_timetable(folder, manifest["services"])
            statistics = FittedStatistics(lines[0].line, timetable, methods)
        else:
            statistics = RollingStatistics(config.forecast_mins)
            prior = statistics.prior
        return cls(
            config=config,
            cap_mins=manifest["cap_mins"],
            lines=lines,
            network_paths=tuple(sorted((folder / "networks").glob("*.onnx"))),
            calibration=Calibration.from_state(read_arrays(folder / "calibration.npz")),
            rollout=RolloutCalibration.from_state(read_arrays(folder / "rollout_calibration.npz")),
            prior=prior,
            statistics=statistics,
            details=manifest["details"],
        )

    @classmethod
    def load_single_line(cls, path: Path | str) -> Self:
        """Read the bundle of one line; raises HeadwayError for a multi-line bundle, and as `load` does."""
        bundle = cls.load(path)
        if bundle.fitted:
            return bundle
        raise AssertionError


def _write_statistics(folder: Path, statistics: FittedStatistics, prior: FittedPrior) -> None:
    write_arrays(folder / "prior.npz", prior.physics.state())
    write_arrays(folder / "arrival_residuals.npz", prior.arrival_residuals.state())
    (folder / "methods").mkdir()
    for name, method in statistics.methods.items():
        if name != TripPropagation.name:
            write_arrays(folder / "methods" / f"{name}.npz", method.state())
    if statistics.timetable is not None:
        statistics.timetable.planned.write_parquet(folder / "timetable.parquet")


def _read_prior(folder: Path) -> FittedPrior:
    residuals = ArrivalResiduals.from_state(read_arrays(folder / "arrival_residuals.npz"))
    return FittedPrior(PhysicsPrior.from_state(read_arrays(folder / "prior.npz")), residuals)


def _read_methods(folder: Path, prior: PhysicsPrior, leads: int) -> dict[str, FittableForecaster]:
    """Trip propagation is the prior as a method, so it has no file of its own."""
    methods: dict[str, FittableForecaster] = {}
    for name, method in METHODS.items():
        path = folder / "methods" / f"{name}.npz"
        if name == TripPropagation.name:
            methods[name] = with_leads(TripPropagation(prior), leads)
        elif path.is_file():
            methods[name] = with_leads(method.from_state(read_arrays(path)), leads)
    return methods


def _read_timetable(folder: Path, services: Sequence[dict[str, Any]]) -> Timetable | None:
    if not (folder / "timetable.parquet").is_file():
        return None
    planned = pl.read_parquet(folder / "timetable.parquet")
    return Timetable(tuple(Service.from_dict(plain) for plain in services), planned)
