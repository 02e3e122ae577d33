"""Tracking the trains of a feed, poll by poll: the journal of passings at any time, in whatever order the polls arrive."""

import logging
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple, Self

from headway_prediction.feeds.realtime.parse import MalformedPoll, read_snapshot
from headway_prediction.feeds.realtime.passing import Passing, RunId, journal_order
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import Poll, Snapshot
from headway_prediction.feeds.realtime.tracker_state import PollOutcome, Step, TrackerState, advance

ALLOWED_LATENESS_SECS = 300.0
MAX_QUARANTINED = 100
MALFORMED = "malformed"
TOO_LATE = "too late"
NO_TRIP = "entities without a trip"


class QuarantinedPoll(NamedTuple):
    """A poll that the tracker rejected, and why."""

    poll: Poll
    reason: str


class _Applied(NamedTuple):
    # The poll, not its snapshot: a snapshot takes twenty times the memory, and is needed again only after a late poll.
    order: tuple[float, bytes]
    poll: Poll
    before: TrackerState
    step: Step


@dataclass(frozen=True)
class SettledState:
    """The part of a tracker's state that no later poll can change: it covers the polls fetched at or before `until`.

    `outcomes` counts the settled polls by outcome, `rejected` the quarantined ones by kind.
    """

    state: TrackerState = field(default_factory=TrackerState)
    until: float = float("-inf")
    outcomes: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)


