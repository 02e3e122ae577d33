"""From polls to the passings of one line, in memory and in the store.

`FeedListener` fetches polls in its own thread, `Ingest` tracks them, `LineFilter` selects the line's passings. At any
moment the passings are those that tracking all polls at once gives (`feeds.realtime.tracker.track_polls`).
"""

import logging
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import compress
from threading import Event, Lock, RLock, Thread
from typing import Self

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime import checkpoint
from headway_prediction.feeds.realtime.arrival_log import log_of_rows, passing_rows, service_date_of
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.parse import MAX_EPOCH_SECS
from headway_prediction.feeds.realtime.passing import Passing, RunId
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, SettledState
from headway_prediction.service.live.background import Issues, WriteQueue
from headway_prediction.service.live.feed_sources import Feed
from headway_prediction.service.live.stale_feed import FeedOutages, FeedState
from headway_prediction.service.store import Store
from headway_prediction.service.store.batches import Batch, Changes, Checkpoint, DatedPassing, StoredPoll
from headway_prediction.transit.clock import service_date_and_minute
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.route_line import routes_of

CHECKPOINT_SECS = 600.0
"""Between checkpoints, by the polls' own time: a restart tracks at most these polls again, and those not settled before."""
DAYS_IN_MEMORY = 2
RECONNECT_SECS = 5.0
MAX_ARRIVALS = 400
FEED_PART = "feed"


@dataclass(frozen=True)
class LineFilter:
    """Selects the passings of a line: those of `route_id` with a known direction, as `tidy_log` does.

    `route_id` may join several routes of one line, see `routes_of`. `metadata` and `planned` add what the feed does not
    contain; passings more uncertain than `max_uncertainty_secs` are excluded.
    """

    route_id: str
    metadata: FeedMetadata
    planned: PlannedTrips = NO_PLAN
    max_uncertainty_secs: float | None = None

    def of_run(self, passings: Sequence[Passing]) -> list[DatedPassing]:
        """Return the line's passings among those of one run, all on the service date of the first of them."""
        own = [selected for passing in passings if (selected := self._selected(passing)) is not None]
        if not own:
            return []
        first = min(passing.time for passing in own)
        day = service_date_of(own[0].run.trip.start_date, first, self.metadata.time_zone)
        return [DatedPassing(day, passing) for passing in own]

    def rows(self, own: Iterable[DatedPassing]) -> pl.DataFrame:
        """Return passings of the line as PASSING_ROWS of feeds.realtime.arrival_log."""
        return passing_rows(((dated.service_date, dated.passing) for dated in own), self.metadata)

    @cached_property
    def _routes(self) -> frozenset[str]:
        return routes_of(self.route_id)

    def _selected(self, passing: Passing) -> Passing | None:
        if self.metadata.route_of(passing.run) not in self._routes:
            return None
        direction = self.metadata.direction_of(passing)
        uncertain = (
            self.max_uncertainty_secs is not None and passing.uncertainty_secs > self.max_uncertainty_secs
        )
        if direction not in DIRECTIONS or uncertain:
            return None
        run = passing.run
        if (run.route_id, run.direction_id) == (self.route_id, direction):
            return passing
        return replace(passing, run=replace(run, route_id=self.route_id, direction_id=direction))


