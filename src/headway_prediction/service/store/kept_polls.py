"""Polls as the store keeps them, and the transaction that brings one in with all that follows from it."""

import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import Self

import sqlalchemy as sa

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.service.store.rows import Changes
from headway_prediction.service.store.tables import CHECKPOINTS, PASSINGS, POLL_BODIES, POLLS
from headway_prediction.service.store.upsert import insert, upsert

DIGEST_BYTES = 16
FASTEST = 1
"""zlib's quickest level: bodies are dropped again after a quarter of an hour."""


@dataclass(frozen=True)
class Checkpoint:
    """The follower's settled state, as bytes; a restart needs no poll that was fetched at or before `settled_until`."""

    settled_until: float
    state: bytes


@dataclass(frozen=True)
class StoredPoll:
    """A poll as it is kept: its body compressed, or None once no restart needs it; the checkpoint after it, if any.

    `content_at` is when what the feed had said anew by then was true, None before it said anything (both epoch seconds).
    """

    fetched_at: float
    digest: bytes
    body: bytes | None
    content_at: float | None = None
    checkpoint: Checkpoint | None = None

    @classmethod
    def of(cls, poll: Poll, content_at: float | None, checkpoint: Checkpoint | None = None) -> Self:
        """Compress a poll."""
        digest = hashlib.sha256(poll.body).digest()[:DIGEST_BYTES]
        return cls(poll.fetched_at, digest, zlib.compress(poll.body, FASTEST), content_at, checkpoint)


@dataclass(frozen=True)
class Batch:
    """What one transaction keeps: polls in the order they came, and what they changed together."""

    polls: tuple[StoredPoll, ...]
    changes: Changes

    def then(self, later: Self) -> Self:
        """Return the two as one transaction, without the bodies that its last checkpoint makes needless."""
        polls = (*self.polls, *later.polls)
        last = max((place for place, poll in enumerate(polls) if poll.checkpoint), default=None)
        if last is not None:
            until = polls[last].checkpoint.settled_until
            covered = (replace(poll, checkpoint=None) for poll in polls[:last])
            spent = (replace(poll, body=None) if poll.fetched_at <= until else poll for poll in covered)
            polls = (*spent, *polls[last:])
        return type(self)(polls, self.changes.then(later.changes))


@dataclass(frozen=True)
class RestartState:
    """What a restart begins with: the newest checkpoint's state, the polls before it that were not settled, and those after.

    Both in the order they came; `state` is None where there is no checkpoint yet.
    """

    state: bytes | None
    before: tuple[Poll, ...]
    after: tuple[Poll, ...]


def keep(connection: sa.Connection, line_id: str, batch: Batch) -> None:
    """Write a batch; one whose polls are all there already changes nothing."""
    fresh = [poll for poll in batch.polls if _enter(connection, line_id, poll)]
    if batch.polls and not fresh:
        return
    _keep_passings(connection, line_id, batch.changes)
    numbered = list(enumerate(fresh, _newest_number(connection, line_id) + 1))
    bodies = [
        {"line_id": line_id, "number": number, "fetched_at": poll.fetched_at, "body": poll.body}
        for number, poll in numbered
        if poll.body is not None
    ]
    if bodies:
        connection.execute(sa.insert(POLL_BODIES), bodies)
    for number, poll in numbered:
        if poll.checkpoint is not None:
            _keep_checkpoint(connection, line_id, number, poll.checkpoint)


def _enter(connection: sa.Connection, line_id: str, poll: StoredPoll) -> bool:
    """Note a poll; return whether it is new."""
    entry = {
        "line_id": line_id,
        "fetched_at": poll.fetched_at,
        "digest": poll.digest,
        "content_at": poll.content_at,
    }
    entered = insert(connection, POLLS).on_conflict_do_nothing().returning(POLLS.c.fetched_at)
    return connection.execute(entered, entry).first() is not None


def _keep_passings(connection: sa.Connection, line_id: str, changes: Changes) -> None:
    if changes.gone:
        mine = (PASSINGS.c.line_id == sa.bindparam("of_line")) & (PASSINGS.c.key == sa.bindparam("of_key"))
        gone = [{"of_line": line_id, "of_key": dated.key} for dated in changes.gone]
        connection.execute(sa.delete(PASSINGS).where(mine), gone)
    if changes.kept:
        connection.execute(upsert(connection, PASSINGS), [dated.row(line_id) for dated in changes.kept])


def _newest_number(connection: sa.Connection, line_id: str) -> int:
    newest = [
        connection.scalar(sa.select(sa.func.max(table.c.number)).where(table.c.line_id == line_id))
        for table in (POLL_BODIES, CHECKPOINTS)
    ]
    return max(number or 0 for number in newest)


def _keep_checkpoint(connection: sa.Connection, line_id: str, number: int, checkpoint: Checkpoint) -> None:
    row = {"line_id": line_id, "number": number, "state": checkpoint.state}
    connection.execute(upsert(connection, CHECKPOINTS), row)
    covered = (POLL_BODIES.c.line_id == line_id) & (POLL_BODIES.c.number <= number)
    settled = POLL_BODIES.c.fetched_at <= checkpoint.settled_until
    connection.execute(sa.delete(POLL_BODIES).where(covered & settled))


def restart(connection: sa.Connection, line_id: str) -> RestartState:
    """Return what `keep` wrote for a restart."""
    mine = sa.select(CHECKPOINTS.c.number, CHECKPOINTS.c.state).where(CHECKPOINTS.c.line_id == line_id)
    number, state = connection.execute(mine).first() or (0, None)
    columns = POLL_BODIES.c.number, POLL_BODIES.c.fetched_at, POLL_BODIES.c.body
    bodies = sa.select(*columns).where(POLL_BODIES.c.line_id == line_id).order_by(POLL_BODIES.c.number)
    polls = [
        (of, Poll(fetched_at, zlib.decompress(body))) for of, fetched_at, body in connection.execute(bodies)
    ]
    before = tuple(poll for of, poll in polls if of <= number)
    return RestartState(state, before, tuple(poll for of, poll in polls if of > number))
