"""The interface of a forecasting method, and the forecast that it returns.

`Forecaster` is what every method satisfies, the network and its rollout included. `FittableForecaster` adds how a method is
fitted on training days and stored in a bundle.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Protocol, Self

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.grid.history import LineHistory

LEADS: int = AppConfig.forecast_mins
"""Minutes ahead that are forecast unless a bundle was trained for another number."""
FALLBACK_HEADWAY_MINS = 10.0
"""The forecast of persistence and climatology without data, and of a missing forecast when scored (docs/methodology.md)."""

CHUNK = 32


@dataclass(frozen=True)
class Forecast:
    """Headways in minutes forecast on one service date.

    `origins` holds the service-day minutes t0, shape (origins,). `mean` and each of `quantiles` (by level, such as 0.5)
    have shape (origins, leads, stations, directions), float32, lead 1 first. A point forecast has the level 0.5 alone.
    A cell that the method does not forecast is NaN.
    """

    service_date: date
    origins: np.ndarray
    mean: np.ndarray
    quantiles: Mapping[float, np.ndarray]

    @classmethod
    def of_points(cls, service_date: date, origins: np.ndarray, headways: np.ndarray) -> Self:
        """Return a point forecast, with `headways` as mean and median."""
        headways = headways.astype(np.float32)
        return cls(service_date, origins, headways, {0.5: headways})


class Forecaster(Protocol):
    """A method that forecasts a service date from given origins.

    For origin t0, `forecast` may use only the passings of `history` before the end of minute t0 of that service date, and
    the planned service: removing every later passing must leave the forecast equal bit for bit.
    """

    @property
    def name(self) -> str:
        """The name of the method in tables, files and on the command line."""
        ...

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast leads 1, 2, … from each of `origins` (service-day minutes) of one service date."""
        ...


class FittableForecaster(Forecaster, Protocol):
    """A method that is fitted on training days and stored as named arrays."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return a forecaster fitted on `training`, which holds training days only."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitted parameters."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the forecaster from `state`."""
        ...


class OptionalForecaster(FittableForecaster, Protocol):
    """A method that needs an optional library."""

    @staticmethod
    def require() -> None:
        """Raise HeadwayError where the library is not installed."""
        ...


def valid_minutes(origins: np.ndarray, leads: int = LEADS) -> np.ndarray:
    """Return the minutes forecast from each origin, t0 + 1 … t0 + leads: (origins, leads)."""
    return np.asarray(origins)[:, None] + np.arange(1, leads + 1)


def chunks_of(origins: int) -> Iterator[slice]:
    """Yield slices of so many origins that are computed at once: enough to use NumPy well, few enough for little memory."""
    for first in range(0, origins, CHUNK):
        yield slice(first, first + CHUNK)


def held_values(history: LineHistory, service_date: date, origins: np.ndarray) -> np.ndarray:
    """Return the headways held at each origin (NaN where there is none): (origins, stations, directions)."""
    headways: np.ndarray = history.day(service_date)["headway"].values[np.asarray(origins)]
    return headways


def over_leads(values: np.ndarray, leads: int = LEADS) -> np.ndarray:
    """Repeat values of shape (origins, stations, directions) at every lead: (origins, leads, stations, directions)."""
    return np.repeat(values[:, None], leads, axis=1)
