"""The best holds of the next departures within limits: those after which passengers are expected to wait least.

Holds are tried on trains that run as they have run today (`monte_carlo`), at all platforms of the direction and with many draws
of luck at once: one hold is changed at a time, the best change first, for as long as that helps, from no holds or from even
headways, whichever is better. What is found must be better under fresh luck as well, or no train is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.what_if.apply_edits import RevisedDeparture, under
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.checks import TOLERANCE_MINS
from headway_prediction.what_if.departures import TerminalDepartures
from headway_prediction.what_if.edited_timetable import ADDED
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.monte_carlo import MonteCarlo, UpcomingTrains
from headway_prediction.what_if.request import Search
from headway_prediction.what_if.strategies import HOLD_STEP_MINS, holds_to_even
from headway_prediction.what_if.wait import last_passings, wait_totals

DRAWS, VALIDATION_DRAWS = 8, 100
VALIDATION_STREAM = 1
STEP_MINS = 0.5
MAX_ROUNDS = 12
ABSENT = -1
MIN_GAIN = 1e-3
"""A hold must take this share off the wait of the hour, or it is not worth it."""


@dataclass(frozen=True)
class HoldTrial:
    """Holds tried in one direction: the `monte_carlo` its trains have, those `upcoming`, and of each departure its row among these
    (`rows`, ABSENT where it is not) and what it must and may be held (`min_hold`, `max_hold`), (held,) each."""

    monte_carlo: MonteCarlo
    upcoming: UpcomingTrains
    rows: np.ndarray
    min_hold: np.ndarray
    max_hold: np.ndarray

    @property
    def comes(self) -> np.ndarray:
        """Which departures are among the trains coming: (held,)."""
        return self.rows != ABSENT

    @cached_property
    def _until(self) -> np.ndarray:
        """Passengers count who come within the hour and before the last train of no holds."""
        last = last_passings(self.monte_carlo.passings(self.upcoming))
        return np.minimum(last, self.monte_carlo.t0 + 1 + EDITED_MINS)

    def with_validation_draws(self) -> Self:
        """Return the same trial with draws that the search has not seen."""
        return replace(
            self, monte_carlo=replace(self.monte_carlo, seed=(*self.monte_carlo.seed, VALIDATION_STREAM))
        )

    def waits(self, holds: np.ndarray) -> np.ndarray:
        """Return what passengers wait on average under holds (plans, held): (plans,)."""
        every = np.zeros((len(holds), len(self.upcoming.minutes)))
        every[:, self.rows[self.comes]] = holds[:, self.comes]
        passings = self.monte_carlo.passings(self.upcoming, every)
        until = np.tile(self._until, len(holds))
        each = wait_totals(passings, self.monte_carlo.t0 + 1, until).over_platforms().each
        return each.reshape(len(holds), -1).mean(axis=1)


def best_holds(
    baseline: Baseline, plan: Sequence[RevisedDeparture], search: Search
) -> tuple[RevisedDeparture, ...]:
    """Return the plan with the best holds of one direction's departures added; raises HeadwayError where none is known."""
    baseline.require_trips(search.direction)
    leaving = TerminalDepartures.of(baseline, plan, search.direction)
    if not len(leaving.places):
        return tuple(plan)
    trial = trial_of(baseline, leaving, search, DRAWS)
    even = np.floor(holds_to_even(leaving.expected) / STEP_MINS) * STEP_MINS
    starts = np.stack([trial.min_hold, np.clip(even, trial.min_hold, trial.max_hold)])
    starts = starts[[True, leaving.apart(starts[1]).all()]]
    found = hill_climb(trial, starts[np.argmin(trial.waits(starts))], leaving)
    judge = trial_of(baseline, leaving, search, VALIDATION_DRAWS).with_validation_draws()
    judged = judge.waits(np.stack([trial.min_hold, found]))
    return leaving.shifted(found if judged[1] < judged[0] else trial.min_hold)


