"""The forecast loop: every minute feed state -> forecasts -> checks -> publisher and store.

`LoopSchedule` decides when a minute is forecast, `MinuteForecast` what is forecast at the status of the feed (`stale_feed`
has its stages), `ForecastLoop` publishes what passes `sanity_checks`, with alerts and live scores.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import numpy as np

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.forecasters.baselines import Climatology, Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.rollout import MINS, Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin
from headway_prediction.service.live.alerts import find_alerts
from headway_prediction.service.live.background import Issues
from headway_prediction.service.live.line_state import climatology_of, line_state, live_origin, origin_at
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.published import (
    Level,
    LineForecast,
    LineState,
    PublishedForecast,
    Publisher,
    Status,
)
from headway_prediction.service.live.sanity_checks import failed_checks
from headway_prediction.service.live.stale_feed import (
    FeedState,
    climatology_forecast,
    continue_from,
    join_leads,
    status_of,
)

GRACE_SECS = 20.0
"""How long after the end of a minute a poll is waited for."""
MINUTE_SECS = 60.0
SCORES_PART = "scores"
COMPARED_METHODS = (Persistence.name, Climatology.name, Propagation.name, TripPropagation.name)


@dataclass(frozen=True)
class Horizon:
    """One of the two published horizons: its name in issues, the method that forecasts it, and its leads."""

    name: str
    method: str
    leads: int


QUARTER = Horizon("15 minutes", STConvNetForecaster.name, LEADS)
HOUR = Horizon("60 minutes", Rollout.name, MINS)


class LoopSchedule:
    """Gives each minute once, in order: at the first poll fetched after its end, or GRACE_SECS after it without one.

    Where several minutes are due, only the newest is given.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._last: float | None = None

    def due(self, newest_poll_at: float | None, now: float) -> float | None:
        """Return the end of the minute to forecast now, None where there is none (epoch seconds by the feed's clock).

        `newest_poll_at` is when the newest poll of this process was fetched, None before the first.
        """
        without_poll = now - GRACE_SECS
        ends = []
        if newest_poll_at is not None:
            ends.append(_minute_end_before(newest_poll_at))
        if newest_poll_at is not None or without_poll >= self._started_at:
            ends.append(_minute_end_before(without_poll))
        newest = max(ends, default=None)
        if newest is None or (self._last is not None and newest <= self._last):
            return None
        self._last = newest
        return newest


def _minute_end_before(moment: float) -> float:
    return moment // MINUTE_SECS * MINUTE_SECS


@dataclass(frozen=True)
class MinuteForecast:
    """The forecasts of one minute, `t0` of a service date; each is made on demand."""

    bundle: Bundle
    feed_state: FeedState
    service_date: date
    t0: int
    status: Status

    @cached_property
    def origin(self) -> ForecastOrigin:
        """The minute with the line as known at its end."""
        return self._origin(self.t0)

    def ahead(self, horizon: Horizon) -> Forecast:
        """Return the forecast that is published for a horizon; the level of `status` decides how it is made."""
        if self.status.level is Level.CLIMATOLOGY:
            return self._climatology(horizon.leads)
        if self.status.level is Level.STALE:
            return continue_from(
                self._from_last_state, self._climatology(horizon.leads), self.bundle.cap_mins
            )
        return self.by_method(horizon.method)

    def by_method(self, method: str) -> Forecast:
        """Return what one method of the bundle forecasts from t0."""
        return self._forecast(method, self.origin)

    @cached_property
    def _from_last_state(self) -> Forecast:
        """All 60 leads from the last known state; it is of this service date wherever the level is STALE."""
        assert self.feed_state.content_at is not None
        _, t0 = origin_at(self.feed_state.content_at, self.bundle.line.time_zone)
        origin = self._origin(t0)
        near, far = (self._forecast(horizon.method, origin) for horizon in (QUARTER, HOUR))
        return join_leads(near, far)

    def _climatology(self, leads: int) -> Forecast:
        bundle = self.bundle
        levels = tuple(bundle.config.quantiles)
        return climatology_forecast(
            climatology_of(bundle), levels, bundle.cap_mins, self.service_date, self.t0, leads
        )

    def _origin(self, t0: int) -> ForecastOrigin:
        return live_origin(
            self.bundle, self.feed_state.log, self.service_date, t0, self.feed_state.attributes
        )

    def _forecast(self, method: str, origin: ForecastOrigin) -> Forecast:
        return self.bundle.method(method).forecast(origin.history, self.service_date, np.array([origin.t0]))


@dataclass
class Timings:
    """Durations in seconds of the last minute; NaN before the first.

    `quarter_secs` and `hour_secs` are the forecasts of 15 and 60 minutes alone. `publish_secs` goes from the start of the
    minute, before the feed's state is read, to the published forecast of 15 minutes; `total_secs` to the end of everything.
    """

    quarter_secs: float = float("nan")
    hour_secs: float = float("nan")
    publish_secs: float = float("nan")
    total_secs: float = float("nan")


