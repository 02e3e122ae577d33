"""Following a feed poll by poll: the journal at any time, whatever order the polls come in."""

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
from headway_prediction.feeds.realtime.poll import Poll
from headway_prediction.feeds.realtime.snapshot import Snapshot
from headway_prediction.feeds.realtime.tracker_state import PollOutcome, State, Step, advance

ALLOWED_LATENESS_SECS = 300.0
MAX_QUARANTINED = 100
NO_TRIP = "entities without a trip"


class QuarantinedPoll(NamedTuple):
    """A poll that was not followed, and why."""

    poll: Poll
    reason: str


class _Applied(NamedTuple):
    # The poll, not what was read from it: that takes twenty times the memory, and is only needed when one comes late.
    place: tuple[float, bytes]
    poll: Poll
    before: State
    step: Step


@dataclass(frozen=True)
class SettledState:
    """What a follower knows for good: no poll fetched at or before `until` can change it any more.

    `outcomes` counts the settled polls by what became of them, `excluded` those that were not followed.
    """

    state: State = field(default_factory=State)
    until: float = float("-inf")
    outcomes: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)


class FeedTracker:
    """Follows one feed. Its journal depends on which polls were added, not on their order or repetition.

    A poll may come up to `allowed_lateness_secs` after one that was fetched later; one that comes later still is left out, and
    so is a malformed one: both are counted, the newest are kept `quarantine`, and the log (`logging`) names them. `planned` is
    wanted where the feed tells delays and no times.
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
        self._settled_uses: Counter[str] = Counter(settled.outcomes)
        self._settled_until = settled.until
        self._state = settled.state
        self.quarantine: deque[QuarantinedPoll] = deque(maxlen=MAX_QUARANTINED)
        self._left_out: Counter[str] = Counter(settled.excluded)

    @classmethod
    def resumed(
        cls,
        settled: SettledState,
        recent: Iterable[Poll],
        allowed_lateness_secs: float = ALLOWED_LATENESS_SECS,
        planned: PlannedTrips = NO_PLAN,
    ) -> Self:
        """Return the follower that `settled` was taken of; `recent` holds the polls it knew beyond, in any order.

        Malformed ones among them were counted by then.
        """
        tracker = cls(allowed_lateness_secs, planned, settled)
        for poll in recent:
            with suppress(MalformedPoll):
                tracker._insert(poll, read_snapshot(poll, planned))
        return tracker

    def add(self, poll: Poll) -> None:
        """Take in a poll. Nothing that its body holds raises."""
        try:
            snapshot = read_snapshot(poll, self._planned)
        except MalformedPoll as error:
            self._quarantine(poll, "malformed", str(error))
            return
        if snapshot.fetched_at <= self._settled_until:
            self._quarantine(
                poll, "too late", f"it came over {self._allowed_lateness_secs:g} s after a newer one"
            )
            return
        self._insert(poll, snapshot)
        self._settle()

    def holds(self, poll: Poll) -> bool:
        """Tell whether this very poll was taken in, of those that are not settled yet."""
        near = bisect_left(self._recent, poll.fetched_at, key=lambda applied: applied.poll.fetched_at)
        same = takewhile(lambda applied: applied.poll.fetched_at == poll.fetched_at, self._recent[near:])
        return any(applied.poll.body == poll.body for applied in same)

    def journal(self) -> list[Passing]:
        """Return the passings known so far, in order of time: those of trips under way may yet be corrected."""
        unsettled = (passing for passings in self.open_runs().values() for passing in passings)
        return sorted([*self._settled, *unsettled], key=journal_order)

    def open_runs(self) -> dict[RunId, tuple[Passing, ...]]:
        """Return the passings that may yet be corrected, by run: trip and when it was first seen."""
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
        """What is known for good, for a later `resumed`."""
        state = self._recent[0].before if self._recent else self._state
        return SettledState(state, self._settled_until, dict(self._settled_uses), dict(self._left_out))

    @property
    def content_at(self) -> float | None:
        """When what the newest poll with something new says was true (epoch seconds); None before the first."""
        for applied in reversed(self._recent):
            if applied.step.use is PollOutcome.APPLIED:
                return applied.step.state.at
            if applied.step.use is PollOutcome.EMPTY:
                return applied.poll.fetched_at
        return self._recent[0].before.at or None if self._recent else self._state.at or None

    def take_closed(self) -> list[Passing]:
        """Hand over, and forget, the passings of trips that are over and can change no more: memory stays bounded."""
        taken, self._settled = self._settled, []
        return sorted(taken, key=journal_order)

    @property
    def counts(self) -> dict[str, int]:
        """How many polls became what: each Use, `malformed` and `too late`; and the entities without a trip."""
        recent = Counter()
        for applied in self._recent:
            recent += _counted(applied)
        return dict(self._settled_uses + recent + self._left_out)

    def _insert(self, poll: Poll, snapshot: Snapshot) -> None:
        index = bisect_right(self._recent, _place(snapshot), key=lambda applied: applied.place)
        later = self._recent[index:]
        if later:
            self._state = later[0].before
        del self._recent[index:]
        self._apply(poll, snapshot)
        for applied in later:
            self._apply(applied.poll, read_snapshot(applied.poll, self._planned))

    def _apply(self, poll: Poll, snapshot: Snapshot) -> None:
        step = advance(self._state, snapshot)
        self._recent.append(_Applied(_place(snapshot), poll, self._state, step))
        self._state = step.state

    def _settle(self) -> None:
        horizon = self._recent[-1].poll.fetched_at - self._allowed_lateness_secs
        while self._recent[0].poll.fetched_at < horizon:
            applied = self._recent.pop(0)
            self._settled += applied.step.closed
            self._settled_uses += _counted(applied)
            self._settled_until = applied.poll.fetched_at

    def _quarantine(self, poll: Poll, kind: str, reason: str) -> None:
        self._left_out[kind] += 1
        self.quarantine.append(QuarantinedPoll(poll, reason))
        logging.getLogger(__name__).warning("the poll of %s is left out: %s", poll.fetched_at, reason)


def track_polls(
    polls: Iterable[Poll],
    allowed_lateness_secs: float = ALLOWED_LATENESS_SECS,
    planned: PlannedTrips = NO_PLAN,
) -> FeedTracker:
    """Return the follower of all `polls`; the same as adding them one by one, for that is what it does."""
    tracker = FeedTracker(allowed_lateness_secs, planned)
    for poll in polls:
        tracker.add(poll)
    return tracker


def _counted(applied: _Applied) -> Counter[str]:
    counts = Counter({applied.step.use.value: 1})
    if applied.step.without_trip:
        counts[NO_TRIP] = applied.step.without_trip
    return counts


def _place(snapshot: Snapshot) -> tuple[float, bytes]:
    return snapshot.fetched_at, snapshot.digest
