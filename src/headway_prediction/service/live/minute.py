"""What is forecast at one minute: by the network, from the last state of a silent feed, or as usual."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.forecasters.rollout import MINS, Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.service.live.climatology_fallback import climatology_forecast
from headway_prediction.service.live.live_line import live_history, origin_at
from headway_prediction.service.live.published import Level, Status
from headway_prediction.service.live.stale_feed import continue_from, joined


@dataclass(frozen=True)
class FeedState:
    """What the feed has said by a moment: `log` (tidy, of the service date), when it last said something
    new, since when it has been heard without a long silence (epoch seconds, None: never), and those silences as a grid's
    attributes (see grid.outages)."""

    log: pl.DataFrame
    content_at: float | None
    known_since: float | None
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class MinuteForecast:
    """The forecasts of one minute, `t0` of a service date, each made when it is first asked for."""

    bundle: Bundle
    feed_state: FeedState
    service_date: date
    t0: int
    status: Status

    @cached_property
    def history(self) -> LineHistory:
        """The line as known at the end of minute t0."""
        return self._history(self.t0)

    @cached_property
    def near(self) -> Forecast:
        """The next 15 minutes."""
        return self._ahead(STConvNetForecaster.name, LEADS)

    @cached_property
    def far(self) -> Forecast:
        """The next 60 minutes."""
        return self._ahead(Rollout.name, MINS)

    def simple(self, method: str) -> Forecast:
        """Return what a simple method forecasts for the next 15 minutes."""
        return self._by(method, self.history, self.t0)

    def _ahead(self, method: str, leads: int) -> Forecast:
        if self.status.level is Level.CLIMATOLOGY:
            return self._usual(leads)
        if self.status.level is Level.STALE:
            return continue_from(self._then, self._usual(leads), self.bundle.cap_mins)
        return self._by(method, self.history, self.t0)

    @cached_property
    def _then(self) -> Forecast:
        """All leads from the last state of the feed, which a STALE status says to be of this service date."""
        _, then = origin_at(self.feed_state.content_at, self.bundle.line.time_zone)
        history = self._history(then)
        near, far = (self._by(method, history, then) for method in (STConvNetForecaster.name, Rollout.name))
        return joined(near, far)

    def _usual(self, leads: int) -> Forecast:
        return climatology_forecast(self.bundle, self.service_date, self.t0, leads)

    def _history(self, t0: int) -> LineHistory:
        return live_history(
            self.bundle, self.feed_state.log, self.service_date, t0, self.feed_state.attributes
        )

    def _by(self, method: str, history: LineHistory, t0: int) -> Forecast:
        return self.bundle.method(method).forecast(history, self.service_date, np.array([t0]))
