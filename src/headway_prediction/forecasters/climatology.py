"""Climatology: median of the held headways per platform, weekday or weekend, and half-hour of valid time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np

from headway_prediction.clock import SCORED_DAY_MINS
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast, valid_minutes
from headway_prediction.forecasters.medians import median_or_nan
from headway_prediction.grid.history import LineHistory

HALF_HOURS = SCORED_DAY_MINS // 30


def is_weekend(service_date: date) -> bool:
    """Tell a Saturday or Sunday."""
    return service_date.weekday() >= 5


@dataclass(frozen=True)
class Climatology:
    """`medians` in minutes, shape (weekday or weekend, half-hours, stations, directions); NaN where nothing was seen."""

    medians: np.ndarray
    name: ClassVar[str] = "climatology"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Take the medians of the valid held headways of the training days."""
        grid = training.grid
        cells = np.where(grid["valid"].values, grid["headway"].values, np.nan)
        by_day = cells.reshape(-1, HALF_HOURS, 30, *cells.shape[1:])
        weekend = np.array([is_weekend(day) for day in training.service_dates])
        return cls(np.stack([_median(by_day[weekend == kind]) for kind in (False, True)]))

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the median of each valid time's half-hour; 10 minutes where there is none."""
        half_hours = np.minimum(valid_minutes(origins) // 30, HALF_HOURS - 1)
        headways = self.medians[int(is_weekend(service_date))][half_hours]
        filled = np.where(np.isfinite(headways), headways, FALLBACK_HEADWAY_MINS)
        return Forecast.of_points(service_date, origins, filled)

    def state(self) -> dict[str, np.ndarray]:
        """Return the medians."""
        return {"medians": self.medians}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        return cls(state["medians"])


def _median(by_day: np.ndarray) -> np.ndarray:
    """Median over days and minutes of (days, half-hours, 30, stations, directions), NaN where all are missing."""
    cells = np.moveaxis(by_day, 1, -1).reshape(
        -1, *by_day.shape[3:], HALF_HOURS
    )  # (samples, stations, directions, 54)
    return np.moveaxis(median_or_nan(cells), -1, 0).astype(np.float32)