class Ingest:
    """Tracks one line's feed. One thread adds polls, any may ask for the log.

    Memory holds the passings of open runs, and as typed columns those of closed runs of the last DAYS_IN_MEMORY service
    dates; earlier dates are read from the store. Create it with `Ingest.resume`, which also resumes after a process was
    killed.
    """

    def __init__(
        self, store: Store, line_id: str, line_filter: LineFilter, tracker: FeedTracker | None = None
    ):
        self._store, self._line_id, self._filter = store, line_id, line_filter
        self._tracker = tracker or FeedTracker(planned=line_filter.planned)
        self._open: dict[RunId, tuple[Passing, ...]] = self._tracker.open_runs()
        self._closed: dict[date, pl.DataFrame] = {}
        self._write_queue = WriteQueue(store, line_id)
        self._checkpoint_at: float | None = None
        self._lock = RLock()
        self._restart_issues: tuple[str, ...] = ()
        self.newest_poll_at: float | None = None
        """When the newest poll was fetched (epoch seconds), None before the first."""
        self.newest_content_at: float | None = self._tracker.content_at
        """The time of the feed's newest data, by its own header where that is plausible; None before any data."""

    @classmethod
    def resume(cls, store: Store, line_id: str, line_filter: LineFilter) -> Self:
        """Return the ingest of a line as it was after its last stored poll.

        A checkpoint of another version of this program is not used: its open runs are then tracked as new ones, and
        `issues` reports it. Raises StoreUnavailable when the database does not answer.
        """
        store.save_line(line_id, line_filter.metadata)
        tracker, issues = _resumed_tracker(store, line_id, line_filter.planned)
        ingest = cls(store, line_id, line_filter, tracker)
        ingest._restart_issues = issues
        ingest.newest_poll_at = store.newest_poll_at(line_id)
        ingest._load_closed(tracker.take_closed())
        return ingest

    def add(self, poll: Poll) -> None:
        """Track a poll, and save it with what it changed. No content of a poll raises, nor does a failing database.

        A poll that was added before changes nothing.
        """
        if not 0 <= poll.fetched_at <= MAX_EPOCH_SECS:
            logging.getLogger(__name__).warning("a poll fetched at %s is ignored", poll.fetched_at)
            return
        with self._lock:
            if self._tracker.holds(poll):
                return
            self._tracker.add(poll)
            changes = self._take_changes()
            self.newest_poll_at = max(poll.fetched_at, self.newest_poll_at or 0.0)
            self.newest_content_at = self._tracker.content_at or self.newest_content_at
            stored = StoredPoll.of(poll, self.newest_content_at, self._due_checkpoint())
        self._write_queue.put(Batch((stored,), changes))

    def save(self) -> None:
        """Try again to save what the database did not take; for times without polls."""
        self._write_queue.save()

    def log(self, service_date: date) -> pl.DataFrame:
        """Return the passings of a service date as an arrival log, typed as feeds.logs.arrivals.ARRIVAL_COLUMNS.

        Equal to `tidy_log` of the passings of that date in the journal of all polls so far, but for the line's id. Raises
        StoreUnavailable for a date that is no longer in memory while the database does not answer.
        """
        rows = self._rows_in_memory(service_date)
        if rows is None:
            rows = self._store.passing_rows(self._line_id, service_date)
        return log_of_rows(rows, self._line_id, self._filter.metadata)

    @property
    def counts(self) -> dict[str, int]:
        """The number of polls by outcome, see FeedTracker.counts."""
        with self._lock:
            return self._tracker.counts

    @property
    def waiting_polls(self) -> int:
        """The number of polls that wait for the database."""
        return self._write_queue.waiting_polls

    def issues(self) -> tuple[str, ...]:
        """Return what is wrong, a sentence each."""
        return (*self._restart_issues, *self._write_queue.issues())

    def _rows_in_memory(self, service_date: date) -> pl.DataFrame | None:
        """The passings of a service date (PASSING_ROWS), None where it is no longer in memory."""
        with self._lock:
            if service_date < self._first_date() and service_date not in self._closed:
                return None
            closed, open_runs = self._closed.get(service_date), list(self._open.values())
        open_rows = self._filter.rows(
            dated for dated in self._dated(open_runs) if dated.service_date == service_date
        )
        return open_rows if closed is None else pl.concat([closed, open_rows])

    def _take_changes(self) -> Changes:
        closed = _by_run(self._tracker.take_closed())
        before, self._open = self._open, self._tracker.open_runs()
        touched = [
            run
            for run in before.keys() | self._open.keys() | closed.keys()
            if run in closed or before.get(run) != self._open.get(run)
        ]
        changed_before = self._dated(before.get(run, ()) for run in touched)
        changed_after = self._dated((*closed.get(run, ()), *self._open.get(run, ())) for run in touched)
        self._add_closed(self._dated(closed.values()))
        self._drop_old_closed()
        return Changes.between(changed_before, changed_after)

    def _load_closed(self, closed: list[Passing]) -> None:
        """Read the closed passings of the days in memory, and correct what another version of the tracker stored."""
        runs = _by_run(closed)
        now = {run: (*runs.get(run, ()), *self._open.get(run, ())) for run in runs.keys() | self._open.keys()}
        stored = [
            DatedPassing(day, passing)
            for day in self._store.service_dates(self._line_id)[-DAYS_IN_MEMORY:]
            for passing in self._store.passings(self._line_id, day)
        ]
        tracked = [dated.passing.run.identity in now for dated in stored]
        self._add_closed([dated for dated, again in zip(stored, tracked, strict=True) if not again])
        self._add_closed(self._dated(runs.values()))
        stored = list(compress(stored, tracked))
        corrections = Changes.between(stored, self._dated(now.values()))
        if corrections != Changes():
            self._write_queue.put(Batch((), corrections))

    def _add_closed(self, closed: list[DatedPassing]) -> None:
        if closed:
            for (day,), rows in self._filter.rows(closed).partition_by("service_date", as_dict=True).items():
                earlier = self._closed.get(day)
                self._closed[day] = rows if earlier is None else pl.concat([earlier, rows], rechunk=True)

    def _dated(self, runs: Iterable[Iterable[Passing]]) -> list[DatedPassing]:
        return [dated for passings in runs for dated in self._filter.of_run(tuple(passings))]

    def _first_date(self) -> date:
        newest = datetime.fromtimestamp(self.newest_poll_at or 0.0, UTC)
        today, _ = service_date_and_minute(newest, self._filter.metadata.time_zone)
        return today - timedelta(days=DAYS_IN_MEMORY - 1)

    def _drop_old_closed(self) -> None:
        if self._write_queue.waiting_polls == 0:
            first = self._first_date()
            for day in [day for day in self._closed if day < first]:
                del self._closed[day]

    def _due_checkpoint(self) -> Checkpoint | None:
        settled = self._tracker.settled
        due = self._checkpoint_at is None or settled.until >= self._checkpoint_at + CHECKPOINT_SECS
        if not due or settled.until < 0:
            return None
        self._checkpoint_at = settled.until
        return Checkpoint(settled.until, checkpoint.to_bytes(settled))


