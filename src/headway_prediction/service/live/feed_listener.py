"""The thread that listens to a feed: its polls into the ingest, and when they came."""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date
from threading import Event, Lock, Thread

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.minute import FeedState
from headway_prediction.service.live.silences import FeedOutages
from headway_prediction.service.live.sources import Feed

RECONNECT_SECS = 5.0
MAX_ARRIVALS = 400


class FeedListener:
    """Takes in the polls of a feed until it is stopped, whatever they hold and however the feed ends.

    `refused` is why the feed cannot be had at all, once that is known. `lag_secs` is what the newest poll took from its
    arrival to its passings being kept. `news` is set whenever a poll was taken in.
    """

    def __init__(self, line_id: str, feed: Feed, ingest: Ingest, silences: FeedOutages, issues: Issues):
        self._line_id = line_id
        self.news = Event()
        self.refused: HeadwayError | None = None
        self.lag_secs = float("nan")
        self.newest_at: float | None = None
        self._feed, self._ingest, self._silences, self._issues = feed, ingest, silences, issues
        self._lock, self._stop = Lock(), Event()
        self._on_refused: Callable[[], None] = lambda: None
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=MAX_ARRIVALS)
        self._thread = Thread(target=self._listen, name="listening", daemon=True)

    def start(self, on_refused: Callable[[], None]) -> None:
        """Begin to listen; `on_refused` is called when the feed turns out not to be had at all."""
        self._on_refused = on_refused
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """End; a poll that is being fetched may take longer than the timeout, and is then left alone."""
        self._stop.set()
        self._thread.join(timeout_secs)

    def feed_state(self, service_date: date, at: float, zone_name: str) -> FeedState:
        """Return what the feed has said by `at` of a service date."""
        with self._lock:
            silences = self._silences
            told = silences.content_at, silences.known_since, silences.attributes(at, zone_name)
        # The feed may call the line otherwise, by its route.
        return FeedState(self._ingest.log(service_date).with_columns(line_id=pl.lit(self._line_id)), *told)

    def restore_outages(self, content_times: Iterable[float]) -> None:
        """Find the silences of before a restart in when what the feed said was true, poll by poll."""
        with self._lock:
            for content_at in content_times:
                self._silences.record(content_at)

    def receive(self, poll: Poll) -> None:
        """Take in one poll."""
        arrived = time.monotonic()
        self._ingest.add(poll)
        self.lag_secs = time.monotonic() - arrived
        with self._lock:
            if self._ingest.newest_content_at is not None:
                self._silences.record(self._ingest.newest_content_at)
            self._arrivals.append((poll.fetched_at, arrived))
            self.newest_at = max(poll.fetched_at, self.newest_at or 0.0)
        self.news.set()

    def arrival_of_first_since(self, moment: float) -> float | None:
        """Return when (monotonic seconds) the first poll fetched at or after `moment` came, None before it has."""
        with self._lock:
            arrivals = sorted(self._arrivals)
        place = bisect_left(arrivals, (moment,))
        return arrivals[place][1] if place < len(arrivals) else None

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                for poll in self._feed.polls(self._stop, self._ingest.newest_poll_at):
                    self.receive(poll)
                    self._issues.report("feed", None)
                if not self._stop.is_set():
                    self._issues.report("feed", "it has come to its end")
                    return
            except HeadwayError as error:
                if self.newest_at is None:
                    self.refused = error
                    self._on_refused()
                self._issues.report("feed", str(error))
            except Exception as error:  # whatever a feed does, the service goes on
                self._issues.report("feed", f"{type(error).__name__}: {error}")
            self._stop.wait(RECONNECT_SECS)
