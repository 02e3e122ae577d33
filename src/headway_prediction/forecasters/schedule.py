"""Schedule: the headway of the latest planned passing at each platform, held and capped."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.base import Forecast, valid_minutes
from headway_prediction.grid.headway_grid import day_grid
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS


@dataclass(frozen=True)
class Schedule:
    """Nothing is fitted: the plan is the history's timetable. A platform without planned passings is not forecast."""

    name: ClassVar[str] = "schedule"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return the forecaster: it learns nothing."""
        return cls()

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the planned headway of each valid time; NaN without a plan."""
        planned = _planned_passings(history, service_date)
        cap_mins = history.grid.attrs["cap_mins"]
        cells = day_grid(
            planned, len(history.line.stations), observed_until=SCORED_DAY_MINS, cap_mins=cap_mins
        )
        minutes = np.minimum(valid_minutes(origins), SCORED_DAY_MINS - 1)
        return Forecast.of_points(service_date, origins, cells["headway"][minutes])

    def state(self) -> dict[str, np.ndarray]:
        """Return no arrays."""
        return {}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the forecaster."""
        return cls()


def _planned_passings(history: LineHistory, service_date: date) -> pl.DataFrame:
    if history.timetable is None:
        return history.passings.clear().select("direction", "station", "minute")
    return history.timetable.planned_on(service_date).select("direction", "station", "minute")
