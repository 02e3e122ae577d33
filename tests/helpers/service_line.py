"""A line that is served without a feed: its log is told minute by minute."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.service.live.forecast_loop import COMPARED_METHODS, Cycle
from headway_prediction.service.live.issues import Troubles
from headway_prediction.service.live.live_scores import LiveScoring
from headway_prediction.service.live.minute import Heard
from headway_prediction.service.live.published import IssuedForecast, Published
from headway_prediction.service.live.publisher import Board
from headway_prediction.service.live.silences import Silences
from headway_prediction.transit.clock import instant

METHODS = ("st-convnet", *COMPARED_METHODS)


class ToldLine:
    """Runs a Cycle over a logged service date; the feed tells of a passing as soon as it happens, unless it is silent."""

    def __init__(self, bundle: Bundle, arrivals: Path, service_date: date, *, heard_from: int = 0):
        self.bundle, self.service_date = bundle, service_date
        self.log = read_arrivals(arrivals).filter(pl.col("service_date") == service_date)
        self.kept: list[IssuedForecast] = []
        self.silences, self.board, self.troubles = Silences(), Board(), Troubles()
        self.at = self.moment(heard_from)
        scoring = LiveScoring(METHODS, self.bundle.line.time_zone)
        self.cycle = Cycle(self.bundle, self.board, self.kept.append, lambda: self.at, scoring, self.troubles)
        self.silences.heard(self.at)
        self._silent = False

    def moment(self, minute: float) -> float:
        """Epoch seconds of a service-day minute."""
        return instant(self.service_date, minute, self.bundle.line.time_zone).timestamp()

    def minute(self, t0: int, *, silent: bool = False) -> Published:
        """Run the cycle of minute t0, the feed having said all up to its end, minute by minute, or nothing new."""
        before, self.at = self.at, self.moment(t0 + 1)
        if not (silent or self._silent):
            for moment in range(int(before), int(self.at), 60):
                self.silences.heard(moment)
        if not silent:
            self.silences.heard(self.at)
        self._silent = silent
        return self.cycle.run(self.heard(), self.at)

    def heard(self) -> Heard:
        """What the feed has said so far."""
        known = self.log.filter(pl.col("event_time") < datetime.fromtimestamp(self.silences.content_at, UTC))
        attributes = self.silences.attributes(self.at, self.bundle.line.time_zone)
        return Heard(known, self.silences.content_at, self.silences.known_since, attributes)
