"""How good the forecasts really issued have been: scored minute by minute, once what happened is known.

A minute is scored when it was over for five minutes: so long may a late poll still tell of passings. All methods are scored
on the same cells: those of origins from which every one of them was issued. Sums are those of `evaluation.scores`, so they
add up, and a restart rebuilds them from the stored forecasts.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import xarray as xr

from headway_prediction.evaluation.cell_statistics import day_sums, total
from headway_prediction.evaluation.metrics import metrics
from headway_prediction.evaluation.truth import Truth, day_truth
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.service.live.published import LiveScores, MethodScore, PublishedForecast
from headway_prediction.transit.clock import SCORED_DAY_MINS, instant

SETTLED_MINS = 5
HOUR_MINS = 60
MIN_SCORED_MINS_OF_HOUR = 50
"""So much of an hour must have been scored before a method is said to be behind over it."""
NETWORK = STConvNetForecaster.name


@dataclass(frozen=True)
class _Scored:
    """The sums by method (method, population, statistic, lead) of minutes up to `minute` of a service date."""

    service_date: date
    minute: int
    sums: xr.DataArray


class LiveScorer:
    """Scores the issued forecasts of `methods`, "st-convnet" among them, since the service day began and over an hour."""

    def __init__(self, methods: Sequence[str], time_zone: str):
        self._methods = tuple(methods)
        self._time_zone = time_zone
        self._forecasts: dict[int, dict[str, Forecast]] = {}
        self._service_date: date | None = None
        self._scored_until = -1
        self._day: xr.DataArray | None = None
        self._hour: deque[_Scored] = deque()

    def add(self, forecasts: Iterable[PublishedForecast]) -> None:
        """Take in what was issued from one origin; those of the service date before are forgotten on a new one."""
        for issued in forecasts:
            self._begin(issued.service_date)
            self._forecasts.setdefault(issued.t0, {})[issued.method] = issued.forecast

    def restore(self, forecasts: Iterable[PublishedForecast]) -> None:
        """Begin anew from what was issued since the service day began: what has come true of it is scored the next time.

        What was taken in by now stays: the store may not have it yet.
        """
        newest, service_date = self._forecasts, self._service_date
        self._forecasts, self._service_date = {}, None
        self._hour.clear()
        self.add(forecasts)
        if service_date is not None:
            self._begin(service_date)
        for t0, by_method in newest.items():
            self._forecasts.setdefault(t0, {}).update(by_method)

    def score_settled(self, history: LineHistory, t0: int) -> None:
        """Score the minutes settled since the last time; `history` is known to the end of minute t0 of its only date."""
        if history.service_dates != [self._service_date]:
            return
        settled = min(t0 - SETTLED_MINS, SCORED_DAY_MINS - 1)
        first = max(self._scored_until + 1, 0)
        long_ago = range(first, max(first, settled + 1 - HOUR_MINS))
        for minutes in (long_ago, *(range(m, m + 1) for m in range(long_ago.stop, settled + 1))):
            if len(minutes):
                self._score(history, minutes)
        self._scored_until = max(self._scored_until, settled)
        for origin in [origin for origin in self._forecasts if origin + LEADS <= self._scored_until]:
            del self._forecasts[origin]
        while self._hour and (
            self._hour[0].service_date != self._service_date or self._hour[0].minute <= settled - HOUR_MINS
        ):
            self._hour.popleft()

    def scores(self, until_at: float) -> LiveScores | None:
        """Return the scores so far, None before any cell was scored."""
        if self._day is None:
            return None
        by_lead = metrics(self._day)
        counts = self._day.sel(statistic="count", population="valid", drop=True)
        scores = tuple(
            MethodScore(
                name,
                counts.sel({"method": name}).values.astype(np.int64),
                by_lead["mae"].sel({"method": name}).values,
                by_lead["rmse"].sel({"method": name}).values,
            )
            for name in self._methods
        )
        coverage = float(metrics(total(self._day.sel({"method": NETWORK}), "lead"))["ev_coverage"])
        since = instant(self._service_date, 0, self._time_zone).timestamp()
        return LiveScores(since, until_at, scores, coverage, self._behind())

    def _begin(self, service_date: date) -> None:
        if service_date != self._service_date:
            self._service_date, self._scored_until, self._day = service_date, -1, None
            self._forecasts.clear()

    def _behind(self) -> str | None:
        """The simple method with the least error over the last hour, where it is less than the network's."""
        if len(self._hour) < MIN_SCORED_MINS_OF_HOUR:
            return None
        overall = metrics(total(sum(part.sums for part in self._hour), "lead"))["mae"]
        best = (
            self._methods[int(np.nanargmin(overall.values))] if np.isfinite(overall.values).any() else NETWORK
        )
        return (
            None
            if best == NETWORK or not overall.sel({"method": best}) < overall.sel({"method": NETWORK})
            else best
        )

    def _score(self, history: LineHistory, minutes: range) -> None:
        """Add the cells whose valid minute is one of `minutes`."""
        able = [t0 for t0 in range(minutes.start - LEADS, minutes.stop - 1) if self._is_whole(t0)]
        if not able:
            return
        truth = _within(day_truth(history, self._service_date, np.array(able)), minutes)
        if not truth.valid.any():
            return
        parts = [
            day_sums(truth, forecast, set(forecast.quantiles)).by_lead for forecast in self._joined(able)
        ]
        sums = xr.concat(parts, xr.DataArray(list(self._methods), dims="method", name="method"))
        self._day = sums if self._day is None else self._day + sums
        if len(minutes) == 1:
            self._hour.append(_Scored(self._service_date, minutes[0], sums))

    def _is_whole(self, t0: int) -> bool:
        return set(self._methods) <= self._forecasts.get(t0, {}).keys()

    def _joined(self, origins: Sequence[int]) -> list[Forecast]:
        return [_join([self._forecasts[t0][name] for t0 in origins]) for name in self._methods]


def _within(truth: Truth, minutes: range) -> Truth:
    valid_minute = truth.origins[:, None] + np.arange(1, LEADS + 1)
    inside = ((valid_minute >= minutes.start) & (valid_minute < minutes.stop))[:, :, None, None]
    return replace(truth, valid=truth.valid & inside, event=truth.event & inside)


def _join(forecasts: Sequence[Forecast]) -> Forecast:
    """One forecast of all origins."""
    return Forecast(
        forecasts[0].service_date,
        np.concatenate([forecast.origins for forecast in forecasts]),
        np.concatenate([forecast.mean for forecast in forecasts]),
        {
            level: np.concatenate([forecast.quantiles[level] for forecast in forecasts])
            for level in forecasts[0].quantiles
        },
    )
