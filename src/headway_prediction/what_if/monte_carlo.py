"""Monte Carlo runs of the next hour: the trains of one direction under the same random draws, whatever the plan.

Every train has a random stream of its own (its lateness at the terminal, the deviation of each run), which stays with it
when the plan changes: the common random numbers of simulation (Law, Simulation Modeling and Analysis, 5th ed., section
11.2). The difference of two plans is then due to the plans alone.

The distributions come from how trains have moved today beside what was expected. Passengers gather while no train comes, so
a train with a wide gap ahead dwells longer at every stop and falls further behind (Newell and Potts, 1964): the dwell growth
is the minutes that a run gains for each minute of headway beyond the planned one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import TRAIN_FEATURES, DirectionDay
from headway_prediction.forecasters.physics.train_following import headways_of
from headway_prediction.what_if.edited_timetable import EditedTrips, known_trips

AHEAD_MINS = 90
"""Trains that leave within this time are run: a passenger at the end of the hour waits for one after it."""
MAX_GAIN_MINS = 1.0
"""Limit of what one run gains or loses by a headway that is not as planned."""
UNDER_WAY = TRAIN_FEATURES.index("under_way")

MIN_RUNS = 100
DEFAULT_DEVIATION_MINS = np.array([-0.4, -0.25, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.45])
"""Deviations of runs between two platforms while fewer than MIN_RUNS are observed."""
MAX_DEVIATION_MINS = 15.0
"""A longer run was out of sight, or out of service, and is ignored."""
MAX_LEARNED_DEVIATION_MINS = 2.0
"""A run that deviates further was held up by something other than passengers: dwell growth is not fitted on it."""
PRIOR_HEADWAY_MINS2 = 100.0
"""Ridge term of dwell growth: as if so many square minutes of excess headway had shown none."""
MAX_DWELL_GROWTH = 0.3
MIN_TRAINS = 5
MIN_DEPARTURES = 8
DEFAULT_LATENESS_MINS = np.linspace(-0.5, 1.5, 9)
MIN_LATENESS_MINS, MAX_LATENESS_MINS = -3.0, 10.0
MIN_HEADWAY_QUANTILE, MAX_MIN_HEADWAY_MINS = 0.005, 2.0


@dataclass(frozen=True)
class Movement:
    """How the trains of one direction have moved today, in minutes.

    `deviations` (runs,): run times between neighbouring platforms beyond the expected ones; `pace`: standard deviation of
    the part that a train keeps on every run; `dwell_growth`: gain of a run per minute of headway beyond the planned one;
    `late` (trains,): lateness at the terminal; `min_headway` between two trains.
    """

    deviations: np.ndarray
    pace: float
    dwell_growth: float
    late: np.ndarray
    min_headway: float

    @classmethod
    def fit(cls, day: DirectionDay, t0: int) -> Self:
        """Fit it on the trains known at the end of minute t0, with DEFAULT_… where too few are."""
        minutes = np.where(day.matched.trains.minutes < t0 + 1, day.matched.trains.minutes, np.nan)
        if day.matched.trips is None or not len(minutes):
            return cls(DEFAULT_DEVIATION_MINS, 0.0, 0.0, _lateness(day, t0), _min_headway(minutes))
        deviation, excess = _runs(minutes, day)
        dwell_growth = _dwell_growth(deviation, excess)
        rest = deviation - dwell_growth * np.nan_to_num(excess)
        rest = np.where(np.abs(rest) <= MAX_DEVIATION_MINS, rest, np.nan)
        return cls(*_deviations_and_pace(rest), dwell_growth, _lateness(day, t0), _min_headway(minutes))


def _runs(minutes: np.ndarray, day: DirectionDay) -> tuple[np.ndarray, np.ndarray]:
    """Return for every run between neighbouring platforms, (trains, positions - 1), NaN where unknown: the minutes beyond
    the expected ones, and the headway beyond the planned one that the train would have at its end without them."""
    trip, known = day.matched.trips_of_trains, day.matched.trips_of_trains >= 0
    planned, typical = np.full((2, *minutes.shape), np.nan)
    trips = known_trips(day).minutes
    planned[known] = trips[trip[known]]
    typical[known] = headways_of(trips)[trip[known]]
    run = np.diff(planned, axis=1)
    previous = minutes - headways_of(minutes)
    return np.diff(minutes, axis=1) - run, (minutes[:, :-1] + run - previous[:, 1:]) - typical[:, 1:]


def _dwell_growth(deviation: np.ndarray, excess: np.ndarray) -> float:
    usable = np.isfinite(deviation) & np.isfinite(excess) & (np.abs(deviation) <= MAX_LEARNED_DEVIATION_MINS)
    deviation, excess = deviation[usable], excess[usable]
    if not len(deviation):
        return 0.0
    deviation = deviation - np.median(deviation)
    return float(np.clip(excess @ deviation / (excess @ excess + PRIOR_HEADWAY_MINS2), 0.0, MAX_DWELL_GROWTH))


def _deviations_and_pace(rest: np.ndarray) -> tuple[np.ndarray, float]:
    """Return deviations without dwell growth around their median, and the standard deviation of the trains' own means."""
    known = rest[np.isfinite(rest)]
    if len(known) < MIN_RUNS:
        return DEFAULT_DEVIATION_MINS, 0.0
    observed = np.isfinite(rest).sum(axis=1)
    trains = rest[observed > 1]
    if len(trains) < MIN_TRAINS:
        return known - np.median(known), 0.0
    means, runs = np.nanmean(trains, axis=1), observed[observed > 1]
    variance = max(np.var(means) - np.mean(np.nanvar(trains, axis=1, ddof=1) / runs), 0.0)
    return known - np.median(known), float(np.sqrt(variance))


