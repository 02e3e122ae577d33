"""What a line tells of itself: methods fitted, service date by service date, on the line's own passings before it.

A network that has never seen a line has no training days of it. What its first guess and the simple methods beside it need
to know (running times, trips, usual headways) comes from the newest earlier service dates of the history and, where there
are none, from the same date's passings up to the last full hour before the origin. Nothing after the origin is used: of the
night before, only what had passed when the date began.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from headway_prediction.forecasters.base import LEADS, Forecast, Forecaster
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from headway_prediction.grid.windows import digest_of

ROLLING_FIT_DAYS = 28
"""The newest earlier service dates that are fitted on: four of every day of the week; timetables change."""
HOUR_MINS = 60


def history_before(history: LineHistory, service_date: date, hour: int) -> LineHistory:
    """Return the line's own past at the start of an `hour` of a service date; only a first date asks for the hour.

    The history of the newest PAST_DAYS service dates before it as known at its minute 0, or of the date itself as known at
    the start of that hour, which may be nothing.
    """
    earlier = [day for day in history.service_dates if day < service_date][-ROLLING_FIT_DAYS:]
    if earlier:
        return history.select([*earlier, service_date]).as_of(service_date, -1).select(earlier)
    return history.select([service_date]).as_of(service_date, HOUR_MINS * hour - 1)


class FittableMethod(Protocol):
    """What can be fitted on a past: a simple method, or a method that is learned in part."""

    name: str

    def fit(self, training: LineHistory) -> Forecaster:
        """Return a forecaster fitted on the history."""
        ...


class FitCache:
    """What one method was fitted on so far, and the fits.

    Each past is fitted on once and kept under what it holds, so that another history has a fit of its own; those of the
    history that was asked about last are found without looking into it.
    """

    def __init__(self, method: FittableMethod):
        self.method = method
        self.by_contents: dict[Hashable, Forecaster] = {}
        self.history: LineHistory | None = None
        self.by_hour: dict[tuple[date, int], Forecaster] = {}

    def before(self, history: LineHistory, service_date: date, hour: int) -> Forecaster:
        """Return the method fitted on `history_before`."""
        if history is not self.history:
            self.history, self.by_hour = history, {}
        if (service_date, hour) not in self.by_hour:
            past = history_before(history, service_date, hour)
            self.by_hour[service_date, hour] = self._fitted_on(past)
        return self.by_hour[service_date, hour]

    def _fitted_on(self, past: LineHistory) -> Forecaster:
        contents = _contents(past)
        if contents not in self.by_contents:
            self.by_contents[contents] = self.method.fit(past)
        return self.by_contents[contents]


class RollingFit:
    """A method for lines that it was not fitted on: fitted anew on each service date's past (see the module)."""

    def __init__(self, method: FittableMethod):
        self.name = method.name
        self.fits = FitCache(method)

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast each origin with the method as fitted on what was known before it."""
        parts = list(self.fitted(history, service_date, origins))
        places = [places for places, _ in parts]
        made = [fitted.forecast(history, service_date, np.asarray(origins)[own]) for own, fitted in parts]
        quantiles = {
            level: restore_order(places, [part.quantiles[level] for part in made])
            for level in made[0].quantiles
        }
        return Forecast(
            service_date, np.asarray(origins), restore_order(places, [part.mean for part in made]), quantiles
        )

    def fitted(
        self, history: LineHistory, service_date: date, origins: np.ndarray
    ) -> Iterator[tuple[np.ndarray, Forecaster]]:
        """Yield the places of origins that share a past, and the method fitted on it."""
        first = service_date <= history.service_dates[0]
        hours = (np.asarray(origins) + 1) // HOUR_MINS * first
        for hour in np.unique(hours):
            yield np.flatnonzero(hours == hour), self.fits.before(history, service_date, int(hour))


@dataclass(frozen=True)
class RollingPrior:
    """The source of a network's first guess on lines that it has never seen: that of `trips`, trip propagation fitted on
    the line's own past."""

    trips: RollingFit

    def channels(
        self, history: LineHistory, service_date: date, origins: np.ndarray, leads: int = LEADS
    ) -> np.ndarray:
        """Return `prior_features` of the first guess that belongs to each origin."""
        parts = list(self.trips.fitted(history, service_date, origins))
        made = [
            FittedPrior(fitted.prior).channels(history, service_date, np.asarray(origins)[own], leads)
            for own, fitted in parts
        ]
        return restore_order([places for places, _ in parts], made)

    def fitted(self, origin: ForecastOrigin) -> FittedPrior:
        """Return the source of the first guess that belongs to one origin."""
        [(_, trips)] = self.trips.fitted(origin.history, origin.service_date, np.array([origin.t0]))
        return FittedPrior(trips.prior)


def restore_order(places: list[np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
    """Return rows that were made in parts in the order of their places."""
    return np.concatenate(parts)[np.argsort(np.concatenate(places))]


def _contents(past: LineHistory) -> Hashable:
    """What tells one past from another for whoever is fitted on it."""
    plan = past.timetable
    known = past.line, tuple(past.service_dates), past.grid.attrs["cap_mins"]
    planned = plan and (plan.services, digest_of(plan.planned.hash_rows().to_numpy()))
    return *known, planned, digest_of(past.passings.hash_rows().to_numpy())
