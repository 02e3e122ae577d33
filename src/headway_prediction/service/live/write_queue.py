"""What the database has not taken yet: kept in memory, in order, and tried again until it is saved."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from headway_prediction.errors import HeadwayError
from headway_prediction.service.store import Store
from headway_prediction.service.store.kept_polls import Batch

RETRY_SECS = 2.0
MAX_BATCHES = 240
"""An hour of polls as they came; of more than that the oldest are joined, which drops the bodies no restart needs."""


class WriteQueue:
    """A queue of transactions of one line before its store. Nothing is dropped; what cannot be saved yet is told.

    `elapsed` gives seconds since some moment, which never jump.
    """

    def __init__(self, store: Store, line_id: str, elapsed: Callable[[], float] = time.monotonic):
        self._store, self._line_id, self._elapsed = store, line_id, elapsed
        self._batches: deque[Batch] = deque()
        self._saving, self._queue = Lock(), Lock()
        self._failed_at: float | None = None
        self._since = 0.0
        self._reason = ""

    def put(self, batch: Batch) -> None:
        """Take in a transaction and save what can be saved. Never raises for the database's sake."""
        with self._queue:
            self._batches.append(batch)
            if len(self._batches) > MAX_BATCHES:
                # The very first may be on its way into the database: the two behind it are joined.
                going, second, third = (self._batches.popleft() for _ in range(3))
                self._batches.extendleft([second.then(third), going])
        self.save()

    def save(self) -> None:
        """Save what waits, unless the last try failed just now."""
        if self._failed_at is not None and self._elapsed() - self._failed_at < RETRY_SECS:
            return
        with self._saving:
            while (batch := self._first()) is not None:
                if not self._saved(batch):
                    return
                with self._queue:
                    self._batches.popleft()

    @property
    def waiting(self) -> int:
        """How many polls are not saved yet."""
        with self._queue:
            return sum(len(batch.polls) for batch in self._batches)

    def issues(self) -> tuple[str, ...]:
        """Return what is wrong, a sentence each; nothing when all is saved."""
        if self._failed_at is None:
            return ()
        secs = self._elapsed() - self._since
        return (f"nothing could be saved for {secs:.0f} s, {self.waiting:,} polls wait: {self._reason}",)

    def _first(self) -> Batch | None:
        with self._queue:
            return self._batches[0] if self._batches else None

    def _saved(self, batch: Batch) -> bool:
        started = self._elapsed()
        try:
            self._store.save_batch(self._line_id, batch)
        except HeadwayError as error:
            if self._failed_at is None:
                self._since = started
            self._failed_at, self._reason = self._elapsed(), error.found
            return False
        self._failed_at = None
        return True
