"""The methods by name. A new method is added here: a class that satisfies `base.FittableForecaster`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, FittableForecaster, OptionalForecaster
from headway_prediction.forecasters.baselines import Climatology, Persistence, Schedule
from headway_prediction.forecasters.lightgbm.model import LightGBM
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory

SIMPLE_METHODS: dict[str, type[FittableForecaster]] = {
    Persistence.name: Persistence,
    Climatology.name: Climatology,
    Schedule.name: Schedule,
    Propagation.name: Propagation,
    TripPropagation.name: TripPropagation,
}
EXTRA_METHODS: dict[str, type[OptionalForecaster]] = {LightGBM.name: LightGBM}
"""Methods that are fitted on request: they take minutes and need an optional library."""
METHODS: dict[str, type[FittableForecaster]] = {**SIMPLE_METHODS, **EXTRA_METHODS}


def with_leads(method: Any, leads: int) -> Any:
    """Return a fitted simple method that forecasts so many leads; extra models keep those that they were fitted for."""
    return replace(method, leads=leads) if hasattr(method, "leads") else method


@dataclass(frozen=True)
class WithLeads:
    """A method to be fitted that then forecasts so many `leads`."""

    method: type[FittableForecaster]
    leads: int

    @property
    def name(self) -> str:
        return self.method.name

    def fit(self, training: LineHistory) -> FittableForecaster:
        fitted: FittableForecaster = with_leads(self.method.fit(training), self.leads)
        return fitted


def fit_simple_methods(training: LineHistory, leads: int = LEADS) -> dict[str, FittableForecaster]:
    """Fit every simple method on training days; `schedule` only where there is a plan."""
    return {
        name: WithLeads(method, leads).fit(training)
        for name, method in SIMPLE_METHODS.items()
        if method is not Schedule or training.timetable is not None
    }


def extra_methods(names: Sequence[str]) -> list[type[OptionalForecaster]]:
    """Return the extra methods by name; raises HeadwayError for one that is unknown or not installed."""
    unknown = [name for name in names if name not in EXTRA_METHODS]
    if unknown:
        remedy = "choose one of these; the simple methods are always included"
        raise HeadwayError(
            f"there is no extra method {unknown[0]!r}", f"one of {', '.join(EXTRA_METHODS)}", remedy
        )
    for name in names:
        EXTRA_METHODS[name].require()
    return [EXTRA_METHODS[name] for name in names]
