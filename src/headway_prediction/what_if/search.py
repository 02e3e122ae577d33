"""The best holds of the next departures within limits: those after which passengers are expected to wait least.

Holds are tried on trains that run as they have run today (`chances`), at all platforms of the direction and with many draws
of luck at once: one hold is changed at a time, the best change first, for as long as that helps, from no holds or from even
headways, whichever is better. What is found must be better under fresh luck as well, or no train is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.expected_trains import DirectionDay
from headway_prediction.what_if.chances import Chances, Coming
from headway_prediction.what_if.changes import Planned, under
from headway_prediction.what_if.checks import LEAST_APART_MINS
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.present import Present
from headway_prediction.what_if.request import Search
from headway_prediction.what_if.strategies import (
    HOLD_STEP_MINS,
    evened,
    expected_departures,
    leaving,
    shifted,
)
from headway_prediction.what_if.wait import last_passings, waited

DRAWS, JUDGED_DRAWS = 8, 100
STEP_MINS = 0.5
MOST_ROUNDS = 12
LEAST_GAIN = 1e-3
"""A hold must take this share off the wait of the hour, or it is not worth it."""


@dataclass(frozen=True)
class Trial:
    """Holds tried in one direction: the `chances` its trains have, those `coming`, their rows that may be held (`rows`), and
    what each must and may be held (`fewest`, `most`), each (held,)."""

    chances: Chances
    coming: Coming
    rows: np.ndarray
    fewest: np.ndarray
    most: np.ndarray

    @cached_property
    def _until(self) -> np.ndarray:
        """Passengers count who come within the hour and before the last train of no holds."""
        last = last_passings(self.chances.passings(self.coming))
        return np.minimum(last, self.chances.t0 + 1 + EDITED_MINS)

    def waits(self, holds: np.ndarray) -> np.ndarray:
        """Return what passengers wait on average under holds (plans, held): (plans,)."""
        every = np.zeros((len(holds), len(self.coming.minutes)))
        every[:, self.rows] = holds
        passings = self.chances.passings(self.coming, every)
        until = np.tile(self._until, len(holds))
        each = waited(passings, self.chances.t0 + 1, until).over_platforms().each
        return each.reshape(len(holds), -1).mean(axis=1)


def best_holds(present: Present, plan: Sequence[Planned], search: Search) -> tuple[Planned, ...]:
    """Return the plan with the best holds of one direction's departures added; raises HeadwayError where none is known."""
    present.refuse_unknown_trips(search.direction)
    places = leaving(plan, search.direction)
    if not places:
        return tuple(plan)
    departures = [plan[place] for place in places]
    trial = trial_of(present, plan, departures, search, DRAWS)
    expected = expected_departures(present, departures, search.direction)
    even = np.floor((evened(expected) - expected) / STEP_MINS) * STEP_MINS
    starts = np.stack([trial.fewest, np.clip(even, trial.fewest, trial.most)])
    minutes = np.array([one.minute for one in departures])
    found = climb(trial, starts[np.argmin(trial.waits(starts))], minutes)
    judged = trial_of(present, plan, departures, search, JUDGED_DRAWS).waits(np.stack([trial.fewest, found]))
    return shifted(plan, places, found if judged[1] < judged[0] else trial.fewest)


def trial_of(
    present: Present,
    plan: Sequence[Planned],
    departures: Sequence[Planned],
    search: Search,
    draws: int,
) -> Trial:
    """Return the trains of a plan, and what its `departures` may be held within the limits of a search."""
    changed, direction = under(present, plan), search.direction
    chances = present.chances(direction, draws)
    coming = chances.coming(changed.days[direction], present.trips_under(changed, direction))
    rows = _rows(coming, departures)
    minutes = np.array([one.minute for one in departures])
    day, opposite = changed.days[direction], changed.days[1 - direction]
    within_hour = present.now + EDITED_MINS - 1e-6 - minutes
    turned = _slack_of_next_turns(
        opposite, coming.trips[rows], coming.minutes[rows, -1], search.least_turn_mins
    )
    most = np.minimum(np.minimum(within_hour, turned), search.most_hold_mins).clip(0.0)
    most = np.floor(most / HOLD_STEP_MINS + 1e-9) * HOLD_STEP_MINS
    fewest = np.clip(
        _turned(day, coming.trips[rows], present.t0, search.least_turn_mins) - minutes, 0.0, most
    )
    return Trial(chances, coming, rows, fewest, most)


def _rows(coming: Coming, departures: Sequence[Planned]) -> np.ndarray:
    """The trains of departures among those coming; added ones stand there in order of time, as they do here."""
    added = iter(np.flatnonzero(coming.added))
    own = {int(luck): row for row, luck in enumerate(coming.luck) if coming.leaves[row]}
    return np.array([own[one.row] if one.row >= 0 else next(added) for one in departures])


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


def climb(trial: Trial, holds: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Change one hold at a time, the best change first, while passengers wait clearly less; `minutes` are the departures."""
    least = trial.waits(holds[None])[0]
    for _ in range(MOST_ROUNDS):
        tried = _neighbours(holds, trial, minutes)
        if not len(tried):
            break
        waits = trial.waits(tried)
        best = int(np.argmin(waits))
        if waits[best] > (1 - LEAST_GAIN) * least:
            break
        holds, least = tried[best], waits[best]
    return holds


def _neighbours(holds: np.ndarray, trial: Trial, minutes: np.ndarray) -> np.ndarray:
    """All holds that differ in one train, keep the order of trains, and leave them apart: (plans, held)."""
    tried = []
    for place, (fewest, most) in enumerate(zip(trial.fewest, trial.most, strict=True)):
        for hold in np.arange(fewest, most + 1e-9, STEP_MINS):
            if hold != holds[place]:
                one = holds.copy()
                one[place] = hold
                tried.append(one)
    every = np.reshape(tried, (-1, len(holds)))
    planned_apart = np.diff(minutes)
    apart = np.diff(minutes + every, axis=1) >= np.minimum(LEAST_APART_MINS, planned_apart) - 1e-9
    return every[apart.all(axis=1)]
