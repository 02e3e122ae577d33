"""The best holds of the next departures within limits: those after which passengers are expected to wait least.

Holds are tried on trains that run as they have run today (`chances`), at all platforms of the direction and with many draws
of luck at once: one hold is changed at a time, the best change first, for as long as that helps, from no holds or from even
headways, whichever is better. What is found must be better under fresh luck as well, or no train is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.what_if.apply_edits import Planned, under
from headway_prediction.what_if.baseline import Present
from headway_prediction.what_if.checks import SAME_MINS
from headway_prediction.what_if.departures import Leaving
from headway_prediction.what_if.edited_timetable import ADDED
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.monte_carlo import Chances, Coming
from headway_prediction.what_if.request import Search
from headway_prediction.what_if.strategies import HOLD_STEP_MINS, holds_to_even
from headway_prediction.what_if.wait import last_passings, waited

DRAWS, JUDGED_DRAWS = 8, 100
OTHER_LUCK = 1
STEP_MINS = 0.5
MOST_ROUNDS = 12
ABSENT = -1
LEAST_GAIN = 1e-3
"""A hold must take this share off the wait of the hour, or it is not worth it."""


@dataclass(frozen=True)
class Trial:
    """Holds tried in one direction: the `chances` its trains have, those `coming`, and of each departure its row among these
    (`rows`, ABSENT where it is not) and what it must and may be held (`fewest`, `most`), (held,) each."""

    chances: Chances
    coming: Coming
    rows: np.ndarray
    fewest: np.ndarray
    most: np.ndarray

    @property
    def comes(self) -> np.ndarray:
        """Which departures are among the trains coming: (held,)."""
        return self.rows != ABSENT

    @cached_property
    def _until(self) -> np.ndarray:
        """Passengers count who come within the hour and before the last train of no holds."""
        last = last_passings(self.chances.passings(self.coming))
        return np.minimum(last, self.chances.t0 + 1 + EDITED_MINS)

    def under_other_luck(self) -> Self:
        """Return the same trial with draws that the search has not seen."""
        return replace(self, chances=replace(self.chances, seed=(*self.chances.seed, OTHER_LUCK)))

    def waits(self, holds: np.ndarray) -> np.ndarray:
        """Return what passengers wait on average under holds (plans, held): (plans,)."""
        every = np.zeros((len(holds), len(self.coming.minutes)))
        every[:, self.rows[self.comes]] = holds[:, self.comes]
        passings = self.chances.passings(self.coming, every)
        until = np.tile(self._until, len(holds))
        each = waited(passings, self.chances.t0 + 1, until).over_platforms().each
        return each.reshape(len(holds), -1).mean(axis=1)


def best_holds(present: Present, plan: Sequence[Planned], search: Search) -> tuple[Planned, ...]:
    """Return the plan with the best holds of one direction's departures added; raises HeadwayError where none is known."""
    present.refuse_unknown_trips(search.direction)
    leaving = Leaving.of(present, plan, search.direction)
    if not len(leaving.places):
        return tuple(plan)
    trial = trial_of(present, leaving, search, DRAWS)
    even = np.floor(holds_to_even(leaving.expected) / STEP_MINS) * STEP_MINS
    starts = np.stack([trial.fewest, np.clip(even, trial.fewest, trial.most)])
    starts = starts[[True, leaving.apart(starts[1]).all()]]
    found = climb(trial, starts[np.argmin(trial.waits(starts))], leaving)
    judge = trial_of(present, leaving, search, JUDGED_DRAWS).under_other_luck()
    judged = judge.waits(np.stack([trial.fewest, found]))
    return leaving.shifted(found if judged[1] < judged[0] else trial.fewest)


