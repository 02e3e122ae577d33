"""Every minute: what the feed has said -> forecasts, checked -> the board, and the store."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Climatology, Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.service.live.alerts import find_alerts
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.live_line import line_state, origin_at
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.minute import FeedState, MinuteForecast
from headway_prediction.service.live.published import Level, LineForecast, PublishedForecast, Status
from headway_prediction.service.live.publisher import Publisher
from headway_prediction.service.live.sanity_checks import faults
from headway_prediction.service.live.status import status_of

QUARTER_PART, HOUR_PART, SCORES_PART = "15 minutes", "60 minutes", "scores"
COMPARED_METHODS = (Persistence.name, Climatology.name, Propagation.name, TripPropagation.name)


@dataclass
class Timings:
    """How long, in seconds, the last minute's parts took; NaN before there was one.

    `near` and `far` are the forecasts of 15 and 60 minutes alone. `published` goes from the moment when the feed's state was
    taken to a new forecast of 15 minutes on the board, `whole` from the same moment to everything.
    """

    near: float = float("nan")
    far: float = float("nan")
    published: float = float("nan")
    whole: float = float("nan")


@dataclass
class ForecastLoop:
    """Forecasts a line minute by minute. `bundle` may be exchanged between two minutes.

    `keep` is given everything that is issued, under the names "st-convnet", "st-convnet-60" and COMPARED_METHODS; what the
    first two hold at the levels STALE and CLIMATOLOGY is what the service says then, not the network's own. `now` is the
    feed's clock. `newest` is what the newest minute was forecast from, None before the first. A forecast that
    fails is held back, and what failed is told to `issues`.
    """

    bundle: Bundle
    publisher: Publisher
    keep: Callable[[PublishedForecast], None]
    now: Callable[[], float]
    scoring: LiveScorer
    issues: Issues
    timings: Timings = field(default_factory=Timings)
    newest: MinuteForecast | None = None

    def run(self, feed_state: FeedState, at: float, begun: float | None = None) -> LineForecast:
        """Forecast and publish the minute that was over at `at` (epoch seconds): the next 15 minutes first, then the hour.

        `begun` is when `feed_state` began to be taken (by time.monotonic), None for just now.
        Raises HeadwayError for a log that is not of the bundle's line.
        """
        begun = time.monotonic() if begun is None else begun
        service_date, t0 = origin_at(at, self.bundle.line.time_zone)
        minute = MinuteForecast(self.bundle, feed_state, service_date, t0, self._status(feed_state, at))
        state = line_state(self.bundle, minute.history, feed_state.log, service_date, t0)
        _, before = self.publisher.latest(self._line_id)
        published = LineForecast(
            minute.status, at, state, None, before and before.hour, (), before and before.scores
        )
        near = self._tried(QUARTER_PART, published, STConvNetForecaster.name, minute, "near")
        published = self._with_near(published, near, before)
        self.newest = minute
        self.publisher.publish(self._line_id, published)
        if isinstance(near, PublishedForecast):
            self.timings.published = time.monotonic() - begun
        published = self._with_far(published, minute)
        with self.issues.watch(SCORES_PART):
            self._compare(published, minute)
            published = replace(published, scores=self.scoring.scores(self.now()))
        self.publisher.publish(self._line_id, published)
        self.timings.whole = time.monotonic() - begun
        return published

    @property
    def _line_id(self) -> str:
        return self.bundle.line.line_id

    def _status(self, feed_state: FeedState, at: float) -> Status:
        zone = self.bundle.line.time_zone
        days = {origin_at(moment, zone)[0] for moment in (at, feed_state.content_at) if moment is not None}
        return status_of(at, feed_state.content_at, feed_state.known_since, of_today=len(days) == 1)

    def _with_near(
        self, published: LineForecast, near: PublishedForecast | Status, before: LineForecast | None
    ) -> LineForecast:
        if isinstance(near, Status):
            return replace(published, status=near, forecast=before and before.forecast)
        self.keep(near)
        alert = find_alerts(near.forecast, published.state)
        return replace(published, forecast=near, alerts=alert)

    def _with_far(self, published: LineForecast, minute: MinuteForecast) -> LineForecast:
        if published.status.level is Level.WITHHELD:
            return published
        far = self._tried(HOUR_PART, published, Rollout.name, minute, "far")
        if isinstance(far, Status):
            reasons = (*published.status.reasons, *(f"{HOUR_PART}: {reason}" for reason in far.reasons))
            hour = published.hour and replace(published.hour, status=far)
            return replace(published, status=replace(published.status, reasons=reasons), hour=hour)
        self.keep(far)
        return replace(published, hour=far)

    def _tried(
        self, part: str, published: LineForecast, method: str, minute: MinuteForecast, reach: str
    ) -> PublishedForecast | Status:
        made = _held_back(minute, "the forecast failed")
        with self.issues.watch(part):
            made = self._checked(published, method, minute, reach)
        return made

    def _checked(
        self, published: LineForecast, method: str, minute: MinuteForecast, reach: str
    ) -> PublishedForecast | Status:
        """The forecast as it may be issued, or the status that says why not."""
        begun, state = time.monotonic(), published.state
        forecast: Forecast = getattr(minute, reach)
        setattr(self.timings, reach, time.monotonic() - begun)
        origin = state.service_date, state.t0
        found = faults(
            forecast, self.bundle.line, self.bundle.cap_mins, origin, state.headway[-1], state.typical
        )
        if found:
            return _held_back(minute, *found)
        return PublishedForecast(self._line_id, method, self.now(), minute.status, forecast)

    def _compare(self, published: LineForecast, minute: MinuteForecast) -> None:
        """Issue what the simple methods say too, and score all that has come true by now."""
        issued = [
            PublishedForecast(self._line_id, name, self.now(), minute.status, minute.simple(name))
            for name in COMPARED_METHODS
        ]
        for forecast in issued:
            self.keep(forecast)
        if published.status.level is not Level.WITHHELD:
            self.scoring.add([published.forecast, *issued])
        self.scoring.score_settled(minute.history, published.state.t0)


def _held_back(minute: MinuteForecast, *reasons: str) -> Status:
    return replace(minute.status, level=Level.WITHHELD, reasons=(*reasons, *minute.status.reasons))
