"""The thread that brings issued forecasts into the store: a database in trouble holds up nobody, and loses little."""

from collections import deque
from threading import Event, Thread

from headway_prediction.errors import HeadwayError
from headway_prediction.service.issued import IssuedForecast
from headway_prediction.service.store import Store
from headway_prediction.service.troubles import Troubles

MOST_WAITING = 2000
"""Over four hours of minutes with all their methods; of more the oldest are lost, which is told."""
RETRY_SECS = 2.0
PART = "store of forecasts"


class IssuedKeeper:
    """Keeps what it is given, in order, as soon as the database takes it."""

    def __init__(self, store: Store, troubles: Troubles):
        self._store, self._troubles = store, troubles
        self._waiting: deque[IssuedForecast] = deque()
        self._lost = 0
        self._news, self._stop = Event(), Event()
        self._thread = Thread(target=self._keep_on, name="issued-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """End once everything is kept, or after the timeout."""
        self._stop.set()
        self._news.set()
        self._thread.join(timeout_secs)

    def keep(self, issued: IssuedForecast) -> None:
        """Take in a forecast; never waits."""
        self._waiting.append(issued)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._news.set()

    def _keep_on(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            while self._waiting:
                issued = self._waiting.popleft()
                if not self._kept(issued):
                    self._waiting.appendleft(issued)
                    break
            if self._stop.is_set():
                return
            if self._waiting and not self._stop.wait(RETRY_SECS):
                self._news.set()

    def _kept(self, issued: IssuedForecast) -> bool:
        try:
            self._store.keep_issued(issued)
        except HeadwayError as error:
            lost = f", {self._lost} are lost" if self._lost else ""
            self._troubles.tell(PART, f"{len(self._waiting) + 1} forecasts wait{lost}: {error.found}")
            return False
        self._troubles.tell(PART, None)
        return True
