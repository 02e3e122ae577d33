"""What one transaction of the ingest stores: polls, the passings they changed, and the tracker's checkpoint."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Self

import sqlalchemy as sa

from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import Poll, TripKey
from headway_prediction.service.store.database import insert, upsert
from headway_prediction.service.store.tables import CHECKPOINTS, PASSINGS, POLL_BODIES, POLLS

HASH_BYTES = 16
ZLIB_LEVEL = 1
"""The fastest: bodies are deleted again after a quarter of an hour."""


@dataclass(frozen=True)
class DatedPassing:
    """A passing of a line, on its service date. Its run has the line's route and a direction (0 or 1)."""

    service_date: date
    passing: Passing

    @cached_property
    def key(self) -> bytes:
        """The identity of the passing in its line: a hash of its run and stop."""
        run = self.passing.run
        identity = (run.trip.start_date, run.trip.trip_id, run.first_seen, self.passing.stop_id)
        return hashlib.sha256(repr(identity).encode()).digest()[:HASH_BYTES]

    def row(self, line_id: str) -> dict[str, object]:
        """Return the row of the table `passings`."""
        passing, run = self.passing, self.passing.run
        return {
            "line_id": line_id,
            "key": self.key,
            "service_date": self.service_date,
            "start_date": run.trip.start_date,
            "trip_id": run.trip.trip_id,
            "first_seen": run.first_seen,
            "route_id": run.route_id,
            "direction_id": run.direction_id,
            "train_id": run.train_id,
            "stop_id": passing.stop_id,
            "time": passing.time,
            "earliest": passing.earliest,
            "latest": passing.latest,
            "evidence": passing.evidence.value,
            "poll_before": passing.polls[0],
            "poll_after": passing.polls[1],
            "vehicle_id": passing.vehicle_id,
            "track": passing.track,
        }


def passing_of_row(row: sa.Row[Any]) -> Passing:
    """Rebuild the passing from a row of the table `passings`."""
    trip = TripKey(row.start_date, row.trip_id)
    return Passing(
        Run(trip, row.first_seen, row.route_id, row.direction_id, row.train_id),
        row.stop_id,
        row.time,
        row.earliest,
        row.latest,
        Evidence(row.evidence),
        (row.poll_before, row.poll_after),
        row.vehicle_id,
        row.track,
    )


@dataclass(frozen=True)
class Changes:
    """The difference between two sets of passings: `saved` are new or corrected, `deleted` are no longer there."""

    saved: tuple[DatedPassing, ...] = ()
    deleted: tuple[DatedPassing, ...] = ()

    @classmethod
    def between(cls, before: Iterable[DatedPassing], after: Iterable[DatedPassing]) -> Self:
        """Return the changes from one set of passings to another."""
        old = {dated.key: dated for dated in before}
        new = {dated.key: dated for dated in after}
        return cls(
            tuple(dated for key, dated in new.items() if old.get(key) != dated),
            tuple(dated for key, dated in old.items() if key not in new),
        )

    def then(self, later: Self) -> Self:
        """Return the two, one after the other, as one."""
        touched = {dated.key for dated in (*later.saved, *later.deleted)}
        return type(self)(
            (*(dated for dated in self.saved if dated.key not in touched), *later.saved),
            (*(dated for dated in self.deleted if dated.key not in touched), *later.deleted),
        )


@dataclass(frozen=True)
class Checkpoint:
    """The tracker's settled state as bytes; a restart needs no poll that was fetched at or before `settled_until`."""

    settled_until: float
    state: bytes


@dataclass(frozen=True)
class StoredPoll:
    """A poll as it is stored: its body compressed, None once no restart needs it, and the checkpoint after it, if any.

    `content_at` is the feed's content time as of this poll, None before the feed has given any data (epoch seconds).
    """

    fetched_at: float
    digest: bytes
    body: bytes | None
    content_at: float | None = None
    checkpoint: Checkpoint | None = None

    @classmethod
    def of(cls, poll: Poll, content_at: float | None, checkpoint: Checkpoint | None = None) -> Self:
        """Compress a poll."""
        digest = hashlib.sha256(poll.body).digest()[:HASH_BYTES]
        return cls(poll.fetched_at, digest, zlib.compress(poll.body, ZLIB_LEVEL), content_at, checkpoint)


