"""A bundle of several lines: networks for lines that they have never seen, in one folder.

bundle.json      format, code version, settings, the lines and the service days trained on, scores
and what `bundle_parts` describes: networks, calibration, checksums

What one line alone can tell (running times, trips, usual headways) is not in it: that comes, at every service date, from
the past of the line that is forecast (`forecasters.own_past`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import polars as pl

from headway_prediction import __version__
from headway_prediction.bundle.files import (
    check_cap,
    check_method,
    load_networks,
    read_networks,
    seal,
    write_networks,
)
from headway_prediction.bundle.forecast import forecast_from_history
from headway_prediction.bundle.line_adaptation import BLENDED, LineAdaptation
from headway_prediction.config import AppConfig
from headway_prediction.evaluation.backtest import select_test_dates
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.baselines import Schedule
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.registry import SIMPLE_METHODS
from headway_prediction.forecasters.rolling_fit import RollingFit, RollingPrior
from headway_prediction.forecasters.rollout import Rollout, RolloutCalibration
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import Line

if TYPE_CHECKING:
    import keras

LINES_FORMAT = "headway-prediction bundle of lines 5"


@dataclass(frozen=True)
class TrainedLine:
    """A line that networks were trained on, and its service dates by use: `training`, `validation` and `test`."""

    line: Line
    days: Mapping[str, tuple[date, ...]]

    def to_dict(self) -> dict[str, object]:
        """Return plain values that JSON can hold."""
        days = {part: [day.isoformat() for day in dates] for part, dates in self.days.items()}
        return {"line": self.line.to_dict(), "days": days}

    @classmethod
    def from_dict(cls, plain: dict) -> Self:
        """Rebuild what `to_dict` returned."""
        days = {part: tuple(map(date.fromisoformat, dates)) for part, dates in plain["days"].items()}
        return cls(Line.from_dict(plain["line"]), days)


@dataclass(frozen=True)
class LinesBundle:
    """Trained, described, checkable networks of no single line; Bundle's interface where both have a use for it.

    `lines` are those trained on; `details` holds what only people read: scores, the course of training.
    """

    lines: tuple[TrainedLine, ...]
    config: AppConfig
    cap_mins: float
    network_paths: tuple[Path, ...]
    calibration: Calibration
    rollout: RolloutCalibration
    details: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def networks(self) -> "list[keras.Model]":
        """The trained networks, read when first used."""
        return load_networks(self.network_paths)

    @cached_property
    def _own_past(self) -> dict[str, RollingFit]:
        return {name: RollingFit(method) for name, method in SIMPLE_METHODS.items()}

    @cached_property
    def _network(self) -> STConvNetForecaster:
        prior = RollingPrior(self._own_past[TripPropagation.name])
        return STConvNetForecaster(self.networks, self.config, prior, self.calibration)

    @cached_property
    def _own_networks(self) -> dict[str, RollingFit]:
        return {
            name: RollingFit(LineAdaptation(self._network, name))
            for name in (STConvNetForecaster.name, BLENDED)
        }

    @property
    def methods(self) -> list[str]:
        """The names of all methods, last the ST-ConvNet, alone and pooled with simple methods."""
        return [*SIMPLE_METHODS, STConvNetForecaster.name, BLENDED]

    def methods_on(self, history: LineHistory) -> list[str]:
        """Return the methods that have something to say about a line: `schedule` only where there is a plan."""
        return [name for name in self.methods if name != Schedule.name or history.timetable is not None]

    def method(self, name: str) -> Forecaster:
        """Return a method by name, fitted on the past of the line it forecasts; raises HeadwayError for an unknown one."""
        check_method(name, [*self.methods, Rollout.name])
        if name in self._own_past:
            return self._own_past[name]
        return Rollout(self._network, self.rollout) if name == Rollout.name else self._own_networks[name]

    def check_fits(self, history: LineHistory) -> None:
        """Raise HeadwayError when `history` caps its headways otherwise than the grids trained on; any line is welcome."""
        check_cap(history, self.cap_mins)

    @property
    def training_dates(self) -> tuple[date, ...]:
        """The dates of a line that methods were fitted on before they forecast it: none."""
        return ()

    def select_test_dates(self, history: LineHistory, wanted: Sequence[date] | None = None) -> list[date]:
        """Return the dates to forecast, or check those `wanted`: of a line trained on, none that training used.

        By default all but the first, before which the line has no past. A line is known by its id and time zone: the
        branches of a line share trains. Raises HeadwayError as `evaluation.backtest.select_test_dates`.
        """
        same = [known.days for known in self.lines if _same(known.line, history.line)]
        used = {part: [day for days in same for day in days[part]] for part in ("training", "validation")}
        if wanted is None and len(history.service_dates) > 1:
            history = history.select(history.service_dates[1:])
        return select_test_dates(history, used, wanted)

    def predict(
        self, history: LineHistory, at: datetime | None = None, method: str = STConvNetForecaster.name
    ) -> pl.DataFrame:
        """Forecast the next 15 minutes of every platform from a line's history; see `forecast_now.forecast_from_history`."""
        self.check_fits(history)
        return forecast_from_history(history, self.method(method), at)

    def save(self, path: Path | str) -> None:
        """Write the bundle to a folder, whole or not at all."""
        with atomic_path(path) as fresh:
            write_networks(fresh, self.network_paths, self.calibration, self.rollout)
            seal(fresh, self._manifest())

    def _manifest(self) -> dict[str, object]:
        return {
            "format": LINES_FORMAT,
            "code_version": __version__,
            "lines": [known.to_dict() for known in self.lines],
            "config": self.config.to_dict(),
            "cap_mins": self.cap_mins,
            "details": dict(self.details),
        }

    @classmethod
    def read(cls, path: Path, manifest: Mapping[str, object]) -> Self:
        """Rebuild what `save` wrote from its folder and its manifest, whose checksums were verified."""
        return cls(
            tuple(map(TrainedLine.from_dict, manifest["lines"])),
            AppConfig.from_dict(manifest["config"]),
            manifest["cap_mins"],
            *read_networks(path),
            manifest["details"],
        )


def _same(line: Line, other: Line) -> bool:
    return (line.line_id, line.time_zone) == (other.line_id, other.time_zone)