@dataclass
class ForecastLoop:
    """Forecasts and publishes a line minute by minute. `bundle` may be replaced between two minutes.

    `save` is given every published forecast, of the methods "st-convnet", "st-convnet-60" and COMPARED_METHODS; at the
    levels STALE and CLIMATOLOGY the first two are the fallback, not the network's own. `now` is the feed's clock. `newest`
    is the latest minute, None before the first. A forecast that fails is withheld, and reported to `issues`.
    """

    bundle: Bundle
    publisher: Publisher
    save: Callable[[PublishedForecast], None]
    now: Callable[[], float]
    scorer: LiveScorer
    issues: Issues
    timings: Timings = field(default_factory=Timings)
    newest: MinuteForecast | None = None

    def run_minute(self, feed_state: FeedState, at: float, started: float | None = None) -> LineForecast:
        """Forecast and publish the minute that ended at `at` (epoch seconds): first 15 minutes ahead, then 60.

        `started` is when reading `feed_state` began (time.monotonic), None for now.
        Raises HeadwayError for a log of another line than the bundle's.
        """
        started = time.monotonic() if started is None else started
        service_date, t0 = origin_at(at, self.bundle.line.time_zone)
        minute = MinuteForecast(self.bundle, feed_state, service_date, t0, self._status(feed_state, at))
        state = line_state(self.bundle, minute.origin)
        _, previous = self.publisher.latest(self._line_id)
        forecast = LineForecast(
            minute.status,
            at,
            state,
            forecast=None,
            hour=previous.hour if previous else None,
            alerts=(),
            scores=previous.scores if previous else None,
        )
        forecast = self._with_quarter(forecast, minute, previous)
        self.newest = minute
        self.publisher.publish(self._line_id, forecast)
        if forecast.status.level is not Level.WITHHELD:
            self.timings.publish_secs = time.monotonic() - started
        forecast = self._with_hour(forecast, minute)
        with self.issues.watch(SCORES_PART):
            self._compare(forecast, minute)
            forecast = replace(forecast, scores=self.scorer.scores(self.now()))
        self.publisher.publish(self._line_id, forecast)
        self.timings.total_secs = time.monotonic() - started
        return forecast

    @property
    def _line_id(self) -> str:
        return self.bundle.line.line_id

    def _status(self, feed_state: FeedState, at: float) -> Status:
        content_at, zone = feed_state.content_at, self.bundle.line.time_zone
        same_date = content_at is None or origin_at(content_at, zone)[0] == origin_at(at, zone)[0]
        return status_of(at, content_at, feed_state.known_since, same_service_date=same_date)

    def _with_quarter(
        self, forecast: LineForecast, minute: MinuteForecast, previous: LineForecast | None
    ) -> LineForecast:
        quarter, self.timings.quarter_secs = self._timed(QUARTER, forecast.state, minute)
        if isinstance(quarter, Status):
            return replace(forecast, status=quarter, forecast=previous.forecast if previous else None)
        self.save(quarter)
        return replace(forecast, forecast=quarter, alerts=find_alerts(quarter.forecast, forecast.state))

    def _with_hour(self, forecast: LineForecast, minute: MinuteForecast) -> LineForecast:
        if forecast.status.level is Level.WITHHELD:
            return forecast
        hour, self.timings.hour_secs = self._timed(HOUR, forecast.state, minute)
        if isinstance(hour, Status):
            reasons = (*forecast.status.reasons, *(f"{HOUR.name}: {reason}" for reason in hour.reasons))
            shown = forecast.hour and replace(forecast.hour, status=hour)
            return replace(forecast, status=replace(forecast.status, reasons=reasons), hour=shown)
        self.save(hour)
        return replace(forecast, hour=hour)

    def _timed(
        self, horizon: Horizon, state: LineState, minute: MinuteForecast
    ) -> tuple[PublishedForecast | Status, float]:
        """The forecast of a horizon as it may be published, or the status of why not; and the seconds it took."""
        started, secs = time.monotonic(), float("nan")
        result: PublishedForecast | Status = _withheld(minute, "the forecast failed")
        with self.issues.watch(horizon.name):
            forecast = minute.ahead(horizon)
            secs = time.monotonic() - started
            failed = failed_checks(forecast, self.bundle.line, self.bundle.cap_mins, state)
            if failed:
                result = _withheld(minute, *failed)
            else:
                result = PublishedForecast(self._line_id, horizon.method, self.now(), minute.status, forecast)
        return result, secs

    def _compare(self, forecast: LineForecast, minute: MinuteForecast) -> None:
        """Publish the simple methods' forecasts, and score all minutes whose truth is known by now."""
        compared = [
            PublishedForecast(self._line_id, name, self.now(), minute.status, minute.by_method(name))
            for name in COMPARED_METHODS
        ]
        for published in compared:
            self.save(published)
        if forecast.status.level is not Level.WITHHELD and forecast.forecast is not None:
            self.scorer.add([forecast.forecast, *compared])
        self.scorer.score_settled(minute.origin.history, forecast.state.t0)


def _withheld(minute: MinuteForecast, *reasons: str) -> Status:
    return replace(minute.status, level=Level.WITHHELD, reasons=(*reasons, *minute.status.reasons))
