"""The running service as API and page see it: its lines, its board, its store, and what is wrong."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.service.live.alerts import find_alerts
from headway_prediction.service.live.live_line import line_state, live_history
from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.view import Departure, LineMetrics, ServedLine
from headway_prediction.transit.clock import instant

if TYPE_CHECKING:
    from headway_prediction.service.live.service import LiveService


class LiveView:
    """A ServiceView over a LiveService of one line."""

    def __init__(self, service: "LiveService"):
        self._service = service
        self.publisher, self.store = service.publisher, service.store

    def lines(self) -> Sequence[ServedLine]:
        """Return the one line."""
        loaded = self._service.bundle
        return [ServedLine.of_bundle(loaded.bundle, self._service.name, loaded.code_version)]

    def forecast_at(self, line_id: str, service_date: date, t0: int) -> LineForecast | None:
        """Return what was issued at an earlier origin, with state and warnings as they are known of it now."""
        near, far = (
            self.store.forecast(line_id, name, service_date, t0)
            for name in (STConvNetForecaster.name, Rollout.name)
        )
        if near is None:
            return None
        bundle = self._service.bundle.bundle
        feed_state = self._service.feed_state(service_date)
        history = live_history(bundle, feed_state.log, service_date, t0, feed_state.attributes)
        state = line_state(bundle, history, feed_state.log, service_date, t0)
        at = instant(service_date, t0 + 1, bundle.line.time_zone).timestamp()
        return LineForecast(near.status, at, state, near, far, find_alerts(near.forecast, state), None)

    def departures(self, line_id: str) -> Sequence[Departure]:
        """Return the terminal departures of the next 60 minutes that can be edited."""
        return self._service.departures()

    def what_if(self, line_id: str, asked: Mapping[str, object]) -> Mapping[str, object]:
        """Return what a change of the departures does."""
        return self._service.what_if(asked)

    def issues(self) -> Sequence[str]:
        """Return in sentences what is wrong with the service now."""
        return self._service.issues()

    def figures(self, line_id: str) -> LineMetrics:
        """Return the numbers of the running service."""
        return self._service.figures()

    def now(self) -> float:
        """Return the time by the feed's clock."""
        return self._service.clock.now()
