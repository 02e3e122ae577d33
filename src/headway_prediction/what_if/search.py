"""Search for the holds of the next departures with the least expected wait, within limits.

Holds are tried on Monte Carlo runs of the trains, at all platforms of the direction. One hold is changed at a time, the best
change first, while that helps; the search starts from no holds or from even headways, whichever is better. The result must
also be better on validation draws that the search has not seen, or no train is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edited_timetable import ADDED, known_trips
from headway_prediction.what_if.effect import last_passings, wait_totals
from headway_prediction.what_if.monte_carlo import MonteCarlo, UpcomingTrains
from headway_prediction.what_if.plan import TOLERANCE_MINS, Plan, RevisedDeparture, with_plan
from headway_prediction.what_if.request import EDITED_MINS, Search
from headway_prediction.what_if.strategies import HOLD_STEP_MINS, TerminalDepartures, holds_to_even

DRAWS, VALIDATION_DRAWS = 8, 100
VALIDATION_STREAM = 1
STEP_MINS = 0.5
MAX_ROUNDS = 12
ABSENT = -1
MIN_GAIN = 1e-3
"""A changed hold must shorten the wait of the hour by this share."""


@dataclass(frozen=True)
class HoldTrial:
    """Holds tried in one direction: the `monte_carlo` runs of the `upcoming` trains.

    Per departure, (departures,): its row among these trains (`rows`, ABSENT where it is too late to be among them), and the
    limits `min_hold` and `max_hold`.
    """

    monte_carlo: MonteCarlo
    upcoming: UpcomingTrains
    rows: np.ndarray
    min_hold: np.ndarray
    max_hold: np.ndarray

    @classmethod
    def of(cls, baseline: Baseline, departures: TerminalDepartures, search: Search, draws: int) -> Self:
        """Find the trains of a plan and the limits of the search for each of its departures."""
        changed, direction = with_plan(baseline, departures.plan), search.direction
        monte_carlo = baseline.monte_carlo(direction, draws)
        upcoming = monte_carlo.upcoming(changed.days[direction], baseline.trips_under(changed, direction))
        rows = _rows(upcoming, departures)
        day, opposite = changed.days[direction], changed.days[1 - direction]
        to_leave = departures.minutes + departures.delay
        within_hour = baseline.now + EDITED_MINS - TOLERANCE_MINS - to_leave
        slack = _turnaround_slack(
            opposite, upcoming.trips[rows], upcoming.minutes[rows, -1], search.min_turnaround_mins
        )
        max_hold = np.minimum(np.minimum(within_hour, slack), search.max_hold_mins).clip(0.0)
        max_hold = np.where(rows == ABSENT, 0.0, np.floor(max_hold / HOLD_STEP_MINS + 1e-9) * HOLD_STEP_MINS)
        ready = _ready_after_turnaround(day, upcoming.trips[rows], baseline.t0, search.min_turnaround_mins)
        return cls(monte_carlo, upcoming, rows, np.clip(ready - to_leave, 0.0, max_hold), max_hold)

    @property
    def present(self) -> np.ndarray:
        """Whether each departure is among the upcoming trains: (departures,)."""
        return np.asarray(self.rows != ABSENT)

    @cached_property
    def _until(self) -> np.ndarray:
        """Passengers count who come within the hour and before the last train without holds."""
        last = last_passings(self.monte_carlo.passings(self.upcoming))
        return np.asarray(np.minimum(last, self.monte_carlo.t0 + 1 + EDITED_MINS))

    def with_validation_draws(self) -> Self:
        """Return the same trial with draws that the search has not seen."""
        seed = (*self.monte_carlo.seed, VALIDATION_STREAM)
        return replace(self, monte_carlo=replace(self.monte_carlo, seed=seed))

    def waits(self, holds: np.ndarray) -> np.ndarray:
        """Return the expected wait of a passenger under holds (plans, departures): (plans,)."""
        every = np.zeros((len(holds), len(self.upcoming.minutes)))
        every[:, self.rows[self.present]] = holds[:, self.present]
        passings = self.monte_carlo.passings(self.upcoming, every)
        until = np.tile(self._until, len(holds))
        mean = wait_totals(passings, self.monte_carlo.t0 + 1, until).over_platforms().mean
        return np.asarray(mean.reshape(len(holds), -1).mean(axis=1))


def best_holds(baseline: Baseline, plan: Sequence[RevisedDeparture], search: Search) -> Plan:
    """Return the plan with the best holds of one direction added; raises HeadwayError where its trips are unknown."""
    baseline.require_trips(search.direction)
    departures = TerminalDepartures.of(baseline, plan, search.direction)
    if not len(departures.places):
        return tuple(plan)
    trial = HoldTrial.of(baseline, departures, search, DRAWS)
    even = np.floor(holds_to_even(departures.expected) / STEP_MINS) * STEP_MINS
    starts = np.stack([trial.min_hold, np.clip(even, trial.min_hold, trial.max_hold)])
    starts = starts if departures.keep_apart(starts[1]).all() else starts[:1]
    found = hill_climb(trial, starts[np.argmin(trial.waits(starts))], departures)
    validation = HoldTrial.of(baseline, departures, search, VALIDATION_DRAWS).with_validation_draws()
    without, with_holds = validation.waits(np.stack([trial.min_hold, found]))
    return departures.shifted(found if with_holds < without else trial.min_hold)


def _rows(upcoming: UpcomingTrains, departures: TerminalDepartures) -> np.ndarray:
    """Return the row of each departure among the upcoming trains, ABSENT for one too late; added trains are in order of
    time in both."""
    added = iter(np.flatnonzero(upcoming.added))
    own = {int(stream): row for row, stream in enumerate(upcoming.stream) if upcoming.leaves[row]}
    trips = [departures.plan[place].row for place in departures.places]
    return np.array([next(added) if trip == ADDED else own.get(trip, ABSENT) for trip in trips])


def _turnaround_slack(
    opposite: DirectionDay, trips: np.ndarray, ends: np.ndarray, min_turnaround_mins: float
) -> np.ndarray:
    """Return how many minutes later trains of `trips` may reach the far terminal without leaving it late, infinite where
    their next trip is unknown: (trips,)."""
    slack = np.full(len(trips), np.inf)
    if opposite.inbound is None:
        return slack
    for place, (trip, end) in enumerate(zip(trips, ends, strict=True)):
        for next_trip in np.flatnonzero((opposite.inbound.trip == trip) & (trip >= 0)):
            turnaround = max(min_turnaround_mins, opposite.inbound.min_turnaround[next_trip])
            slack[place] = known_trips(opposite).minutes[next_trip, 0] - end - turnaround
    return np.asarray(np.nan_to_num(slack, nan=np.inf))


def _ready_after_turnaround(
    day: DirectionDay, trips: np.ndarray, t0: int, min_turnaround_mins: float
) -> np.ndarray:
    """Return when the trains of `trips` will have turned round, -inf where unknown: (trips,)."""
    if day.inbound is None:
        return np.full(len(trips), -np.inf)
    ends = np.append(day.inbound.arriving.ends(t0), np.nan)
    ready = ends[day.inbound.trip[trips]] + min_turnaround_mins
    return np.where(np.isfinite(ready), ready, -np.inf)


def hill_climb(trial: HoldTrial, holds: np.ndarray, departures: TerminalDepartures) -> np.ndarray:
    """Change one hold at a time, the best change first, while the wait falls by MIN_GAIN: (departures,)."""
    best_wait = trial.waits(holds[None])[0]
    for _ in range(MAX_ROUNDS):
        tried = _neighbours(holds, trial, departures)
        if not len(tried):
            break
        waits = trial.waits(tried)
        best = int(np.argmin(waits))
        if waits[best] > (1 - MIN_GAIN) * best_wait:
            break
        holds, best_wait = tried[best], waits[best]
    return holds


def _neighbours(holds: np.ndarray, trial: HoldTrial, departures: TerminalDepartures) -> np.ndarray:
    """Return all holds that differ in one departure and keep the trains in order and apart: (plans, departures)."""
    tried = []
    for place, (min_hold, max_hold) in enumerate(zip(trial.min_hold, trial.max_hold, strict=True)):
        for hold in np.arange(min_hold, max_hold + 1e-9, STEP_MINS):
            if hold != holds[place]:
                one = holds.copy()
                one[place] = hold
                tried.append(one)
    every = np.reshape(tried, (-1, len(holds)))
    return every[departures.keep_apart(every).all(axis=1)]