class FeedTracker:
    """Tracks the trains of one feed. Its journal depends on which polls were added, not on their order or repetition.

    A poll may arrive up to `allowed_lateness_secs` after one that was fetched later. Polls that arrive later still, and
    malformed ones, are rejected: the tracker counts and logs them, and holds the last MAX_QUARANTINED in `quarantine`.
    `planned` is needed for feeds that publish delays without times.
    """

    def __init__(
        self,
        allowed_lateness_secs: float = ALLOWED_LATENESS_SECS,
        planned: PlannedTrips = NO_PLAN,
        settled: SettledState | None = None,
    ):
        settled = settled or SettledState()
        self._allowed_lateness_secs, self._planned = allowed_lateness_secs, planned
        self._recent: list[_Applied] = []
        self._settled: list[Passing] = []
        self._settled_outcomes: Counter[str] = Counter(settled.outcomes)
        self._settled_until = settled.until
        self._state = settled.state
        self._rejected: Counter[str] = Counter(settled.rejected)
        self.quarantine: deque[QuarantinedPoll] = deque(maxlen=MAX_QUARANTINED)

    @classmethod
    def resumed(
        cls,
        settled: SettledState,
        recent: Iterable[Poll],
        allowed_lateness_secs: float = ALLOWED_LATENESS_SECS,
        planned: PlannedTrips = NO_PLAN,
    ) -> Self:
        """Return the tracker that `settled` was taken from, with the polls after it (`recent`, in any order) applied.

        Malformed ones among them are skipped: `settled` already counts them.
        """
        tracker = cls(allowed_lateness_secs, planned, settled)
        for poll in recent:
            with suppress(MalformedPoll):
                tracker._insert(poll, read_snapshot(poll, planned))
        return tracker

    def add(self, poll: Poll) -> None:
        """Apply a poll. No content of its body raises."""
        try:
            snapshot = read_snapshot(poll, self._planned)
        except MalformedPoll as error:
            self._reject(poll, MALFORMED, str(error))
            return
        if snapshot.fetched_at <= self._settled_until:
            reason = f"it arrived over {self._allowed_lateness_secs:g} s after a newer one"
            self._reject(poll, TOO_LATE, reason)
            return
        self._insert(poll, snapshot)
        self._settle()

    def holds(self, poll: Poll) -> bool:
        """Return whether this poll was added, among those that are not settled yet."""
        near = bisect_left(self._recent, poll.fetched_at, key=lambda applied: applied.poll.fetched_at)
        same = takewhile(lambda applied: applied.poll.fetched_at == poll.fetched_at, self._recent[near:])
        return any(applied.poll.body == poll.body for applied in same)

    def journal(self) -> list[Passing]:
        """Return the passings so far, in order of time. Later polls may still correct those of `open_runs`."""
        unsettled = (passing for passings in self.open_runs().values() for passing in passings)
        return sorted([*self._settled, *unsettled], key=journal_order)

    def open_runs(self) -> dict[RunId, tuple[Passing, ...]]:
        """Return the passings that later polls may still correct, by run."""
        runs: dict[RunId, tuple[Passing, ...]] = {}
        for applied in self._recent:
            for passing in applied.step.closed:
                runs[passing.run.identity] = (*runs.get(passing.run.identity, ()), passing)
        for trip in self._state.trips.values():
            if trip.passings:
                runs[trip.run.identity] = (*runs.get(trip.run.identity, ()), *trip.passings.values())
        return runs

    @property
    def settled(self) -> SettledState:
        """The state for a later `resumed`."""
        state = self._recent[0].before if self._recent else self._state
        return SettledState(state, self._settled_until, dict(self._settled_outcomes), dict(self._rejected))

    @property
    def content_at(self) -> float | None:
        """The time of the latest new content (epoch seconds); None before the first poll."""
        for applied in reversed(self._recent):
            if applied.step.outcome is PollOutcome.APPLIED:
                return applied.step.state.content_at
            if applied.step.outcome is PollOutcome.EMPTY:
                return applied.poll.fetched_at
        state = self._recent[0].before if self._recent else self._state
        return state.content_at or None

    def take_closed(self) -> list[Passing]:
        """Return, and remove, the passings of trips that are over and settled: this bounds the memory of the tracker."""
        taken, self._settled = self._settled, []
        return sorted(taken, key=journal_order)

    @property
    def counts(self) -> dict[str, int]:
        """The number of polls by PollOutcome, MALFORMED and TOO_LATE, and the number of entities without a trip."""
        recent: Counter[str] = Counter()
        for applied in self._recent:
            recent += _counts_of(applied)
        return dict(self._settled_outcomes + recent + self._rejected)

    def _insert(self, poll: Poll, snapshot: Snapshot) -> None:
        index = bisect_right(self._recent, _order(snapshot), key=lambda applied: applied.order)
        later = self._recent[index:]
        if later:
            self._state = later[0].before
        del self._recent[index:]
        self._apply(poll, snapshot)
        for applied in later:
            self._apply(applied.poll, read_snapshot(applied.poll, self._planned))

    def _apply(self, poll: Poll, snapshot: Snapshot) -> None:
        step = advance(self._state, snapshot)
        self._recent.append(_Applied(_order(snapshot), poll, self._state, step))
        self._state = step.state

    def _settle(self) -> None:
        horizon = self._recent[-1].poll.fetched_at - self._allowed_lateness_secs
        while self._recent[0].poll.fetched_at < horizon:
            applied = self._recent.pop(0)
            self._settled += applied.step.closed
            self._settled_outcomes += _counts_of(applied)
            self._settled_until = applied.poll.fetched_at

    def _reject(self, poll: Poll, kind: str, reason: str) -> None:
        self._rejected[kind] += 1
        self.quarantine.append(QuarantinedPoll(poll, reason))
        logging.getLogger(__name__).warning("the poll of %s is quarantined: %s", poll.fetched_at, reason)


def track_polls(
    polls: Iterable[Poll],
    allowed_lateness_secs: float = ALLOWED_LATENESS_SECS,
    planned: PlannedTrips = NO_PLAN,
) -> FeedTracker:
    """Return a tracker with all `polls` added, one by one."""
    tracker = FeedTracker(allowed_lateness_secs, planned)
    for poll in polls:
        tracker.add(poll)
    return tracker


def _counts_of(applied: _Applied) -> Counter[str]:
    counts = Counter({applied.step.outcome.value: 1})
    if applied.step.without_trip:
        counts[NO_TRIP] = applied.step.without_trip
    return counts


def _order(snapshot: Snapshot) -> tuple[float, bytes]:
    return snapshot.fetched_at, snapshot.digest
