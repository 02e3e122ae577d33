"""Work outside the forecast loop: threads that write to the store, and the register of what is wrong with the service."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from headway_prediction.errors import HeadwayError
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.service.store import Store
from headway_prediction.service.store.batches import Batch

RETRY_SECS = 2.0
MAX_BATCHES = 240
"""An hour of polls, one batch each; beyond that the oldest are merged, without the poll bodies that no restart needs."""
MAX_FORECASTS = 2000
"""Over four hours of all methods; beyond that the oldest are dropped, which is reported."""
FORECASTS_PART = "store of forecasts"


class Issues:
    """The current issues of the service: one sentence for each part that has one. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_part: dict[str, str] = {}

    def current(self) -> tuple[str, ...]:
        """Return "part: sentence" of each part with an issue, ordered by part."""
        with self._lock:
            return tuple(f"{part}: {self._by_part[part]}" for part in sorted(self._by_part))

    def report(self, part: str, sentence: str | None) -> None:
        """Set the issue of a part; None clears it."""
        with self._lock:
            if sentence is None:
                self._by_part.pop(part, None)
            else:
                self._by_part[part] = sentence

    @contextmanager
    def watch(self, part: str) -> Iterator[None]:
        """Report and log whatever the body raises, and go on; a body that does not raise clears the part."""
        try:
            yield
        except Exception as error:
            logging.getLogger(__name__).warning("%s: %s", part, error, exc_info=error)
            self.report(part, str(error) or type(error).__name__)
        else:
            self.report(part, None)


class Worker:
    """Calls `work` in its own thread: at the start, after each `wake`, and a last time after `stop`.

    `work` returns the seconds after which it is to be called again without a `wake`, None for never. Whatever it raises is
    reported to `issues` as the part `name`; the last pause stays in force.
    """

    def __init__(self, name: str, work: Callable[[], float | None], issues: Issues):
        self._name, self._work, self._issues = name, work, issues
        self._wake, self._stop = Event(), Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """Stop after the current call and a last one; return at the latest after the timeout."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_secs)

    def wake(self) -> None:
        """Have `work` called; returns at once."""
        self._wake.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def pause(self, secs: float) -> bool:
        """Wait, from within `work`; return True as soon as `stop` is called."""
        return self._stop.wait(secs)

    def _run(self) -> None:
        stopping, pause = False, None
        while not stopping:
            # In this order, a wake or stop that comes after these two lines leads to one more round.
            self._wake.clear()
            stopping = self.stopping
            with self._issues.watch(self._name):
                pause = self._work()
            if not stopping:
                self._wake.wait(pause)


class WriteQueue:
    """Batches of one line on their way to the store, in order. None is dropped; a failing store is retried and reported.

    `elapsed` is a monotonic clock in seconds.
    """

    def __init__(self, store: Store, line_id: str, elapsed: Callable[[], float] = time.monotonic):
        self._store, self._line_id, self._elapsed = store, line_id, elapsed
        self._batches: deque[Batch] = deque()
        self._saving, self._queue = Lock(), Lock()
        self._failed_at: float | None = None
        self._failing_since = 0.0
        self._reason = ""

    def put(self, batch: Batch) -> None:
        """Append a batch and save what can be saved; a failing database raises nothing."""
        with self._queue:
            self._batches.append(batch)
            if len(self._batches) > MAX_BATCHES:
                # The first may be in the middle of being saved: the two after it are merged.
                first, second, third = (self._batches.popleft() for _ in range(3))
                self._batches.extendleft([second.then(third), first])
        self.save()

    def save(self) -> None:
        """Save what waits, unless the last try failed less than RETRY_SECS ago."""
        if self._failed_at is not None and self._elapsed() - self._failed_at < RETRY_SECS:
            return
        with self._saving:
            while (batch := self._first()) is not None:
                if not self._is_saved(batch):
                    return
                with self._queue:
                    self._batches.popleft()

    @property
    def waiting_polls(self) -> int:
        """The number of polls that are not saved yet."""
        with self._queue:
            return sum(len(batch.polls) for batch in self._batches)

    def issues(self) -> tuple[str, ...]:
        """Return a sentence while the database fails, nothing otherwise."""
        if self._failed_at is None:
            return ()
        secs = self._elapsed() - self._failing_since
        return (
            f"nothing could be saved for {secs:.0f} s, {self.waiting_polls:,} polls wait: {self._reason}",
        )

    def _first(self) -> Batch | None:
        with self._queue:
            return self._batches[0] if self._batches else None

    def _is_saved(self, batch: Batch) -> bool:
        started = self._elapsed()
        try:
            self._store.save_batch(self._line_id, batch)
        except HeadwayError as error:
            if self._failed_at is None:
                self._failing_since = started
            self._failed_at, self._reason = self._elapsed(), error.found
            return False
        self._failed_at = None
        return True


class ForecastWriter:
    """Published forecasts on their way to the store, in order, in the thread of `worker`; a failing store is retried."""

    def __init__(self, store: Store, issues: Issues):
        self._store, self._issues = store, issues
        self._waiting: deque[PublishedForecast] = deque()
        self._dropped = 0
        self.worker = Worker("published forecasts", self._save_waiting, issues)

    def put(self, forecast: PublishedForecast) -> None:
        """Append a forecast; returns at once."""
        self._waiting.append(forecast)
        while len(self._waiting) > MAX_FORECASTS:
            self._waiting.popleft()
            self._dropped += 1
        self.worker.wake()

    def _save_waiting(self) -> float | None:
        while self._waiting:
            forecast = self._waiting.popleft()
            if not self._is_saved(forecast):
                self._waiting.appendleft(forecast)
                return RETRY_SECS
        return None

    def _is_saved(self, forecast: PublishedForecast) -> bool:
        try:
            self._store.save_forecast(forecast)
        except HeadwayError as error:
            dropped = f", {self._dropped} are lost" if self._dropped else ""
            waiting = len(self._waiting) + 1
            self._issues.report(FORECASTS_PART, f"{waiting} forecasts wait{dropped}: {error.found}")
            return False
        self._issues.report(FORECASTS_PART, None)
        return True
