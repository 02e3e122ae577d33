"""What the trains of one direction showed on a day, section by section: with which headways, and how far off their times.

How trains run behind one another: a late train becomes later, the one behind it closes up, and each keeps its own pace.

Passengers gather while no train comes, so that a run takes longer the longer the headway before it (Newell and Potts, 1964:
"Maintaining a bus schedule"); signals keep trains apart; and a train that was slow so far goes on slowly. What of this holds
on a line is learned from its training days (`fit_train_following`); where nothing does, trains simply run on.


Learning from training days how trains run behind one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Sections:
    """The runs of a day's trains from each position to the next.

    `headway_excess` (trains, positions): minutes that the headway with which each train passed is beyond the usual one. `run_mins` and
    `typical` (trains, positions - 1): minutes that its run onward took, and was to take. `headways` (trains, positions): the
    headways themselves. NaN where it was not seen. What is known of a passing rests on earlier ones alone.
    """

    headways: np.ndarray
    headway_excess: np.ndarray
    run_mins: np.ndarray
    typical: np.ndarray

    @classmethod
    def of(
        cls, minutes: np.ndarray, trips: np.ndarray | None, running: np.ndarray, typical_headways: np.ndarray
    ) -> Self:
        """Make them of `minutes` (trains, positions), when the trip of each train was to pass (NaN where none is known;
        None where no trips are), the usual `running` times (hours, positions - 1) and headways (half-hours, positions)."""
        positions = np.arange(minutes.shape[1])
        clock = np.nan_to_num(minutes).clip(0).astype(int)
        half_hours = np.minimum(clock // 30, len(typical_headways) - 1)
        hours = np.minimum(clock[:, :-1] // 60, len(running) - 1)
        typical = running[hours, positions[:-1]]
        if trips is not None:
            along = np.diff(trips, axis=1)
            typical = np.where(np.isfinite(along), along, typical)
        headways = headways_of(minutes)
        return cls(
            headways, headways - typical_headways[half_hours, positions], np.diff(minutes, axis=1), typical
        )

    @classmethod
    def of_days(cls, days: Sequence["Sections"]) -> Self:
        """Return the trains of several days together."""
        names = ("headways", "headway_excess", "run_mins", "typical")
        return cls(*(np.concatenate([getattr(day, name) for day in days]) for name in names))


def headways_of(minutes: np.ndarray) -> np.ndarray:
    """Return the minutes since the train before at each position, NaN for the first: both (trains, positions)."""
    order = np.argsort(minutes, axis=0, kind="stable")
    since_previous = np.diff(np.take_along_axis(minutes, order, axis=0), axis=0)
    headways = np.full(minutes.shape, np.nan)
    np.put_along_axis(headways, order[1:], since_previous, axis=0)
    return headways


MAX_HEADWAY_EXCESS_MINS = 15.0
"""A headway is taken to be at most so much longer or shorter than usual: further off, nothing has been learned."""
ARRAYS, NUMBERS = ("dwell_growth", "dwell_offset", "min_headway"), ("pace_shrinkage", "max_slowness")


@dataclass(frozen=True)
class TrainFollowing:
    """What was learned of one direction.

    `dwell_growth` (positions,): minutes that the run onward from a position takes longer for each minute that the headway there
    is beyond the usual one; `dwell_offset` (positions,): minutes that it takes longer after the usual headway. `min_headway`
    (positions,): least minutes between two trains there. `pace_shrinkage`: a train's own pace is half believed after so many
    sections, infinite where it tells nothing; `max_slowness`: a section tells at most so many minutes of it.
    """

    dwell_growth: np.ndarray
    dwell_offset: np.ndarray
    min_headway: np.ndarray
    pace_shrinkage: float = np.inf
    max_slowness: float = 0.0

    @classmethod
    def none(cls, positions: int) -> Self:
        """Return what holds where trains simply run on."""
        return cls(*np.zeros((3, positions)))

    def delay(self, headway_excess: np.ndarray, at: np.ndarray | slice | int = slice(None)) -> np.ndarray:
        """Return minutes that runs onward from the positions `at` take longer after headways `headway_excess` usual (minutes, NaN
        where unknown, which tells nothing), one for each; both have the same shape."""
        known = np.clip(headway_excess, -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
        return np.where(np.isnan(known), 0.0, self.dwell_offset[at] + self.dwell_growth[at] * known)

    def slowness(self, sections: Sections) -> np.ndarray:
        """Return minutes that each run took longer than it was to take after its headway: (trains, positions - 1)."""
        delay = self.delay(sections.headway_excess)[:, :-1]
        return np.clip(sections.run_mins - sections.typical - delay, -self.max_slowness, self.max_slowness)

    def pace(self, slowness: np.ndarray, typical: np.ndarray, run: np.ndarray) -> np.ndarray:
        """Return by which share of its usual running times each train is slow: (trains,).

        `slowness` and `typical` (trains, positions - 1) are minutes by section, `run` tells the sections that count.
        """
        run = run & np.isfinite(slowness)
        count = run.sum(axis=1)
        share = np.where(run, slowness, 0.0).sum(axis=1) / np.maximum(
            np.where(run, typical, 0.0).sum(axis=1), 1.0
        )
        return share * count / (count + self.pace_shrinkage)

    def apply(self, minutes: np.ndarray, last_observed: np.ndarray, typical: np.ndarray) -> np.ndarray:
        """Return expected `minutes` (trains, positions; infinite where a train will not pass) as the trains follow.

        `last_observed` (positions,) is when the last train passed, NaN before the first; `typical` (positions,) are the usual
        headways of the hour. Position by position trains keep apart, and what a headway does to a run is carried along.
        """
        moved, shift, reached = minutes.copy(), np.zeros(len(minutes)), np.full(len(minutes), -np.inf)
        for position in range(minutes.shape[1]):
            passing = np.flatnonzero(np.isfinite(minutes[:, position]))
            tentative = np.maximum(minutes[passing, position] + shift[passing], reached[passing])
            order = np.argsort(tentative, kind="stable")
            passing, last = passing[order], last_observed[position]
            apart = with_min_headway(tentative[order], last, self.min_headway[position])
            moved[passing, position] = reached[passing] = apart
            delay = self.delay(np.diff(apart, prepend=last) - typical[position], position)
            shift[passing] = apart - minutes[passing, position] + delay
        return moved

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_{name}": np.asarray(getattr(self, name)) for name in (*ARRAYS, *NUMBERS)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        arrays = (state[f"{prefix}_{name}"] for name in ARRAYS)
        return cls(*arrays, *(float(state[f"{prefix}_{name}"]) for name in NUMBERS))


def with_min_headway(minutes: np.ndarray, last_observed: float, min_headway: float) -> np.ndarray:
    """Return sorted `minutes` (trains,), each at least `min_headway` after the one before; `last_observed` is before the first."""
    steps = min_headway * np.arange(1, len(minutes) + 1)
    ahead = np.maximum.accumulate(minutes - steps)
    return (ahead if np.isnan(last_observed) else np.maximum(ahead, last_observed)) + steps


MIN_HEADWAY_QUANTILE = 0.01
"""Closer to one another than this share of the trains came, none is expected (chosen on days of dublin-dart)."""
FREE_HEADWAYS = 2.0
"""A train at so many least headways behind another is not held by it."""
MIN_RUNS, STANDARD_ERRORS = 30, 3.0
"""How many runs must have been seen, and how many standard errors a growth must have, to be believed."""
MAX_DWELL_GROWTH = 0.3
MAX_SPREADS = 3.0
IQR_TO_STANDARD_DEVIATION = 0.7413
"""The standard deviation of a normal distribution, in distances between its quartiles."""
PACE_SHRINKAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SECTIONS_AHEAD = 8
MAX_ERROR_SHARE = 0.98
"""A pace is believed when it leaves less than this share of the squared error of the sections ahead."""


def fit_train_following(sections: Sections) -> TrainFollowing:
    """Learn all that trains of training days show: distances, growth and pace."""
    positions = sections.headways.shape[1]
    min_headway = np.array([_min_headway(sections.headways[:, position]) for position in range(positions)])
    max_slowness = MAX_SPREADS * _spread(sections.run_mins - sections.typical)
    free = sections.headways > FREE_HEADWAYS * min_headway
    dwell_growth, dwell_offset = np.zeros(positions), np.zeros(positions)
    for position in range(positions - 1):
        at = free[:, position]
        off = (sections.run_mins - sections.typical)[at, position]
        dwell_growth[position], dwell_offset[position] = _fit_dwell_growth(
            sections.headway_excess[at, position], off, max_slowness
        )
    known = TrainFollowing(dwell_growth, dwell_offset, min_headway, max_slowness=max_slowness)
    slowness = np.where(free[:, 1:], known.slowness(sections), np.nan)
    return replace(known, pace_shrinkage=_best_pace_shrinkage(known, slowness, sections.typical))


def _min_headway(headways: np.ndarray) -> float:
    known = headways[np.isfinite(headways)]
    return float(np.quantile(known, MIN_HEADWAY_QUANTILE)) if len(known) >= MIN_RUNS else 0.0


def _spread(minutes: np.ndarray) -> float:
    """Standard deviation without the tails."""
    known = minutes[np.isfinite(minutes)]
    return (
        float(IQR_TO_STANDARD_DEVIATION * np.subtract(*np.quantile(known, [0.75, 0.25])))
        if len(known)
        else 0.0
    )


def _fit_dwell_growth(
    headway_excess: np.ndarray, off: np.ndarray, max_slowness: float
) -> tuple[float, float]:
    """Slope of the minutes off against those beyond usual, and the minutes off at usual; zeros where it may be chance."""
    known = np.isfinite(headway_excess) & np.isfinite(off)
    if known.sum() < MIN_RUNS:
        return 0.0, 0.0
    x = np.clip(headway_excess[known], -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
    middle = np.median(off[known])
    y = middle + np.clip(off[known] - middle, -max_slowness, max_slowness)
    from_mean = x - x.mean()
    weight = max(float((from_mean**2).sum()), 1.0)
    slope = float((from_mean * y).sum() / weight)
    error = (y - y.mean() - slope * from_mean).std() / np.sqrt(weight)
    if abs(slope) <= STANDARD_ERRORS * error:
        return 0.0, 0.0
    slope = float(np.clip(slope, -MAX_DWELL_GROWTH, MAX_DWELL_GROWTH))
    return slope, float(y.mean() - slope * x.mean())


def _best_pace_shrinkage(known: TrainFollowing, slowness: np.ndarray, typical: np.ndarray) -> float:
    """After how many sections a pace is half believed when the next sections are told best; infinite where none is."""
    told = {trust: replace(known, pace_shrinkage=trust) for trust in (*PACE_SHRINKAGES, np.inf)}
    errors = dict.fromkeys(told, 0.0)
    observed, places = np.isfinite(slowness), np.arange(slowness.shape[1])
    for at in range(1, slowness.shape[1]):
        ahead = observed & (places >= at) & (places < at + SECTIONS_AHEAD)
        coming, length = (np.where(ahead, part, 0.0).sum(axis=1) for part in (slowness, typical))
        for trust, train_following in told.items():
            pace = train_following.pace(slowness, typical, places < at)
            errors[trust] += float(((coming - pace * length) ** 2).sum())
    best = min(PACE_SHRINKAGES, key=errors.get)
    return best if errors[best] < MAX_ERROR_SHARE * errors[np.inf] else np.inf
