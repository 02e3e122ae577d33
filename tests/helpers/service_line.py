"""The forecast loop over a logged service date, minute by minute, without feed and store."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.service.live.background import Issues
from headway_prediction.service.live.forecast_loop import COMPARED_METHODS, ForecastLoop
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.published import LineForecast, PublishedForecast, Publisher
from headway_prediction.service.live.stale_feed import FeedOutages, FeedState
from headway_prediction.transit.clock import instant

METHODS = ("st-convnet", *COMPARED_METHODS)


class LoggedLine:
    """A ForecastLoop over a logged service date; each passing is in the feed as soon as it happens, unless it is silent."""

    def __init__(self, bundle: Bundle, arrivals: Path, service_date: date, *, known_from: int = 0):
        self.bundle, self.service_date = bundle, service_date
        self.log = read_arrivals(arrivals).filter(pl.col("service_date") == service_date)
        self.saved: list[PublishedForecast] = []
        self.outages, self.publisher, self.issues = FeedOutages(), Publisher(), Issues()
        self.at = self.moment(known_from)
        self.forecast_loop = ForecastLoop(
            bundle,
            self.publisher,
            self.saved.append,
            lambda: self.at,
            LiveScorer(METHODS, bundle.line.time_zone),
            self.issues,
        )
        self.outages.record(self.at)
        self._silent = False

    def moment(self, minute: float) -> float:
        """Epoch seconds of a service-day minute."""
        return instant(self.service_date, minute, self.bundle.line.time_zone).timestamp()

    def minute(self, t0: int, *, silent: bool = False) -> LineForecast:
        """Run minute t0, after new data in every minute up to its end, or without any since the minute run before."""
        before, self.at = self.at, self.moment(t0 + 1)
        if not (silent or self._silent):
            for moment in range(int(before), int(self.at), 60):
                self.outages.record(moment)
        if not silent:
            self.outages.record(self.at)
        self._silent = silent
        return self.forecast_loop.run_minute(self.feed_state(), self.at)

    def feed_state(self) -> FeedState:
        """What is known from the feed so far."""
        known = self.log.filter(pl.col("event_time") < datetime.fromtimestamp(self.outages.content_at, UTC))
        attributes = self.outages.attributes(self.at, self.bundle.line.time_zone)
        return FeedState(known, self.outages.content_at, self.outages.known_since, attributes)
