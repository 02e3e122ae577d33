"""Every minute: what the feed has said -> forecasts, checked -> the board, and the store."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.climatology import Climatology
from headway_prediction.forecasters.persistence import Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.rollout import FeedBack
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.service.live.alerts import warnings_of
from headway_prediction.service.live.issues import Troubles
from headway_prediction.service.live.live_line import line_state, origin_at
from headway_prediction.service.live.live_scores import LiveScoring
from headway_prediction.service.live.minute import Heard, Outlook
from headway_prediction.service.live.published import IssuedForecast, Level, Published, Status
from headway_prediction.service.live.publisher import Board
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
class Cycle:
    """Forecasts a line minute by minute. `bundle` may be exchanged between two minutes.

    `keep` is given everything that is issued, under the names "st-convnet", "st-convnet-60" and COMPARED_METHODS; what the
    first two hold at the levels STALE and CLIMATOLOGY is what the service says then, not the network's own. `now` is the
    feed's clock. `newest` is what the newest minute was forecast from, None before the first. A forecast that
    fails is held back, and what failed is told to `troubles`.
    """

    bundle: Bundle
    board: Board
    keep: Callable[[IssuedForecast], None]
    now: Callable[[], float]
    scoring: LiveScoring
    troubles: Troubles
    timings: Timings = field(default_factory=Timings)
    newest: Outlook | None = None

    def run(self, heard: Heard, at: float, begun: float | None = None) -> Published:
        """Forecast and publish the minute that was over at `at` (epoch seconds): the next 15 minutes first, then the hour.

        `begun` is when `heard` began to be taken (by time.monotonic), None for just now.
        Raises HeadwayError for a log that is not of the bundle's line.
        """
        begun = time.monotonic() if begun is None else begun
        service_date, t0 = origin_at(at, self.bundle.line.time_zone)
        outlook = Outlook(self.bundle, heard, service_date, t0, self._status(heard, at))
        state = line_state(self.bundle, outlook.history, heard.log, service_date, t0)
        _, before = self.board.newest(self._line_id)
        published = Published(
            outlook.status, at, state, None, before and before.hour, (), before and before.scores
        )
        near = self._tried(QUARTER_PART, published, STConvNetForecaster.name, outlook, "near")
        published = self._with_near(published, near, before)
        self.newest = outlook
        self.board.publish(self._line_id, published)
        if isinstance(near, IssuedForecast):
            self.timings.published = time.monotonic() - begun
        published = self._with_far(published, outlook)
        with self.troubles.of(SCORES_PART):
            self._compare(published, outlook)
            published = replace(published, scores=self.scoring.scores(self.now()))
        self.board.publish(self._line_id, published)
        self.timings.whole = time.monotonic() - begun
        return published

    @property
    def _line_id(self) -> str:
        return self.bundle.line.line_id

    def _status(self, heard: Heard, at: float) -> Status:
        zone = self.bundle.line.time_zone
        days = {origin_at(moment, zone)[0] for moment in (at, heard.content_at) if moment is not None}
        return status_of(at, heard.content_at, heard.known_since, of_today=len(days) == 1)

    def _with_near(
        self, published: Published, near: IssuedForecast | Status, before: Published | None
    ) -> Published:
        if isinstance(near, Status):
            return replace(published, status=near, forecast=before and before.forecast)
        self.keep(near)
        warned = warnings_of(near.forecast, published.state)
        return replace(published, forecast=near, warnings=warned)

    def _with_far(self, published: Published, outlook: Outlook) -> Published:
        if published.status.level is Level.HELD_BACK:
            return published
        far = self._tried(HOUR_PART, published, FeedBack.name, outlook, "far")
        if isinstance(far, Status):
            reasons = (*published.status.reasons, *(f"{HOUR_PART}: {reason}" for reason in far.reasons))
            hour = published.hour and replace(published.hour, status=far)
            return replace(published, status=replace(published.status, reasons=reasons), hour=hour)
        self.keep(far)
        return replace(published, hour=far)

    def _tried(
        self, part: str, published: Published, method: str, outlook: Outlook, reach: str
    ) -> IssuedForecast | Status:
        made = _held_back(outlook, "the forecast failed")
        with self.troubles.of(part):
            made = self._checked(published, method, outlook, reach)
        return made

    def _checked(
        self, published: Published, method: str, outlook: Outlook, reach: str
    ) -> IssuedForecast | Status:
        """The forecast as it may be issued, or the status that says why not."""
        begun, state = time.monotonic(), published.state
        forecast: Forecast = getattr(outlook, reach)
        setattr(self.timings, reach, time.monotonic() - begun)
        origin = state.service_date, state.t0
        found = faults(
            forecast, self.bundle.line, self.bundle.cap_mins, origin, state.headway[-1], state.usual
        )
        if found:
            return _held_back(outlook, *found)
        return IssuedForecast(self._line_id, method, self.now(), outlook.status, forecast)

    def _compare(self, published: Published, outlook: Outlook) -> None:
        """Issue what the simple methods say too, and score all that has come true by now."""
        issued = [
            IssuedForecast(self._line_id, name, self.now(), outlook.status, outlook.simple(name))
            for name in COMPARED_METHODS
        ]
        for forecast in issued:
            self.keep(forecast)
        if published.status.level is not Level.HELD_BACK:
            self.scoring.issued([published.forecast, *issued])
        self.scoring.come_true(outlook.history, published.state.t0)


def _held_back(outlook: Outlook, *reasons: str) -> Status:
    return replace(outlook.status, level=Level.HELD_BACK, reasons=(*reasons, *outlook.status.reasons))
