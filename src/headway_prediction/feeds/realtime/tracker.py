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
from headway_prediction.feeds.realtime.tracker_state import State, Step, Use, advance

PATIENCE_SECS = 300.0
ASIDE_KEPT = 100
WITHOUT_TRIP = "entities without a trip"


class Aside(NamedTuple):
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
class Settled:
    """What a follower knows for good: no poll fetched at or before `until` can change it any more.

    `uses` counts the settled polls by what became of them, `left_out` those that were not followed.
    """

    state: State = field(default_factory=State)
    until: float = float("-inf")
    uses: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


class Follower:
    """Follows one feed. Its journal depends on which polls were added, not on their order or repetition.

    A poll may come up to `patience_secs` after one that was fetched later; one that comes later still is left out, and
    so is a malformed one: both are counted, the newest are kept `aside`, and the log (`logging`) names them. `planned` is
    wanted where the feed tells delays and no times.
    """

    def __init__(
        self,
        patience_secs: float = PATIENCE_SECS,
        planned: PlannedTrips = NO_PLAN,
        settled: Settled | None = None,
    ):
        settled = settled or Settled()
        self._patience_secs, self._planned = patience_secs, planned
        self._recent: list[_Applied] = []
        self._settled: list[Passing] = []
        self._settled_uses: Counter[str] = Counter(settled.uses)
        self._settled_until = settled.until
        self._state = settled.state
        self.aside: deque[Aside] = deque(maxlen=ASIDE_KEPT)
        self._left_out: Counter[str] = Counter(settled.left_out)

    @classmethod
    def resumed(
        cls,
        settled: Settled,
        recent: Iterable[Poll],
        patience_secs: float = PATIENCE_SECS,
        planned: PlannedTrips = NO_PLAN,
    ) -> Self:
        """Return the follower that `settled` was taken of; `recent` holds the polls it knew beyond, in any order.

        Malformed ones among them were counted by then.
        """
        follower = cls(patience_secs, planned, settled)
        for poll in recent:
            with suppress(MalformedPoll):
                follower._insert(poll, read_snapshot(poll, planned))
        return follower

    def add(self, poll: Poll) -> None:
        """Take in a poll. Nothing that its body holds raises."""
        try:
            snapshot = read_snapshot(poll, self._planned)
        except MalformedPoll as error:
            self._put_aside(poll, "malformed", str(error))
            return
        if snapshot.fetched_at <= self._settled_until:
            self._put_aside(poll, "too late", f"it came over {self._patience_secs:g} s after a newer one")
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
    def settled(self) -> Settled:
        """What is known for good, for a later `resumed`."""
        state = self._recent[0].before if self._recent else self._state
        return Settled(state, self._settled_until, dict(self._settled_uses), dict(self._left_out))

    @property
    def content_at(self) -> float | None:
        """When what the newest poll with something new says was true (epoch seconds); None before the first."""
        for applied in reversed(self._recent):
            if applied.step.use is Use.APPLIED:
                return applied.step.state.at
            if applied.step.use is Use.EMPTY:
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
        horizon = self._recent[-1].poll.fetched_at - self._patience_secs
        while self._recent[0].poll.fetched_at < horizon:
            applied = self._recent.pop(0)
            self._settled += applied.step.closed
            self._settled_uses += _counted(applied)
            self._settled_until = applied.poll.fetched_at

    def _put_aside(self, poll: Poll, kind: str, reason: str) -> None:
        self._left_out[kind] += 1
        self.aside.append(Aside(poll, reason))
        logging.getLogger(__name__).warning("the poll of %s is left out: %s", poll.fetched_at, reason)


def follow_polls(
    polls: Iterable[Poll], patience_secs: float = PATIENCE_SECS, planned: PlannedTrips = NO_PLAN
) -> Follower:
    """Return the follower of all `polls`; the same as adding them one by one, for that is what it does."""
    follower = Follower(patience_secs, planned)
    for poll in polls:
        follower.add(poll)
    return follower


def _counted(applied: _Applied) -> Counter[str]:
    counts = Counter({applied.step.use.value: 1})
    if applied.step.without_trip:
        counts[WITHOUT_TRIP] = applied.step.without_trip
    return counts


def _place(snapshot: Snapshot) -> tuple[float, bytes]:
    return snapshot.fetched_at, snapshot.digest
