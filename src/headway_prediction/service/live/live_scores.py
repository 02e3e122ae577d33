"""Scores of the published forecasts, minute by minute, once their truth is known.

A minute is scored SETTLED_MINS after its end, because late polls may still add passings. All methods are scored on the same
cells: those of origins from which every one of them was published. The sums are those of `evaluation.scores`, so they add
up, and a restart rebuilds them from the stored forecasts.
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
"""Methods are compared over the last hour only where this much of it is scored."""
NETWORK = STConvNetForecaster.name


@dataclass(frozen=True)
class _ScoredMinute:
    """The sums (method, population, statistic, lead) of one valid minute of a service date."""

    service_date: date
    minute: int
    sums: xr.DataArray


class LiveScorer:
    """Scores the published forecasts of `methods`, "st-convnet" among them, over the service day and over the last hour."""

    def __init__(self, methods: Sequence[str], time_zone: str):
        self._methods = tuple(methods)
        self._time_zone = time_zone
        self._forecasts: dict[int, dict[str, Forecast]] = {}
        self._service_date: date | None = None
        self._scored_until = -1
        self._day_sums: xr.DataArray | None = None
        self._hour: deque[_ScoredMinute] = deque()

    def add(self, forecasts: Iterable[PublishedForecast]) -> None:
        """Take in the forecasts published from one origin; a new service date drops those of the previous one."""
        for published in forecasts:
            self._start_date(published.service_date)
            self._forecasts.setdefault(published.t0, {})[published.method] = published.forecast

    def restore(self, forecasts: Iterable[PublishedForecast]) -> None:
        """Start again from the stored forecasts of the service day; the next `score_settled` scores them.

        Forecasts that were added before stay: the store may not have them yet.
        """
        added, service_date = self._forecasts, self._service_date
        self._forecasts, self._service_date = {}, None
        self._hour.clear()
        self.add(forecasts)
        if service_date is not None:
            self._start_date(service_date)
        for t0, by_method in added.items():
            self._forecasts.setdefault(t0, {}).update(by_method)

    def score_settled(self, history: LineHistory, t0: int) -> None:
        """Score the minutes that settled since the last call; `history` holds one date, known to the end of minute t0."""
        service_date = self._service_date
        if service_date is None or history.service_dates != [service_date]:
            return
        settled = min(t0 - SETTLED_MINS, SCORED_DAY_MINS - 1)
        first = max(self._scored_until + 1, 0)
        # Minutes that no longer count for the hour are scored together.
        older = range(first, max(first, settled + 1 - HOUR_MINS))
        for minutes in (older, *(range(m, m + 1) for m in range(older.stop, settled + 1))):
            if len(minutes):
                self._score(history, service_date, minutes)
        self._scored_until = max(self._scored_until, settled)
        for origin in [origin for origin in self._forecasts if origin + LEADS <= self._scored_until]:
            del self._forecasts[origin]
        while self._hour and (
            self._hour[0].service_date != service_date or self._hour[0].minute <= settled - HOUR_MINS
        ):
            self._hour.popleft()

    def scores(self, until_at: float) -> LiveScores | None:
        """Return the scores of the service day so far, None before any cell is scored."""
        if self._day_sums is None or self._service_date is None:
            return None
        by_lead = metrics(self._day_sums)
        counts = self._day_sums.sel(statistic="count", population="valid", drop=True)
        scores = tuple(
            MethodScore(
                name,
                counts.sel({"method": name}).values.astype(np.int64),
                by_lead["mae"].sel({"method": name}).values,
                by_lead["rmse"].sel({"method": name}).values,
            )
            for name in self._methods
        )
        network = metrics(total(self._day_sums.sel({"method": NETWORK}), "lead"))
        since_at = instant(self._service_date, 0, self._time_zone).timestamp()
        return LiveScores(since_at, until_at, scores, float(network["ev_coverage"]), self._better_method())

    def _start_date(self, service_date: date) -> None:
        if service_date != self._service_date:
            self._service_date, self._scored_until, self._day_sums = service_date, -1, None
            self._forecasts.clear()

    def _better_method(self) -> str | None:
        """The simple method with the lowest MAE over the last hour, where it is lower than the network's."""
        if len(self._hour) < MIN_SCORED_MINS_OF_HOUR:
            return None
        first, *others = (minute.sums for minute in self._hour)
        mae = metrics(total(sum(others, start=first), "lead"))["mae"].sel({"method": list(self._methods)})
        if not np.isfinite(mae.values).any():
            return None
        best = self._methods[int(np.nanargmin(mae.values))]
        is_better = bool(mae.sel({"method": best}) < mae.sel({"method": NETWORK}))
        return best if is_better else None

    def _score(self, history: LineHistory, service_date: date, minutes: range) -> None:
        """Add the cells whose valid time is one of `minutes` (t0 + lead)."""
        methods = set(self._methods)
        origins = [
            t0
            for t0 in range(minutes.start - LEADS, minutes.stop - 1)
            if methods <= self._forecasts.get(t0, {}).keys()
        ]
        if not origins:
            return
        truth = _within(day_truth(history, service_date, np.array(origins)), minutes)
        if not truth.valid.any():
            return
        parts = []
        for name in self._methods:
            forecast = _join([self._forecasts[t0][name] for t0 in origins])
            parts.append(day_sums(truth, forecast, set(forecast.quantiles)).by_lead)
        sums = xr.concat(parts, xr.DataArray(list(self._methods), dims="method", name="method"))
        self._day_sums = sums if self._day_sums is None else self._day_sums + sums
        if len(minutes) == 1:
            self._hour.append(_ScoredMinute(service_date, minutes[0], sums))


def _within(truth: Truth, minutes: range) -> Truth:
    """The truth with only the cells whose valid time is one of `minutes`."""
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
