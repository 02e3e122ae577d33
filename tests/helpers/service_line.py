"""A line that is served without a feed: its log is told minute by minute."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.service.live.forecast_loop import COMPARED_METHODS, ForecastLoop
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.minute import FeedState
from headway_prediction.service.live.published import LineForecast, PublishedForecast
from headway_prediction.service.live.publisher import Publisher
from headway_prediction.service.live.silences import FeedOutages
from headway_prediction.transit.clock import instant

METHODS = ("st-convnet", *COMPARED_METHODS)


class LoggedLine:
    """Runs a Cycle over a logged service date; the feed tells of a passing as soon as it happens, unless it is silent."""

    def __init__(self, bundle: Bundle, arrivals: Path, service_date: date, *, known_from: int = 0):
        self.bundle, self.service_date = bundle, service_date
        self.log = read_arrivals(arrivals).filter(pl.col("service_date") == service_date)
        self.kept: list[PublishedForecast] = []
        self.silences, self.publisher, self.issues = FeedOutages(), Publisher(), Issues()
        self.at = self.moment(known_from)
        scoring = LiveScorer(METHODS, self.bundle.line.time_zone)
        self.forecast_loop = ForecastLoop(
            self.bundle, self.publisher, self.kept.append, lambda: self.at, scoring, self.issues
        )
        self.silences.record(self.at)
        self._silent = False

    def moment(self, minute: float) -> float:
        """Epoch seconds of a service-day minute."""
        return instant(self.service_date, minute, self.bundle.line.time_zone).timestamp()

    def minute(self, t0: int, *, silent: bool = False) -> LineForecast:
        """Run the cycle of minute t0, the feed having said all up to its end, minute by minute, or nothing new."""
        before, self.at = self.at, self.moment(t0 + 1)
        if not (silent or self._silent):
            for moment in range(int(before), int(self.at), 60):
                self.silences.record(moment)
        if not silent:
            self.silences.record(self.at)
        self._silent = silent
        return self.forecast_loop.run(self.feed_state(), self.at)

    def feed_state(self) -> FeedState:
        """What the feed has said so far."""
        known = self.log.filter(pl.col("event_time") < datetime.fromtimestamp(self.silences.content_at, UTC))
        attributes = self.silences.attributes(self.at, self.bundle.line.time_zone)
        return FeedState(known, self.silences.content_at, self.silences.known_since, attributes)
