"""Polls in; the line's passings in memory and in the store, the same at any moment as following all polls at once gives."""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from threading import RLock
from typing import Self

import polars as pl

from headway_prediction.feeds.realtime import checkpoint
from headway_prediction.feeds.realtime.parse import MAX_EPOCH_SECS
from headway_prediction.feeds.realtime.passing import Passing, RunId
from headway_prediction.feeds.realtime.planned import PlannedTrips
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, SettledState
from headway_prediction.service.live.line_filter import LineFilter
from headway_prediction.service.live.write_queue import WriteQueue
from headway_prediction.service.store import Store
from headway_prediction.service.store.kept_polls import Batch, Checkpoint, StoredPoll
from headway_prediction.service.store.rows import Changes, DatedPassing
from headway_prediction.transit.clock import service_date_and_minute

CHECKPOINT_SECS = 600.0
"""By the polls' own time: a restart follows at most as many polls again, and those of the follower's patience."""
DAYS_IN_MEMORY = 2


class Ingest:
    """Follows one line's feed. One thread adds polls; any may ask for the log.

    Memory holds the passings of the last DAYS_IN_MEMORY service dates and those of trips under way; earlier dates are
    read from the store. Begin with `Ingest.resume`, which also goes on where a process ended that was killed.
    """

    def __init__(self, store: Store, line_id: str, own: LineFilter, tracker: FeedTracker | None = None):
        self._store, self._line_id, self._own = store, line_id, own
        self._tracker = tracker or FeedTracker(planned=own.planned)
        self._open: dict[RunId, tuple[Passing, ...]] = self._tracker.open_runs()
        self._closed: dict[date, list[Passing]] = {}
        self._write_queue = WriteQueue(store, line_id)
        self._checkpoint_at: float | None = None
        self._lock = RLock()
        self._remarks: tuple[str, ...] = ()
        self.newest_poll_at: float | None = None
        """When the newest poll was fetched (epoch seconds), None before the first."""
        self.newest_content_at: float | None = self._tracker.content_at
        """When what the feed last said anew was true, by its own header where that can be believed."""

    @classmethod
    def resume(cls, store: Store, line_id: str, own: LineFilter) -> Self:
        """Return the ingest of what the store holds of a line: as if its last poll had come just now.

        A state that another version of this program wrote is left: trips under way are then followed as new ones, and
        `issues` says so. Raises StoreUnavailable when the database does not answer.
        """
        store.save_line(line_id, own.words)
        tracker, remarks = _tracker(store, line_id, own.planned)
        ingest = cls(store, line_id, own, tracker)
        ingest._remarks = remarks
        ingest.newest_poll_at = store.newest_poll_at(line_id)
        ingest._recall(tracker.take_closed())
        return ingest

    def add(self, poll: Poll) -> None:
        """Take in a poll: follow it, and save it with what it changed. Nothing that it holds raises, nor does the database.

        A poll that was taken in before changes nothing.
        """
        if not 0 <= poll.fetched_at <= MAX_EPOCH_SECS:
            logging.getLogger(__name__).warning("a poll of the time %s is left out", poll.fetched_at)
            return
        with self._lock:
            if self._tracker.holds(poll):
                return
            self._tracker.add(poll)
            changes = self._take_changes()
            self.newest_poll_at = max(poll.fetched_at, self.newest_poll_at or 0.0)
            self.newest_content_at = self._tracker.content_at or self.newest_content_at
            kept = StoredPoll.of(poll, self.newest_content_at, self._due_checkpoint())
        self._write_queue.put(Batch((kept,), changes))

    def save(self) -> None:
        """Try again to save what the database has not taken; for moments without polls."""
        self._write_queue.save()

    def log(self, service_date: date) -> pl.DataFrame:
        """Return the passings of a service date as an arrival log, typed as feeds.arrivals.COLUMNS; empty without any.

        Equal to `tidy_log` of the passings of that date in the journal of all polls so far. Raises StoreUnavailable for a
        date that is no longer in memory while the database does not answer.
        """
        found = self._remembered(service_date)
        if found is None:
            found = self._store.passings(self._line_id, service_date)
        return self._own.log(found)

    @property
    def counts(self) -> dict[str, int]:
        """How many polls became what (see Follower.counts)."""
        with self._lock:
            return self._tracker.counts

    @property
    def waiting_polls(self) -> int:
        """How many polls wait for the database."""
        return self._write_queue.waiting

    def issues(self) -> tuple[str, ...]:
        """Return what is wrong, a sentence each; nothing when all is well."""
        return (*self._remarks, *self._write_queue.issues())

    def _remembered(self, service_date: date) -> list[Passing] | None:
        """The passings of a service date, None where it is no longer in memory."""
        with self._lock:
            if service_date < self._first_date() and service_date not in self._closed:
                return None
            own = (dated for passings in self._open.values() for dated in self._own.of_run(passings))
            running = [dated.passing for dated in own if dated.service_date == service_date]
            return [*self._closed.get(service_date, ()), *running]

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
        for dated in self._dated(closed.values()):
            self._closed.setdefault(dated.service_date, []).append(dated.passing)
        self._forget_closed()
        return Changes.between(changed_before, changed_after)

    def _recall(self, closed: list[Passing]) -> None:
        """Read the closed passings of the days in memory, and mend what another version of the follower left otherwise."""
        runs = _by_run(closed)
        now = {run: (*runs.get(run, ()), *self._open.get(run, ())) for run in runs.keys() | self._open.keys()}
        stale: list[DatedPassing] = []
        for day in self._store.service_dates(self._line_id)[-DAYS_IN_MEMORY:]:
            for passing in self._store.passings(self._line_id, day):
                if passing.run.identity in now:
                    stale.append(DatedPassing(day, passing))
                else:
                    self._closed.setdefault(day, []).append(passing)
        for dated in self._dated(runs.values()):
            self._closed.setdefault(dated.service_date, []).append(dated.passing)
        mended = Changes.between(stale, self._dated(now.values()))
        if mended != Changes():
            self._write_queue.put(Batch((), mended))

    def _dated(self, runs: Iterable[Iterable[Passing]]) -> list[DatedPassing]:
        return [dated for passings in runs for dated in self._own.of_run(tuple(passings))]

    def _first_date(self) -> date:
        newest = datetime.fromtimestamp(self.newest_poll_at or 0.0, UTC)
        today, _ = service_date_and_minute(newest, self._own.words.time_zone)
        return today - timedelta(days=DAYS_IN_MEMORY - 1)

    def _forget_closed(self) -> None:
        if self._write_queue.waiting == 0:
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


def _tracker(store: Store, line_id: str, planned: PlannedTrips) -> tuple[FeedTracker, tuple[str, ...]]:
    """The follower that a line's last poll left, and what is to be said of it."""
    known = store.restart(line_id)
    try:
        settled = checkpoint.from_bytes(known.state) if known.state is not None else SettledState()
    except ValueError as error:
        # What the kept polls tell was told under other runs: they are not followed a second time.
        remark = f"trips under way were followed anew from the start on: {error}"
        return FeedTracker(
            planned=planned, settled=SettledState(until=store.newest_poll_at(line_id) or 0.0)
        ), (remark,)
    tracker = FeedTracker.resumed(settled, known.before, planned=planned)
    for poll in known.after:
        tracker.add(poll)
    return tracker, ()


def _by_run(passings: Iterable[Passing]) -> dict[RunId, list[Passing]]:
    runs: dict[RunId, list[Passing]] = {}
    for passing in passings:
        runs.setdefault(passing.run.identity, []).append(passing)
    return runs