def _lateness(day: DirectionDay, t0: int) -> np.ndarray:
    if day.matched.trips is None:
        return DEFAULT_LATENESS_MINS
    left = day.matched.observed_minutes_of_trips[:, 0]
    late = (left - day.matched.trips.minutes[:, 0])[left < t0 + 1]
    late = late[np.isfinite(late)].clip(MIN_LATENESS_MINS, MAX_LATENESS_MINS)
    return late if len(late) >= MIN_DEPARTURES else np.append(late, DEFAULT_LATENESS_MINS)


def _min_headway(minutes: np.ndarray) -> float:
    headways = headways_of(minutes)
    known = headways[np.isfinite(headways)]
    return float(min(np.quantile(known, MIN_HEADWAY_QUANTILE), MAX_MIN_HEADWAY_MINS)) if len(known) else 0.0


@dataclass(frozen=True)
class UpcomingTrains:
    """The trains to come under one plan.

    `minutes` (trains, positions) as expected, infinite where a train does not pass; `typical` (trains, positions) headways,
    NaN where unknown. By train: its row among the `trips` of that plan (-1: on none), the number of its random `stream`,
    whether it still `leaves` the terminal, and whether it is `added` to the baseline plan.
    """

    minutes: np.ndarray
    typical: np.ndarray
    trips: np.ndarray
    stream: np.ndarray
    leaves: np.ndarray
    added: np.ndarray


@dataclass(frozen=True)
class MonteCarlo:
    """One direction of the baseline plan as of the end of minute `t0`, with `draws` random draws for each of its trains."""

    day: DirectionDay
    t0: int
    draws: int
    seed: tuple[int, ...]

    @cached_property
    def movement(self) -> Movement:
        """How trains have moved so far."""
        return Movement.fit(self.day, self.t0)

    @cached_property
    def _typical(self) -> np.ndarray:
        """Planned headways of the baseline trips, and a row of NaN for trains on none."""
        minutes = known_trips(self.day).minutes
        return np.concatenate([headways_of(minutes), np.full((1, minutes.shape[1]), np.nan)])

    def upcoming(self, day: DirectionDay, changed: EditedTrips | None = None) -> UpcomingTrains:
        """Return the trains to come on `day`: the baseline day, or the same with its trips `changed`."""
        # `_run` adds train following, anew in each draw.
        expected = day.without_train_following().expected(self.t0, AHEAD_MINS)
        trips = len(known_trips(self.day).minutes)
        origin = expected.trips if changed is None else np.append(changed.origin, -1)[expected.trips]
        under_way = expected.features[:, UNDER_WAY] > 0
        # Streams are numbered: trips of the baseline plan, trains on no trip, added trains.
        place = np.cumsum(under_way) - 1
        added = (expected.trips >= 0) & (origin < 0)
        stream = np.where(origin >= 0, origin, trips + place)
        stream[added] = trips + under_way.sum() + np.arange(added.sum())
        typical = self._typical[origin]
        typical[added] = self._typical_nearby(expected.minutes[added])
        return UpcomingTrains(expected.minutes, typical, expected.trips, stream, ~under_way, added)

    def _typical_nearby(self, minutes: np.ndarray) -> np.ndarray:
        """Return the planned headways of the trips nearest to added trains, for the passengers expect those."""
        trips = known_trips(self.day).minutes
        distance = np.abs(np.nan_to_num(minutes[:, :1], posinf=np.nan) - trips[:, 0])
        nearest = np.argmin(np.where(np.isnan(distance), np.inf, distance), axis=1) if len(minutes) else []
        return np.asarray(self._typical[np.asarray(nearest, dtype=int)])

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
        order = _in_order(upcoming.minutes, self.day.matched.runs.since_first(self.t0))
        last_observed, now = self.day.matched.last_observed(self.t0), self.t0 + 1
        return _run(upcoming, order, delay, deviation, plans, last_observed, self.movement, now)

    def _draws_of(self, upcoming: UpcomingTrains) -> tuple[np.ndarray, np.ndarray]:
        """Return lateness (trains, draws) and deviations of runs (trains, positions, draws), 0 at the first position."""
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
            if expected > expected_ahead[position]:  # else it overtakes by plan
                minute = np.maximum(minute, ahead[position] + movement.min_headway)
                expected_ahead[position] = expected
            minute = np.maximum(minute, now)
            passings[train, position] = minute
            ahead[position] = np.maximum(ahead[position], minute)
            passed[position] = True
            behind = minute - expected
    return passings


def _in_order(minutes: np.ndarray, since_first: np.ndarray) -> np.ndarray:
    """Return trains in order of when they would have left the first position: those furthest ahead come first."""
    return np.argsort((minutes - since_first).min(axis=1, initial=np.inf), kind="stable")


def held_headways(passings: np.ndarray, last_observed: np.ndarray, now: int, leads: int) -> np.ndarray:
    """Return headways held at the end of each minute from `now` on, NaN before a first train: (leads, positions, draws).

    `passings` (trains, positions, draws) as of `MonteCarlo.passings`; `last_observed` (positions,) of the trains before
    them.
    """
    none = np.full((1, *passings.shape[1:]), np.inf)
    arrivals = np.sort(np.concatenate([passings, none]), axis=0)
    first = np.broadcast_to(last_observed[:, None], arrivals.shape[1:])[None]
    with np.errstate(invalid="ignore"):
        headways = arrivals - np.concatenate([first, arrivals[:-1]])
    held = np.full((leads, *passings.shape[1:]), np.nan)
    for lead in range(leads):
        passed = (arrivals < now + lead + 1).sum(axis=0)[None]
        current = np.take_along_axis(headways, np.maximum(passed - 1, 0), axis=0)
        held[lead] = np.where(passed > 0, current, np.nan)[0]
    return held
