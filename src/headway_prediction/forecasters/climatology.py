"""Climatology: median of the held headways per platform, weekday or weekend, and half-hour of valid time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast, valid_minutes
from headway_prediction.forecasters.physics.medians import median_or_nan, quantiles_or_nan
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

HALF_HOURS = SCORED_DAY_MINS // 30
SPREAD_LEVELS = (0.1, 0.9)


def is_weekend(service_date: date) -> bool:
    """Tell a Saturday or Sunday."""
    return service_date.weekday() >= 5


@dataclass(frozen=True)
class Climatology:
    """`medians` in minutes, shape (weekday or weekend, half-hours, stations, directions); NaN where nothing was seen.

    `spread`, where it was asked for, holds the quantiles SPREAD_LEVELS of the same cells: (levels, …).
    """

    medians: np.ndarray
    spread: np.ndarray | None = None
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
        half_hours = np.minimum(valid_minutes(origins) // 30, HALF_HOURS - 1)
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


def _samples(training: LineHistory) -> Iterator[np.ndarray]:
    """The valid held headways of weekdays, then of weekends: (days x 30, half-hours, stations, directions)."""
    grid = training.grid
    cells = np.where(grid["valid"].values, grid["headway"].values, np.nan)
    by_day = cells.reshape(-1, HALF_HOURS, 30, *cells.shape[1:])
    weekend = np.array([is_weekend(day) for day in training.service_dates])
    for weekend_flag in (False, True):
        own = by_day[weekend == weekend_flag]
        yield np.moveaxis(own, 1, 2).reshape(-1, HALF_HOURS, *cells.shape[1:])
