"""The next hour many times over: the trains of one direction under the same chances, whatever the plan.

Every train has luck of its own (when it leaves, how each run goes), which stays with it when the plan changes. So two plans
are compared train by train, as with the common random numbers of simulation (Law, Simulation Modeling and Analysis, 5th ed.,
section 11.2), and their difference is that of the plans alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import TRAIN_FEATURES, DirectionDay
from headway_prediction.forecasters.physics.train_following import headways_of
from headway_prediction.what_if.edited_timetable import EditedTrips
from headway_prediction.what_if.movement import Movement

AHEAD_MINS = 90
"""Trains that leave within this time are run: a passenger of the hour's end waits for one beyond it."""
MAX_GAIN_MINS = 1.0
"""The most that a run gains or loses by a headway that is not as planned."""
UNDER_WAY = TRAIN_FEATURES.index("under_way")


@dataclass(frozen=True)
class UpcomingTrains:
    """The trains to come under one plan: `minutes` (trains, positions) as expected, infinite where they do not pass; `typical`
    (trains, positions) headways, NaN where unknown; by train, its row among the `trips` of that plan (−1 for one on none),
    whose `stream` it has, whether it still `leaves`, and whether it is `added` to the present plan."""

    minutes: np.ndarray
    typical: np.ndarray
    trips: np.ndarray
    stream: np.ndarray
    leaves: np.ndarray
    added: np.ndarray


@dataclass(frozen=True)
class MonteCarlo:
    """One direction of the present plan as of the end of minute `t0`, and the luck of its trains `draws` times over."""

    day: DirectionDay
    t0: int
    draws: int
    seed: tuple[int, ...]

    @cached_property
    def movement(self) -> Movement:
        """How trains have moved so far."""
        return Movement.seen(self.day, self.t0)

    @cached_property
    def _typical(self) -> np.ndarray:
        """Planned headways of the present trips, and a row of NaN for trains on none."""
        minutes = self.day.trips.minutes
        return np.concatenate([headways_of(minutes), np.full((1, minutes.shape[1]), np.nan)])

    def upcoming(self, day: DirectionDay, changed: EditedTrips | None = None) -> UpcomingTrains:
        """Return the trains to come on `day`: this one, or this one with its trips `changed`."""
        # How trains follow one another is what `_run` adds, under each luck anew.
        expected = day.without_train_following().expected(self.t0, AHEAD_MINS)
        trips = len(self.day.trips.minutes)
        origin = expected.trips if changed is None else np.append(changed.origin, -1)[expected.trips]
        under_way = expected.features[:, UNDER_WAY] > 0
        # Luck is numbered: trips of the present plan, trains on none, added trains.
        place = np.cumsum(under_way) - 1
        added = (expected.trips >= 0) & (origin < 0)
        stream = np.where(origin >= 0, origin, trips + place)
        stream[added] = trips + under_way.sum() + np.arange(added.sum())
        typical = self._typical[origin]
        typical[added] = self._typical_nearby(expected.minutes[added])
        return UpcomingTrains(expected.minutes, typical, expected.trips, stream, ~under_way, added)

    def _typical_nearby(self, minutes: np.ndarray) -> np.ndarray:
        """What passengers are used to when an added train comes: the planned headway of the trip nearest to it."""
        trips = self.day.trips.minutes
        away = np.abs(np.nan_to_num(minutes[:, :1], posinf=np.nan) - trips[:, 0])
        nearest = np.argmin(np.where(np.isnan(away), np.inf, away), axis=1) if len(minutes) else []
        return self._typical[np.asarray(nearest, dtype=int)]

    def passings(self, upcoming: UpcomingTrains, holds: np.ndarray | None = None) -> np.ndarray:
        """Return when trains pass, infinite where they do not: (trains, positions, draws).

        With `holds` (plans, trains), minutes by which trains leave later, the last axis is (plans x draws), draws first.
        """
        late, deviation = self._draws_of(upcoming)
        plans = 1 if holds is None else len(holds)
        delay = np.where(upcoming.leaves[:, None], late, 0.0)
        delay = np.tile(delay, plans)
        if holds is not None:
            delay = delay + np.repeat(holds.T, self.draws, axis=1)
        order = _in_order(upcoming.minutes, self.day.runs.since_first(self.t0))
        last_observed, now = self.day.last_observed(self.t0), self.t0 + 1
        return _run(upcoming, order, delay, deviation, plans, last_observed, self.movement, now)

    def _draws_of(self, upcoming: UpcomingTrains) -> tuple[np.ndarray, np.ndarray]:
        """Lateness (trains, draws) and strays of runs (trains, positions, draws), none at the first position."""
        random = np.random.default_rng(self.seed)
        count, positions = int(upcoming.stream.max(initial=-1)) + 1, upcoming.minutes.shape[1]
        leaves, runs, pace = random.spawn(3)
        late = leaves.choice(self.movement.late, (count, self.draws))
        deviation = runs.choice(self.movement.deviations, (count, positions, self.draws))
        deviation += self.movement.pace * pace.standard_normal((count, 1, self.draws))
        deviation[:, 0] = 0.0
        return late[upcoming.stream], deviation[upcoming.stream]