@dataclass(frozen=True)
class Batch:
    """The content of one transaction: polls in the order they came, and the passings they changed together."""

    polls: tuple[StoredPoll, ...]
    changes: Changes

    def then(self, later: Self) -> Self:
        """Return the two as one transaction, without the bodies that its last checkpoint makes unnecessary."""
        polls = (*self.polls, *later.polls)
        checkpoints = [
            (place, poll.checkpoint) for place, poll in enumerate(polls) if poll.checkpoint is not None
        ]
        if checkpoints:
            last, checkpoint = checkpoints[-1]
            covered = (
                replace(
                    poll,
                    checkpoint=None,
                    body=None if poll.fetched_at <= checkpoint.settled_until else poll.body,
                )
                for poll in polls[:last]
            )
            polls = (*covered, *polls[last:])
        return type(self)(polls, self.changes.then(later.changes))


@dataclass(frozen=True)
class RestartState:
    """What a restart begins with: the state of the newest checkpoint, None without any, and polls in the order they came.

    `before` are the polls up to the checkpoint that it does not cover, `after` those after it.
    """

    state: bytes | None
    before: tuple[Poll, ...]
    after: tuple[Poll, ...]


def save_batch(connection: sa.Connection, line_id: str, batch: Batch) -> None:
    """Write a batch; one whose polls are all stored already changes nothing."""
    new = [poll for poll in batch.polls if _is_inserted(connection, line_id, poll)]
    if batch.polls and not new:
        return
    _save_passings(connection, line_id, batch.changes)
    numbered = list(enumerate(new, _newest_number(connection, line_id) + 1))
    bodies = [
        {"line_id": line_id, "number": number, "fetched_at": poll.fetched_at, "body": poll.body}
        for number, poll in numbered
        if poll.body is not None
    ]
    if bodies:
        connection.execute(sa.insert(POLL_BODIES), bodies)
    for number, poll in numbered:
        if poll.checkpoint is not None:
            _save_checkpoint(connection, line_id, number, poll.checkpoint)


def _is_inserted(connection: sa.Connection, line_id: str, poll: StoredPoll) -> bool:
    """Insert a poll without its body; return False where it was there already."""
    row = {
        "line_id": line_id,
        "fetched_at": poll.fetched_at,
        "digest": poll.digest,
        "content_at": poll.content_at,
    }
    inserted = insert(connection, POLLS).on_conflict_do_nothing().returning(POLLS.c.fetched_at)
    return connection.execute(inserted, row).first() is not None


def _save_passings(connection: sa.Connection, line_id: str, changes: Changes) -> None:
    if changes.deleted:
        own = (PASSINGS.c.line_id == sa.bindparam("of_line")) & (PASSINGS.c.key == sa.bindparam("of_key"))
        keys = [{"of_line": line_id, "of_key": dated.key} for dated in changes.deleted]
        connection.execute(sa.delete(PASSINGS).where(own), keys)
    if changes.saved:
        connection.execute(upsert(connection, PASSINGS), [dated.row(line_id) for dated in changes.saved])


def _newest_number(connection: sa.Connection, line_id: str) -> int:
    newest = [
        connection.scalar(sa.select(sa.func.max(table.c.number)).where(table.c.line_id == line_id))
        for table in (POLL_BODIES, CHECKPOINTS)
    ]
    return max(number or 0 for number in newest)


def _save_checkpoint(connection: sa.Connection, line_id: str, number: int, checkpoint: Checkpoint) -> None:
    row = {"line_id": line_id, "number": number, "state": checkpoint.state}
    connection.execute(upsert(connection, CHECKPOINTS), row)
    covered = (POLL_BODIES.c.line_id == line_id) & (POLL_BODIES.c.number <= number)
    settled = POLL_BODIES.c.fetched_at <= checkpoint.settled_until
    connection.execute(sa.delete(POLL_BODIES).where(covered & settled))


def load_restart_state(connection: sa.Connection, line_id: str) -> RestartState:
    """Return the newest checkpoint of a line and the polls that it does not cover."""
    newest = sa.select(CHECKPOINTS.c.number, CHECKPOINTS.c.state).where(CHECKPOINTS.c.line_id == line_id)
    found = connection.execute(newest).first()
    checkpoint_number = 0 if found is None else found.number
    columns = POLL_BODIES.c.number, POLL_BODIES.c.fetched_at, POLL_BODIES.c.body
    bodies = sa.select(*columns).where(POLL_BODIES.c.line_id == line_id).order_by(POLL_BODIES.c.number)
    polls = [
        (number, Poll(fetched_at, zlib.decompress(body)))
        for number, fetched_at, body in connection.execute(bodies)
    ]
    return RestartState(
        None if found is None else found.state,
        tuple(poll for number, poll in polls if number <= checkpoint_number),
        tuple(poll for number, poll in polls if number > checkpoint_number),
    )
