"""The baselines persistence, climatology and schedule (docs/methodology.md).

`Persistence` holds the headway of the origin. `Climatology` is the median of the held headways per platform, weekday or
weekend and half-hour of the valid time. Both forecast 10 minutes where they have no data. `Schedule` is the headway of the
latest planned passing at each platform, held and capped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.base import (
    FALLBACK_HEADWAY_MINS,
    LEADS,
    Forecast,
    held_values,
    over_leads,
    valid_minutes,
)
from headway_prediction.forecasters.statistics import median_or_nan, quantiles_or_nan
from headway_prediction.grid.headway_grid import day_grid
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS, is_weekend


@dataclass(frozen=True)
class Persistence:
    """Nothing is fitted; forecasts `leads` minutes from each origin."""

    leads: int = LEADS
    name: ClassVar[str] = "persistence"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return the forecaster, which has no parameters."""
        return cls()

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the held value at every lead."""
        held = held_values(history, service_date, origins)
        filled = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)
        return Forecast.of_points(service_date, origins, over_leads(filled, self.leads))

    def state(self) -> dict[str, np.ndarray]:
        """Return no arrays."""
        return {}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the forecaster."""
        return cls()


HALF_HOURS = SCORED_DAY_MINS // 30
SPREAD_LEVELS = (0.1, 0.9)


@dataclass(frozen=True)
class Climatology:
    """`medians` in minutes, shape (weekday or weekend, half-hours, stations, directions); NaN where nothing was observed.

    `spread`, where it was asked for, holds the quantiles SPREAD_LEVELS of the same cells: (levels, …).
    """

    medians: np.ndarray
    spread: np.ndarray | None = None
    leads: int = LEADS
    name: ClassVar[str] = "climatology"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Take the medians of the valid held headways of the training days."""
        return cls(np.stack([median_or_nan(samples).astype(np.float32) for samples in _samples(training)]))

    def with_spread(self, training: LineHistory) -> Self:
        """Return it with the spread that the held headways of the same training days have within a half-hour."""
        kinds = [
            quantiles_or_nan(samples, SPREAD_LEVELS).astype(np.float32) for samples in _samples(training)
        ]
        return replace(self, spread=np.stack(kinds, axis=1))

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the median of each valid time's half-hour; 10 minutes where there is none."""
        half_hours = np.minimum(valid_minutes(origins, self.leads) // 30, HALF_HOURS - 1)
        headways = self.medians[int(is_weekend(service_date))][half_hours]
        filled = np.where(np.isfinite(headways), headways, FALLBACK_HEADWAY_MINS)
        return Forecast.of_points(service_date, origins, filled)

    def state(self) -> dict[str, np.ndarray]:
        """Return the medians, and the spread where there is one."""
        return {"medians": self.medians} | ({} if self.spread is None else {"spread": self.spread})

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        return cls(state["medians"], state.get("spread"))


def by_minute(half_hours: np.ndarray) -> np.ndarray:
    """Return values of half-hours (half-hours, …) for every minute, interpolated linearly between the middles of half-hours.

    Real headways do not jump at half-hours. A half-hour without a value stays NaN, and next to one the value is constant.
    """
    minutes = np.arange(len(half_hours) * 30)
    own, position = minutes // 30, (minutes + 0.5) / 30 - 0.5
    neighbour = np.clip(np.where(position < own, own - 1, own + 1), 0, len(half_hours) - 1)
    weight = np.abs(position - own).reshape(-1, *[1] * (half_hours.ndim - 1))
    values, beside = half_hours[own], half_hours[neighbour]
    return np.asarray((1 - weight) * values + weight * np.where(np.isnan(beside), values, beside))


def _samples(training: LineHistory) -> Iterator[np.ndarray]:
    """The valid held headways of weekdays, then of weekends: (days x 30, half-hours, stations, directions)."""
    grid = training.grid
    cells = np.where(grid["valid"].values, grid["headway"].values, np.nan)
    by_day = cells.reshape(-1, HALF_HOURS, 30, *cells.shape[1:])
    weekend = np.array([is_weekend(day) for day in training.service_dates])
    for weekend_flag in (False, True):
        own = by_day[weekend == weekend_flag]
        yield np.moveaxis(own, 1, 2).reshape(-1, HALF_HOURS, *cells.shape[1:])


@dataclass(frozen=True)
class Schedule:
    """Nothing is fitted: the plan is the history's timetable. A platform without planned passings is not forecast."""

    leads: int = LEADS
    name: ClassVar[str] = "schedule"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return the forecaster, which has no parameters."""
        return cls()

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the planned headway of each valid time; NaN without a plan."""
        planned = _planned_passings(history, service_date)
        cap_mins = history.grid.attrs["cap_mins"]
        cells = day_grid(
            planned, len(history.line.stations), observed_until=SCORED_DAY_MINS, cap_mins=cap_mins
        )
        minutes = np.minimum(valid_minutes(origins, self.leads), SCORED_DAY_MINS - 1)
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
