"""Line statistics of a bundle: the simple methods, and how the network is used on a line.

They are either fitted, on the training days of the one line of the bundle, or rolling: fitted at each service date on the
newest earlier dates of the line that is forecast. No weight of a network is among them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

from headway_prediction.bundle.line_adaptation import BLENDED, LineAdaptation
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import select_test_dates
from headway_prediction.forecasters.base import FittableForecaster, Forecaster
from headway_prediction.forecasters.baselines import Schedule
from headway_prediction.forecasters.registry import SIMPLE_METHODS, WithLeads
from headway_prediction.forecasters.rolling_fit import RollingFit, RollingPrior
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable


@dataclass(frozen=True)
class TrainedLine:
    """A line that networks were trained on, its service dates by use (`training`, `validation` and `test`), and the `folds`
    of these that the networks validated on, one each; a network was trained on all dates but those of its fold."""

    line: Line
    days: Mapping[str, tuple[date, ...]]
    folds: tuple[tuple[date, ...], ...]

    @property
    def used(self) -> frozenset[date]:
        """The dates that training saw."""
        return frozenset((*self.days["training"], *self.days["validation"]))

    def seen_by(self, network: int) -> frozenset[date]:
        """Return the dates that a network, counted from 0, was trained on."""
        return self.used.difference(*self.folds[network : network + 1])

    def is_same_line(self, line: Line) -> bool:
        """Whether a line has the same id and time zone: the branches of a line share trains."""
        return (line.line_id, line.time_zone) == (self.line.line_id, self.line.time_zone)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        days = {part: _as_text(dates) for part, dates in self.days.items()}
        return {"line": self.line.to_dict(), "days": days, "folds": [_as_text(fold) for fold in self.folds]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        days = {part: _as_dates(dates) for part, dates in plain["days"].items()}
        return cls(Line.from_dict(plain["line"]), days, tuple(map(_as_dates, plain["folds"])))


def used_days(trained: Sequence[TrainedLine], line: Line) -> dict[str, list[date]]:
    """Return the `training` and the `validation` dates of a line among those trained on."""
    same = [known.days for known in trained if known.is_same_line(line)]
    return {part: [day for days in same for day in days[part]] for part in ("training", "validation")}


def _as_text(dates: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in dates]


def _as_dates(texts: Iterable[str]) -> tuple[date, ...]:
    return tuple(map(date.fromisoformat, texts))


class LineStatistics(Protocol):
    """A source of line statistics; `methods` are the simple methods and extra models by name."""

    @property
    def methods(self) -> Mapping[str, Forecaster]: ...

    network_names: ClassVar[tuple[str, ...]]
    """The names of the ways in which the network forecasts."""

    def on_line(self, network: STConvNetForecaster, name: str) -> Forecaster:
        """Return the network as it forecasts a line under one of `network_names`."""
        ...

    def methods_on(self, names: Sequence[str], history: LineHistory) -> list[str]:
        """Return those of the methods that can forecast a line."""
        ...

    def check_line(self, line: Line) -> None:
        """Raise HeadwayError for a line that the statistics do not fit."""
        ...

    def test_dates(
        self, history: LineHistory, trained: Sequence[TrainedLine], wanted: Sequence[date] | None
    ) -> list[date]:
        """Return the dates of a history that can be backtested, or check those `wanted`."""
        ...


@dataclass(frozen=True)
class FittedStatistics:
    """Fitted on the training days of `line`, whose plan is `timetable` (None without one)."""

    line: Line
    timetable: Timetable | None
    methods: Mapping[str, FittableForecaster]
    network_names: ClassVar[tuple[str, ...]] = (STConvNetForecaster.name,)

    def on_line(self, network: STConvNetForecaster, name: str) -> Forecaster:
        return network

    def methods_on(self, names: Sequence[str], history: LineHistory) -> list[str]:
        return list(names)

    def check_line(self, line: Line) -> None:
        if line != self.line:
            raise HeadwayError(
                f"the grid is of {_describe(line)}",
                f"{_describe(self.line)}, which the bundle was trained on",
                "use the bundle of that line, or train one with `headway train`",
            )

    def test_dates(
        self, history: LineHistory, trained: Sequence[TrainedLine], wanted: Sequence[date] | None
    ) -> list[date]:
        return select_test_dates(history, used_days(trained, self.line), wanted)


@dataclass(frozen=True)
class RollingStatistics:
    """Fitted on each line's own recent days (see `forecasters.rolling_fit`), for forecasts of so many `leads`."""

    leads: int
    network_names: ClassVar[tuple[str, ...]] = (STConvNetForecaster.name, BLENDED)

    @cached_property
    def methods(self) -> dict[str, RollingFit[Any]]:
        return {name: RollingFit(WithLeads(method, self.leads)) for name, method in SIMPLE_METHODS.items()}

    @cached_property
    def prior(self) -> RollingPrior:
        """The prior of trip propagation as it is fitted on each line."""
        return RollingPrior(self.methods[TripPropagation.name])

    def on_line(self, network: STConvNetForecaster, name: str) -> Forecaster:
        """Return the network with the line adaptation, and, as BLENDED, averaged with simple methods."""
        return RollingFit(LineAdaptation(network, name))

    def methods_on(self, names: Sequence[str], history: LineHistory) -> list[str]:
        """Return the methods without `schedule` where the line has no plan."""
        return [name for name in names if name != Schedule.name or history.timetable is not None]

    def check_line(self, line: Line) -> None:
        """Accept any line."""

    def test_dates(
        self, history: LineHistory, trained: Sequence[TrainedLine], wanted: Sequence[date] | None
    ) -> list[date]:
        """By default all dates but the first, before which there is nothing to fit on; of a line trained on, none that
        training used."""
        if wanted is None and len(history.service_dates) > 1:
            history = history.select(history.service_dates[1:])
        return select_test_dates(history, used_days(trained, history.line), wanted)


def check_cap(history: LineHistory, cap_mins: float) -> None:
    """Raise HeadwayError for a grid whose headways are not capped at `cap_mins`, as in training."""
    if history.grid.attrs["cap_mins"] != cap_mins:
        raise HeadwayError(
            f"the grid caps headways at {history.grid.attrs['cap_mins']} minutes",
            f"{cap_mins}, as in training",
            "build the grid with the same cap",
        )


def _describe(line: Line) -> str:
    return f"the line {line.line_id} ({line.stations[0].name} to {line.stations[-1].name}, {len(line.stations)} stations)"