def _resumed_tracker(
    store: Store, line_id: str, planned: PlannedTrips
) -> tuple[FeedTracker, tuple[str, ...]]:
    """The tracker as of the last stored poll, and issues of the restart."""
    restart = store.restart_state(line_id)
    try:
        settled = checkpoint.from_bytes(restart.state) if restart.state is not None else SettledState()
    except ValueError as error:
        # The stored polls are already in passings of other runs: they are not tracked a second time.
        settled = SettledState(until=store.newest_poll_at(line_id) or 0.0)
        issue = f"open trips are tracked anew after the restart: {error}"
        return FeedTracker(planned=planned, settled=settled), (issue,)
    tracker = FeedTracker.resumed(settled, restart.before, planned=planned)
    for poll in restart.after:
        tracker.add(poll)
    return tracker, ()


def _by_run(passings: Iterable[Passing]) -> dict[RunId, list[Passing]]:
    runs: dict[RunId, list[Passing]] = {}
    for passing in passings:
        runs.setdefault(passing.run.identity, []).append(passing)
    return runs


class FeedListener:
    """The thread that adds the polls of a feed to the ingest until it is stopped, whatever they hold and however it ends.

    `refused` is the error of a feed whose very first request was refused. `ingest_lag_secs` is the time from the arrival of
    the newest poll to its passings being in memory and, where the database works, stored. `new_poll` is set by each poll.
    """

    def __init__(self, feed: Feed, ingest: Ingest, outages: FeedOutages, issues: Issues):
        self.new_poll = Event()
        self.refused: HeadwayError | None = None
        self.ingest_lag_secs = float("nan")
        self.newest_at: float | None = None
        self._feed, self._ingest, self._outages, self._issues = feed, ingest, outages, issues
        self._lock, self._stop = Lock(), Event()
        self._on_refused: Callable[[], None] = lambda: None
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=MAX_ARRIVALS)
        self._thread = Thread(target=self._listen, name="feed-listener", daemon=True)

    def start(self, on_refused: Callable[[], None]) -> None:
        """Start; `on_refused` is called when the very first request is refused."""
        self._on_refused = on_refused
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """Stop; a request under way may take longer than the timeout, and is then abandoned."""
        self._stop.set()
        self._thread.join(timeout_secs)

    def feed_state(self, service_date: date, at: float, zone_name: str) -> FeedState:
        """Return what is known of a service date, with the outages up to `at` (epoch seconds)."""
        with self._lock:
            content_at, known_since = self._outages.content_at, self._outages.known_since
            attributes = self._outages.attributes(at, zone_name)
        return FeedState(self._ingest.log(service_date), content_at, known_since, attributes)

    def restore_outages(self, content_times: Iterable[float]) -> None:
        """Take in the content times of the polls before a restart."""
        with self._lock:
            for content_at in content_times:
                self._outages.record(content_at)

    def add(self, poll: Poll) -> None:
        """Add one poll to the ingest."""
        arrived = time.monotonic()
        self._ingest.add(poll)
        self.ingest_lag_secs = time.monotonic() - arrived
        with self._lock:
            if self._ingest.newest_content_at is not None:
                self._outages.record(self._ingest.newest_content_at)
            self._arrivals.append((poll.fetched_at, arrived))
            self.newest_at = max(poll.fetched_at, self.newest_at or 0.0)
        self.new_poll.set()

    def first_arrival_since(self, moment: float) -> float | None:
        """Return when (time.monotonic) the first poll fetched at or after `moment` arrived, None before it has."""
        with self._lock:
            arrivals = sorted(self._arrivals)
        place = bisect_left(arrivals, (moment,))
        return arrivals[place][1] if place < len(arrivals) else None

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                for poll in self._feed.polls(self._stop, self._ingest.newest_poll_at):
                    self.add(poll)
                    self._issues.report(FEED_PART, None)
                if not self._stop.is_set():
                    self._issues.report(FEED_PART, "it has ended")
                    return
            except HeadwayError as error:
                if self.newest_at is None:
                    self.refused = error
                    self._on_refused()
                self._issues.report(FEED_PART, str(error))
            except Exception as error:  # whatever a feed does, the service goes on
                self._issues.report(FEED_PART, f"{type(error).__name__}: {error}")
            self._stop.wait(RECONNECT_SECS)