def trial_of(present: Present, leaving: Leaving, search: Search, draws: int) -> Trial:
    """Return the trains of a plan, and what those `leaving` may be held within the limits of a search."""
    changed, direction = under(present, leaving.plan), search.direction
    chances = present.chances(direction, draws)
    coming = chances.coming(changed.days[direction], present.trips_under(changed, direction))
    rows = _rows(coming, leaving)
    day, opposite = changed.days[direction], changed.days[1 - direction]
    to_leave = leaving.minutes + leaving.behind
    within_hour = present.now + EDITED_MINS - SAME_MINS - to_leave
    turned = _slack_of_next_turns(
        opposite, coming.trips[rows], coming.minutes[rows, -1], search.least_turn_mins
    )
    most = np.minimum(np.minimum(within_hour, turned), search.most_hold_mins).clip(0.0)
    most = np.where(rows == ABSENT, 0.0, np.floor(most / HOLD_STEP_MINS + 1e-9) * HOLD_STEP_MINS)
    fewest = np.clip(
        _turned(day, coming.trips[rows], present.t0, search.least_turn_mins) - to_leave, 0.0, most
    )
    return Trial(chances, coming, rows, fewest, most)


def _rows(coming: Coming, leaving: Leaving) -> np.ndarray:
    """The trains of departures among those coming, ABSENT for one so late that it is not; added ones stand there in order of
    time, as they do here."""
    added = iter(np.flatnonzero(coming.added))
    own = {int(luck): row for row, luck in enumerate(coming.luck) if coming.leaves[row]}
    trips = [leaving.plan[place].row for place in leaving.places]
    return np.array([next(added) if trip == ADDED else own.get(trip, ABSENT) for trip in trips])


def _slack_of_next_turns(
    opposite: DirectionDay, trips: np.ndarray, ends: np.ndarray, least_mins: float
) -> np.ndarray:
    """Minutes that trains of `trips` may come later to the end without leaving late from there; infinite where it is not
    known as what they leave: (trips,)."""
    slack = np.full(len(trips), np.inf)
    if opposite.feeders is None:
        return slack
    for place, (trip, end) in enumerate(zip(trips, ends, strict=True)):
        for next_trip in np.flatnonzero((opposite.feeders.trip == trip) & (trip >= 0)):
            least = max(least_mins, opposite.feeders.least[next_trip])
            slack[place] = opposite.trips.minutes[next_trip, 0] - end - least
    return np.nan_to_num(slack, nan=np.inf)


def _turned(day: DirectionDay, trips: np.ndarray, t0: int, least_mins: float) -> np.ndarray:
    """When the trains that are to run `trips` will have turned round, −inf where that is not known: (trips,)."""
    if day.feeders is None:
        return np.full(len(trips), -np.inf)
    ends = np.append(day.feeders.arriving.ends(t0), np.nan)
    ready = ends[day.feeders.trip[trips]] + least_mins
    return np.where(np.isfinite(ready), ready, -np.inf)


def climb(trial: Trial, holds: np.ndarray, leaving: Leaving) -> np.ndarray:
    """Change one hold at a time, the best change first, while passengers wait clearly less: (held,)."""
    least = trial.waits(holds[None])[0]
    for _ in range(MOST_ROUNDS):
        tried = _neighbours(holds, trial, leaving)
        if not len(tried):
            break
        waits = trial.waits(tried)
        best = int(np.argmin(waits))
        if waits[best] > (1 - LEAST_GAIN) * least:
            break
        holds, least = tried[best], waits[best]
    return holds


def _neighbours(holds: np.ndarray, trial: Trial, leaving: Leaving) -> np.ndarray:
    """All holds that differ in one train, keep the order of trains, and leave them apart: (plans, held)."""
    tried = []
    for place, (fewest, most) in enumerate(zip(trial.fewest, trial.most, strict=True)):
        for hold in np.arange(fewest, most + 1e-9, STEP_MINS):
            if hold != holds[place]:
                one = holds.copy()
                one[place] = hold
                tried.append(one)
    every = np.reshape(tried, (-1, len(holds)))
    return every[leaving.apart(every).all(axis=1)]