def trial_of(baseline: Baseline, leaving: TerminalDepartures, search: Search, draws: int) -> HoldTrial:
    """Return the trains of a plan, and what those `leaving` may be held within the limits of a search."""
    changed, direction = under(baseline, leaving.plan), search.direction
    monte_carlo = baseline.monte_carlo(direction, draws)
    upcoming = monte_carlo.upcoming(changed.days[direction], baseline.trips_under(changed, direction))
    rows = _rows(upcoming, leaving)
    day, opposite = changed.days[direction], changed.days[1 - direction]
    to_leave = leaving.minutes + leaving.behind
    within_hour = baseline.now + EDITED_MINS - TOLERANCE_MINS - to_leave
    turned = _slack_of_next_turns(
        opposite, upcoming.trips[rows], upcoming.minutes[rows, -1], search.min_turnaround_mins
    )
    max_hold = np.minimum(np.minimum(within_hour, turned), search.max_hold_mins).clip(0.0)
    max_hold = np.where(rows == ABSENT, 0.0, np.floor(max_hold / HOLD_STEP_MINS + 1e-9) * HOLD_STEP_MINS)
    min_hold = np.clip(
        _turned(day, upcoming.trips[rows], baseline.t0, search.min_turnaround_mins) - to_leave, 0.0, max_hold
    )
    return HoldTrial(monte_carlo, upcoming, rows, min_hold, max_hold)


def _rows(upcoming: UpcomingTrains, leaving: TerminalDepartures) -> np.ndarray:
    """The trains of departures among those coming, ABSENT for one so late that it is not; added ones stand there in order of
    time, as they do here."""
    added = iter(np.flatnonzero(upcoming.added))
    own = {int(stream): row for row, stream in enumerate(upcoming.stream) if upcoming.leaves[row]}
    trips = [leaving.plan[place].row for place in leaving.places]
    return np.array([next(added) if trip == ADDED else own.get(trip, ABSENT) for trip in trips])


def _slack_of_next_turns(
    opposite: DirectionDay, trips: np.ndarray, ends: np.ndarray, least_mins: float
) -> np.ndarray:
    """Minutes that trains of `trips` may come later to the end without leaving late from there; infinite where it is not
    known as what they leave: (trips,)."""
    slack = np.full(len(trips), np.inf)
    if opposite.inbound is None:
        return slack
    for place, (trip, end) in enumerate(zip(trips, ends, strict=True)):
        for next_trip in np.flatnonzero((opposite.inbound.trip == trip) & (trip >= 0)):
            least = max(least_mins, opposite.inbound.min_turnaround[next_trip])
            slack[place] = opposite.trips.minutes[next_trip, 0] - end - least
    return np.nan_to_num(slack, nan=np.inf)


def _turned(day: DirectionDay, trips: np.ndarray, t0: int, least_mins: float) -> np.ndarray:
    """When the trains that are to run `trips` will have turned round, −inf where that is not known: (trips,)."""
    if day.inbound is None:
        return np.full(len(trips), -np.inf)
    ends = np.append(day.inbound.arriving.ends(t0), np.nan)
    ready = ends[day.inbound.trip[trips]] + least_mins
    return np.where(np.isfinite(ready), ready, -np.inf)


def hill_climb(trial: HoldTrial, holds: np.ndarray, leaving: TerminalDepartures) -> np.ndarray:
    """Change one hold at a time, the best change first, while passengers wait clearly less: (held,)."""
    least = trial.waits(holds[None])[0]
    for _ in range(MAX_ROUNDS):
        tried = _neighbours(holds, trial, leaving)
        if not len(tried):
            break
        waits = trial.waits(tried)
        best = int(np.argmin(waits))
        if waits[best] > (1 - MIN_GAIN) * least:
            break
        holds, least = tried[best], waits[best]
    return holds


def _neighbours(holds: np.ndarray, trial: HoldTrial, leaving: TerminalDepartures) -> np.ndarray:
    """All holds that differ in one train, keep the order of trains, and leave them apart: (plans, held)."""
    tried = []
    for place, (min_hold, max_hold) in enumerate(zip(trial.min_hold, trial.max_hold, strict=True)):
        for hold in np.arange(min_hold, max_hold + 1e-9, STEP_MINS):
            if hold != holds[place]:
                one = holds.copy()
                one[place] = hold
                tried.append(one)
    every = np.reshape(tried, (-1, len(holds)))
    return every[leaving.apart(every).all(axis=1)]
