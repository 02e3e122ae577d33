"""Issued forecasts on their way into the store: a database in trouble holds up nobody, and loses little."""

from collections import deque

from headway_prediction.errors import HeadwayError
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.service.live.worker import Worker
from headway_prediction.service.store import Store

MAX_WAITING = 2000
"""Over four hours of minutes with all their methods; of more the oldest are lost, which is told."""
RETRY_SECS = 2.0
PART = "store of forecasts"


class ForecastWriter:
    """Keeps what it is given, in order, as soon as the database takes it; `worker` is the thread in which it does so."""

    def __init__(self, store: Store, issues: Issues):
        self._store, self._issues = store, issues
        self._waiting: deque[PublishedForecast] = deque()
        self._lost = 0
        self.worker = Worker("issued forecasts", self._keep_waiting, issues)

    def keep(self, issued: PublishedForecast) -> None:
        """Take in a forecast; never waits."""
        self._waiting.append(issued)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self.worker.call()

    def _keep_waiting(self) -> float | None:
        while self._waiting:
            issued = self._waiting.popleft()
            if not self._kept(issued):
                self._waiting.appendleft(issued)
                return RETRY_SECS
        return None

    def _kept(self, issued: PublishedForecast) -> bool:
        try:
            self._store.save_forecast(issued)
        except HeadwayError as error:
            lost = f", {self._lost} are lost" if self._lost else ""
            self._issues.report(PART, f"{len(self._waiting) + 1} forecasts wait{lost}: {error.found}")
            return False
        self._issues.report(PART, None)
        return True
