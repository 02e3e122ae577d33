"""Rolling fit: methods fitted anew for each service date, on the line's own recent days before it.

A base network has no training days of the line it forecasts. The parameters of its prior and of the simple methods (running
times, trips, typical headways) come from the newest earlier service dates of the history or, on the first date, from its own
passings up to the last full hour before the origin. Nothing after the origin is used; of the night before, only the passings
before the date began.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar

import numpy as np

from headway_prediction.forecasters.base import LEADS, Forecast, Forecaster
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from headway_prediction.grid.windows import digest_of

ROLLING_FIT_DAYS = 28
"""The newest earlier service dates to fit on: four of every day of the week, few enough to follow new timetables."""
HOUR_MINS = 60
FittedT = TypeVar("FittedT", bound=Forecaster)
FittedT_co = TypeVar("FittedT_co", bound=Forecaster, covariant=True)


def history_before(history: LineHistory, service_date: date, hour: int) -> LineHistory:
    """Return the history to fit on at the start of an `hour` of a service date; may be empty.

    The newest ROLLING_FIT_DAYS earlier service dates, as known at minute 0 of the date. On the first date, the date itself
    as known at the start of the hour; `hour` does not matter otherwise.
    """
    earlier = [day for day in history.service_dates if day < service_date][-ROLLING_FIT_DAYS:]
    if earlier:
        return history.select([*earlier, service_date]).as_of(service_date, -1).select(earlier)
    return history.select([service_date]).as_of(service_date, HOUR_MINS * hour - 1)


class FittableMethod(Protocol[FittedT_co]):
    """Anything that can be fitted on a history: a class of forecasters, or a method with fixed parts."""

    @property
    def name(self) -> str:
        """The name of the method."""
        ...

    def fit(self, training: LineHistory) -> FittedT_co:
        """Return a forecaster fitted on the history."""
        ...


class FitCache(Generic[FittedT]):
    """Caches the fits of one method by the contents of the history that each was fitted on.

    Fits for the history of the last call are also found by date and hour, without comparing contents.
    """

    def __init__(self, method: FittableMethod[FittedT]):
        self.method = method
        self.by_contents: dict[Hashable, FittedT] = {}
        self.history: LineHistory | None = None
        self.by_hour: dict[tuple[date, int], FittedT] = {}

    def before(self, history: LineHistory, service_date: date, hour: int) -> FittedT:
        """Return the method fitted on `history_before`."""
        if history is not self.history:
            self.history, self.by_hour = history, {}
        if (service_date, hour) not in self.by_hour:
            past = history_before(history, service_date, hour)
            self.by_hour[service_date, hour] = self._fitted_on(past)
        return self.by_hour[service_date, hour]

    def _fitted_on(self, past: LineHistory) -> FittedT:
        contents = _contents(past)
        if contents not in self.by_contents:
            self.by_contents[contents] = self.method.fit(past)
        return self.by_contents[contents]


class RollingFit(Generic[FittedT]):
    """A forecaster that fits `method` on the history before each origin (see the module)."""

    def __init__(self, method: FittableMethod[FittedT]):
        self.name = method.name
        self.fits = FitCache(method)

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast each origin with the method fitted on the history before it."""
        origins = np.asarray(origins)
        indices, parts = [], []
        for index, fitted in self.fitted(history, service_date, origins):
            indices.append(index)
            parts.append(fitted.forecast(history, service_date, origins[index]))
        mean = restore_order(indices, [part.mean for part in parts])
        quantiles = {
            level: restore_order(indices, [part.quantiles[level] for part in parts])
            for level in parts[0].quantiles
        }
        return Forecast(service_date, origins, mean, quantiles)

    def fitted(
        self, history: LineHistory, service_date: date, origins: np.ndarray
    ) -> Iterator[tuple[np.ndarray, FittedT]]:
        """Yield the indices of origins that share a fit, and that fit."""
        first = service_date <= history.service_dates[0]
        hours = (np.asarray(origins) + 1) // HOUR_MINS * first
        for hour in np.unique(hours):
            yield np.flatnonzero(hours == hour), self.fits.before(history, service_date, int(hour))


@dataclass(frozen=True)
class RollingPrior:
    """The prior of a network on lines it was not trained on: that of `trips`, trip propagation fitted on recent days."""

    trips: RollingFit[TripPropagation]

    def channels(
        self, history: LineHistory, service_date: date, origins: np.ndarray, leads: int = LEADS
    ) -> np.ndarray:
        """Return `prior_features` of each origin, with the prior fitted before it."""
        indices, parts = [], []
        for index, fitted in self.trips.fitted(history, service_date, origins):
            source = FittedPrior(fitted.prior)
            indices.append(index)
            parts.append(source.channels(history, service_date, np.asarray(origins)[index], leads))
        return restore_order(indices, parts)

    def fitted(self, origin: ForecastOrigin) -> FittedPrior:
        """Return the prior fitted before one origin."""
        [(_, trips)] = self.trips.fitted(origin.history, origin.service_date, np.array([origin.t0]))
        return FittedPrior(trips.prior)


def restore_order(indices: list[np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate rows computed in parts, in the order of their indices."""
    rows: np.ndarray = np.concatenate(parts)[np.argsort(np.concatenate(indices))]
    return rows


def _contents(past: LineHistory) -> Hashable:
    """A key that is equal for histories on which a fit gives the same result."""
    plan = past.timetable
    known = past.line, tuple(past.service_dates), past.grid.attrs["cap_mins"]
    planned = plan and (plan.services, digest_of([plan.planned.hash_rows().to_numpy()]))
    return *known, planned, digest_of([past.passings.hash_rows().to_numpy()])
