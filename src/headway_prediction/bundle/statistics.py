"""Line statistics of a bundle: the simple methods, and how the network is used on a line.

They are either fitted, on the training days of the one line of the bundle, or rolling: fitted at each service date on the
newest earlier dates of the line that is forecast. No weight of a network is among them.
"""

from collections.abc import Mapping, Sequence
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
    """A line that networks were trained on, and its service dates by use: `training`, `validation` and `test`."""

    line: Line
    days: Mapping[str, tuple[date, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        days = {part: [day.isoformat() for day in dates] for part, dates in self.days.items()}
        return {"line": self.line.to_dict(), "days": days}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        days = {part: tuple(map(date.fromisoformat, dates)) for part, dates in plain["days"].items()}
        return cls(Line.from_dict(plain["line"]), days)


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
        return select_test_dates(history, trained[0].days, wanted)


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
        training used. The branches of a line share trains, so a line is compared by its id and time zone alone."""
        own = (history.line.line_id, history.line.time_zone)
        same = [known.days for known in trained if (known.line.line_id, known.line.time_zone) == own]
        used = {part: [day for days in same for day in days[part]] for part in ("training", "validation")}
        if wanted is None and len(history.service_dates) > 1:
            history = history.select(history.service_dates[1:])
        return select_test_dates(history, used, wanted)


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