def _run(
    upcoming: UpcomingTrains,
    order: np.ndarray,
    delay: np.ndarray,
    deviation: np.ndarray,
    plans: int,
    last_observed: np.ndarray,
    movement: Movement,
    now: int,
) -> np.ndarray:
    """Run trains one after the other, in the order in which they are expected, behind those that have passed."""
    passings = np.full((*upcoming.minutes.shape, delay.shape[1]), np.inf)
    passed, expected_ahead = np.isfinite(last_observed), np.nan_to_num(last_observed, nan=-np.inf)
    ahead = np.repeat(expected_ahead[:, None], delay.shape[1], axis=1)
    for train in order:
        behind = delay[train]
        for position in np.flatnonzero(np.isfinite(upcoming.minutes[train])):
            expected, typical = upcoming.minutes[train, position], upcoming.typical[train, position]
            minute = expected + behind
            if position and movement.dwell_growth and passed[position] and np.isfinite(typical):
                gain = movement.dwell_growth * (minute - ahead[position] - typical)
                minute = minute + np.minimum(np.maximum(gain, -MAX_GAIN_MINS), MAX_GAIN_MINS)
            minute = minute + np.tile(deviation[train, position], plans)
            if expected > expected_ahead[position]:  # else the plan itself has it overtake
                minute = np.maximum(minute, ahead[position] + movement.apart)
                expected_ahead[position] = expected
            minute = np.maximum(minute, now)
            passings[train, position] = minute
            ahead[position] = np.maximum(ahead[position], minute)
            passed[position] = True
            behind = minute - expected
    return passings


def _in_order(minutes: np.ndarray, since_first: np.ndarray) -> np.ndarray:
    """Trains by when they would have left the first position, those furthest ahead first."""
    return np.argsort((minutes - since_first).min(axis=1, initial=np.inf), kind="stable")


def held(passings: np.ndarray, last_observed: np.ndarray, now: int, leads: int) -> np.ndarray:
    """Return the headways held at the end of each minute from `now` on, NaN before a first train: (leads, positions, draws).

    `passings` (trains, positions, draws) as of `MonteCarlo.passings`; `last_observed` (positions,) of the trains before them.
    """
    none = np.full((1, *passings.shape[1:]), np.inf)
    arrivals = np.sort(np.concatenate([passings, none]), axis=0)
    first = np.broadcast_to(last_observed[:, None], arrivals.shape[1:])[None]
    with np.errstate(invalid="ignore"):
        headways = arrivals - np.concatenate([first, arrivals[:-1]])
    found = np.full((leads, *passings.shape[1:]), np.nan)
    for lead in range(leads):
        passed = (arrivals < now + lead + 1).sum(axis=0)[None]
        held_now = np.take_along_axis(headways, np.maximum(passed - 1, 0), axis=0)
        found[lead] = np.where(passed > 0, held_now, np.nan)[0]
    return found
