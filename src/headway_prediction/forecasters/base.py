"""The one door every method goes through: fit on training days, then forecast a service date from given origins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.grid.history import LineHistory

LEADS: int = AppConfig.forecast_mins
"""Minutes ahead that are forecast unless a bundle was trained for another number."""
FALLBACK_HEADWAY_MINS = 10.0
"""The forecast of persistence and climatology without data, and of a missing forecast when scored (docs/methodology.md)."""


@dataclass(frozen=True)
class Forecast:
    """Headways in minutes forecast on one service date.

    `origins` holds the service-day minutes t0, shape (origins,). `mean` and each of `quantiles` (by level, such as 0.5)
    have shape (origins, leads, stations, directions), lead 1 first. A method that gives a point says so with the level
    0.5 alone. NaN is a cell that the method does not forecast.
    """

    service_date: date
    origins: np.ndarray
    mean: np.ndarray
    quantiles: Mapping[float, np.ndarray]

    @classmethod
    def of_points(cls, service_date: date, origins: np.ndarray, headways: np.ndarray) -> Self:
        """Make the forecast of a method that gives one value per cell: mean and median alike."""
        headways = headways.astype(np.float32)
        return cls(service_date, origins, headways, {0.5: headways})


class Forecaster(Protocol):
    """A method. `name` is how tables, files and the command line call it.

    `forecast` may use of `history`, for origin t0, only what was known at the end of minute t0 of that service date, and
    the planned service: deleting every later passing must leave the forecast equal bit for bit. `state` and `from_state`
    carry what was fitted, as named arrays, into a bundle and back.
    """

    name: str

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return a fitted forecaster; `training` holds training days only."""
        ...

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast leads 1 to 15, or as many as the method was made for, from each origin (minutes) of one service date."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return what was fitted."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        ...


def valid_minutes(origins: np.ndarray, leads: int = LEADS) -> np.ndarray:
    """Return the minutes forecast from each origin, t0 + 1 … t0 + leads: (origins, leads)."""
    return np.asarray(origins)[:, None] + np.arange(1, leads + 1)


def held_values(history: LineHistory, service_date: date, origins: np.ndarray) -> np.ndarray:
    """Return the headways held at each origin (NaN where there is none): (origins, stations, directions)."""
    return history.day(service_date)["headway"].values[np.asarray(origins)]


def over_leads(values: np.ndarray, leads: int = LEADS) -> np.ndarray:
    """Repeat values of shape (origins, stations, directions) at every lead: (origins, leads, stations, directions)."""
    return np.repeat(values[:, None], leads, axis=1)
