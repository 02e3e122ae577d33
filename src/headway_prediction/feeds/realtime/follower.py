"""Following a feed poll by poll: the journal at any time, whatever order the polls come in."""

import logging
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.feeds.realtime.poll import Poll
from headway_prediction.feeds.realtime.read import MalformedPoll, read_snapshot
from headway_prediction.feeds.realtime.snapshot import Snapshot
from headway_prediction.feeds.realtime.state import State, Step, advance

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


class Follower:
    """Follows one feed. Its journal depends on which polls were added, not on their order or repetition.

    A poll may come up to `patience_secs` after one that was fetched later; one that comes later still is left out, and
    so is a malformed one: both are counted, the newest are kept `aside`, and the log (`logging`) names them. `planned` is
    wanted where the feed tells delays and no times.
    """

    def __init__(self, patience_secs: float = PATIENCE_SECS, planned: PlannedTrips = NO_PLAN):
        self._patience_secs, self._planned = patience_secs, planned
        self._recent: list[_Applied] = []
        self._settled: list[Passing] = []
        self._settled_uses: Counter[str] = Counter()
        self._settled_until = float("-inf")
        self._state = State()
        self.aside: deque[Aside] = deque(maxlen=ASIDE_KEPT)
        self._left_out: Counter[str] = Counter()

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

    def journal(self) -> list[Passing]:
        """Return the passings known so far, in order of time: those of trips under way may yet be corrected."""
        closed = [passing for applied in self._recent for passing in applied.step.closed]
        running = [passing for trip in self._state.trips.values() for passing in trip.passings.values()]
        return sorted([*self._settled, *closed, *running], key=_order)

    def take_closed(self) -> list[Passing]:
        """Hand over, and forget, the passings of trips that are over and can change no more: memory stays bounded."""
        taken, self._settled = self._settled, []
        return sorted(taken, key=_order)

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


def _order(passing: Passing) -> tuple:
    return passing.time, passing.run.trip, passing.run.first_seen, passing.stop_id
