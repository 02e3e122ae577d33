"""Train following: minimum headways between trains, dwell times that grow with the headway, and each train's own pace.

Three effects change how trains run behind one another. Passengers gather while no train comes, so the run after a long
headway takes longer (Newell and Potts, 1964, "Maintaining a bus schedule"): *dwell growth*. Signals enforce a *minimum
headway*. A train that was slow so far stays slow: its *pace*. `fit_train_following` estimates all three per direction from
training days; `TrainFollowing.none` stands for trains that do not influence one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

MAX_HEADWAY_EXCESS_MINS = 15.0
"""Headway excesses are clipped to this: the fit has no data beyond it."""
MIN_HEADWAY_QUANTILE = 0.01
"""The minimum headway is this quantile of the observed headways (chosen on training days of dublin-dart)."""
FREE_HEADWAYS = 2.0
"""A train runs freely when its headway is more than this many minimum headways."""
MIN_RUNS = 30
MIN_STANDARD_ERRORS = 3.0
"""Dwell growth is used only where its slope exceeds this many standard errors."""
MAX_DWELL_GROWTH = 0.3
MAX_SPREADS = 3.0
IQR_TO_STANDARD_DEVIATION = 0.7413
"""Standard deviation of a normal distribution, in interquartile ranges."""
PACE_SHRINKAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SECTIONS_AHEAD = 8
MAX_PACE_ERROR_SHARE = 0.98
"""A pace is used only if it leaves less than this share of the squared error over the sections ahead."""


@dataclass(frozen=True)
class Sections:
    """The runs of trains from each position to the next, NaN where not observed.

    `headways` (trains, positions): minutes behind the previous train. `headway_excess` (trains, positions): minutes by
    which that exceeds the typical headway. `run_mins` and `typical` (trains, positions - 1): observed and expected minutes
    of the run onward. The values of a passing depend on earlier passings only.
    """

    headways: np.ndarray
    headway_excess: np.ndarray
    run_mins: np.ndarray
    typical: np.ndarray

    @classmethod
    def of(
        cls, minutes: np.ndarray, trips: np.ndarray | None, running: np.ndarray, typical_headways: np.ndarray
    ) -> Self:
        """Compute the sections of one day.

        `minutes` (trains, positions) are the observed passings; `trips` the expected ones of each train's trip (NaN where
        its trip is unknown, None without trips). Expected runs come from `trips`, else from the typical `running` times
        (hours, positions - 1). `typical_headways` has shape (half-hours, positions).
        """
        positions = np.arange(minutes.shape[1])
        clock = np.nan_to_num(minutes).clip(0).astype(int)
        half_hours = np.minimum(clock // 30, len(typical_headways) - 1)
        hours = np.minimum(clock[:, :-1] // 60, len(running) - 1)
        typical = running[hours, positions[:-1]]
        if trips is not None:
            of_trip = np.diff(trips, axis=1)
            typical = np.where(np.isfinite(of_trip), of_trip, typical)
        headways = headways_of(minutes)
        excess = headways - typical_headways[half_hours, positions]
        return cls(headways, excess, np.diff(minutes, axis=1), typical)

    @classmethod
    def of_days(cls, days: Sequence["Sections"]) -> Self:
        """Concatenate the trains of several days."""
        names = ("headways", "headway_excess", "run_mins", "typical")
        return cls(*(np.concatenate([getattr(day, name) for day in days]) for name in names))


def headways_of(minutes: np.ndarray) -> np.ndarray:
    """Return minutes since the previous train at each position, NaN for the first train: (trains, positions)."""
    order = np.argsort(minutes, axis=0, kind="stable")
    since_previous = np.diff(np.take_along_axis(minutes, order, axis=0), axis=0)
    headways = np.full(minutes.shape, np.nan)
    np.put_along_axis(headways, order[1:], since_previous, axis=0)
    return headways


@dataclass(frozen=True)
class TrainFollowing:
    """Parameters of one direction.

    `dwell_growth` (positions,): extra minutes of the run onward per minute of headway excess; `dwell_offset` (positions,):
    extra minutes at the typical headway. `min_headway` (positions,): minimum minutes between two trains.
    `pace_shrinkage`: number of sections after which half of a train's observed pace is used, infinite for no pace;
    `max_slowness`: slowness of one section is clipped to this many minutes.
    """

    dwell_growth: np.ndarray
    dwell_offset: np.ndarray
    min_headway: np.ndarray
    pace_shrinkage: float = np.inf
    max_slowness: float = 0.0

    @classmethod
    def none(cls, positions: int) -> Self:
        """Return parameters under which trains do not influence one another."""
        return cls(np.zeros(positions), np.zeros(positions), np.zeros(positions))

    @property
    def changes_runs(self) -> bool:
        """Whether a train runs differently for its own pace or headway."""
        return bool(np.isfinite(self.pace_shrinkage) or self.dwell_growth.any() or self.dwell_offset.any())

    def delay(self, headway_excess: np.ndarray, at: np.ndarray | slice | int = slice(None)) -> np.ndarray:
        """Return extra minutes of the runs onward from positions `at`, 0 where `headway_excess` is NaN; same shape."""
        known = np.clip(headway_excess, -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
        return np.where(np.isnan(known), 0.0, self.dwell_offset[at] + self.dwell_growth[at] * known)

    def slowness(self, sections: Sections) -> np.ndarray:
        """Return observed minus expected run minutes, dwell growth accounted for: (trains, positions - 1)."""
        delay = self.delay(sections.headway_excess)[:, :-1]
        slowness = sections.run_mins - sections.typical - delay
        return np.asarray(np.clip(slowness, -self.max_slowness, self.max_slowness))

    def pace(self, slowness: np.ndarray, typical: np.ndarray, run: np.ndarray) -> np.ndarray:
        """Return the share of typical running time by which each train is slow: (…, trains).

        `slowness` and `typical` (trains, positions - 1) are minutes by section; `run` (…, trains, positions - 1) masks the
        sections already run.
        """
        run = run & np.isfinite(slowness)
        count = run.sum(axis=-1)
        length = np.maximum(np.where(run, typical, 0.0).sum(axis=-1), 1.0)
        share = np.where(run, slowness, 0.0).sum(axis=-1) / length
        pace: np.ndarray = share * count / (count + self.pace_shrinkage)
        return pace

    def apply(self, minutes: np.ndarray, last_observed: np.ndarray, typical: np.ndarray) -> np.ndarray:
        """Return expected `minutes` (…, trains, positions) after train following, infinite where a train will not pass.

        `last_observed` (…, positions) is the last passing, NaN before the first; `typical` (…, positions) the typical
        headways. Works position by position and carries the delay of each train along.
        """
        moved, passes = minutes.copy(), np.isfinite(minutes)
        shift, reached = np.zeros(minutes.shape[:-1]), np.full(minutes.shape[:-1], -np.inf)
        trains = minutes.shape[-2]
        rows = np.arange(shift.size).reshape(shift.shape) // max(trains, 1) * trains
        with np.errstate(invalid="ignore"):  # what does not pass is infinite
            for position in range(minutes.shape[-1]):
                expected, passing = minutes[..., position], passes[..., position]
                # Trains that do not pass are infinitely late: they come last and delay no other.
                tentative = np.maximum(expected + shift, reached)
                order = np.argsort(tentative, axis=-1, kind="stable") + rows
                last = last_observed[..., position, None]
                separated = with_min_headway(tentative.reshape(-1)[order], last, self.min_headway[position])
                delay = self._delay_behind(separated, last, typical[..., position, None], position)
                separated, delay = _put_back(separated, order), _put_back(delay, order)
                moved[..., position] = np.where(passing, separated, np.inf)
                reached = np.where(passing, separated, reached)
                shift = np.where(passing, separated - expected + delay, shift)
        return moved

    def _delay_behind(
        self, minutes: np.ndarray, last_observed: np.ndarray, typical: np.ndarray, position: int
    ) -> np.ndarray:
        """Extra minutes of the runs onward of trains that pass a position at sorted `minutes` (…, trains)."""
        if not self.dwell_growth[position] and not self.dwell_offset[position]:
            return np.zeros(minutes.shape)
        headways = np.diff(minutes, axis=-1, prepend=last_observed)
        return self.delay(headways - typical, position)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the parameters as arrays under names that begin with `prefix`."""
        names = ("dwell_growth", "dwell_offset", "min_headway", "pace_shrinkage", "max_slowness")
        return {f"{prefix}_{name}": np.asarray(getattr(self, name)) for name in names}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        return cls(
            state[f"{prefix}_dwell_growth"],
            state[f"{prefix}_dwell_offset"],
            state[f"{prefix}_min_headway"],
            float(state[f"{prefix}_pace_shrinkage"]),
            float(state[f"{prefix}_max_slowness"]),
        )


def _put_back(in_order: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return what was sorted in its former order; `order` are the places in the flattened array."""
    values = np.empty(in_order.size)
    values[order.reshape(-1)] = in_order.reshape(-1)
    return values.reshape(in_order.shape)


def with_min_headway(minutes: np.ndarray, last_observed: np.ndarray, min_headway: float) -> np.ndarray:
    """Delay sorted `minutes` (…, trains) until each is `min_headway` after the previous one, the first after
    `last_observed` (…, 1), NaN where nothing was observed."""
    steps = min_headway * np.arange(1, minutes.shape[-1] + 1)
    ahead = np.maximum.accumulate(minutes - steps, axis=-1)
    separated: np.ndarray = np.fmax(ahead, last_observed) + steps
    return separated


def fit_train_following(sections: Sections) -> TrainFollowing:
    """Estimate minimum headways, dwell growth and the weight of the pace from the sections of training days."""
    positions = sections.headways.shape[1]
    min_headway = np.array([_min_headway(sections.headways[:, position]) for position in range(positions)])
    excess_run_mins = sections.run_mins - sections.typical
    max_slowness = MAX_SPREADS * _robust_spread(excess_run_mins)
    free = sections.headways > FREE_HEADWAYS * min_headway
    growth, offset = np.zeros(positions), np.zeros(positions)
    for position in range(positions - 1):
        at = free[:, position]
        growth[position], offset[position] = _dwell_growth(
            sections.headway_excess[at, position], excess_run_mins[at, position], max_slowness
        )
    fitted = TrainFollowing(growth, offset, min_headway, max_slowness=max_slowness)
    slowness = np.where(free[:, 1:], fitted.slowness(sections), np.nan)
    return replace(fitted, pace_shrinkage=_best_pace_shrinkage(fitted, slowness, sections.typical))


def _min_headway(headways: np.ndarray) -> float:
    known = headways[np.isfinite(headways)]
    return float(np.quantile(known, MIN_HEADWAY_QUANTILE)) if len(known) >= MIN_RUNS else 0.0


def _robust_spread(minutes: np.ndarray) -> float:
    """Standard deviation estimated from the interquartile range, so that tails do not count."""
    known = minutes[np.isfinite(minutes)]
    if not len(known):
        return 0.0
    return float(IQR_TO_STANDARD_DEVIATION * np.subtract(*np.quantile(known, [0.75, 0.25])))


def _dwell_growth(excess: np.ndarray, extra: np.ndarray, max_slowness: float) -> tuple[float, float]:
    """Regress extra run minutes on headway excess: slope and intercept, both 0 where the slope is not significant."""
    known = np.isfinite(excess) & np.isfinite(extra)
    if known.sum() < MIN_RUNS:
        return 0.0, 0.0
    x = np.clip(excess[known], -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
    median = np.median(extra[known])
    y = median + np.clip(extra[known] - median, -max_slowness, max_slowness)
    from_mean = x - x.mean()
    weight = max(float((from_mean**2).sum()), 1.0)
    slope = float((from_mean * y).sum() / weight)
    error = (y - y.mean() - slope * from_mean).std() / np.sqrt(weight)
    if abs(slope) <= MIN_STANDARD_ERRORS * error:
        return 0.0, 0.0
    slope = float(np.clip(slope, -MAX_DWELL_GROWTH, MAX_DWELL_GROWTH))
    return slope, float(y.mean() - slope * x.mean())


def _best_pace_shrinkage(fitted: TrainFollowing, slowness: np.ndarray, typical: np.ndarray) -> float:
    """Return the shrinkage whose pace predicts the next sections best; infinite (no pace) where none predicts them."""
    candidates = {value: replace(fitted, pace_shrinkage=value) for value in (*PACE_SHRINKAGES, np.inf)}
    errors = dict.fromkeys(candidates, 0.0)
    observed, sections = np.isfinite(slowness), np.arange(slowness.shape[1])
    for at in range(1, slowness.shape[1]):
        ahead = observed & (sections >= at) & (sections < at + SECTIONS_AHEAD)
        coming, length = (np.where(ahead, part, 0.0).sum(axis=1) for part in (slowness, typical))
        for value, candidate in candidates.items():
            pace = candidate.pace(slowness, typical, sections < at)
            errors[value] += float(((coming - pace * length) ** 2).sum())
    best = min(PACE_SHRINKAGES, key=lambda value: errors[value])
    return best if errors[best] < MAX_PACE_ERROR_SHARE * errors[np.inf] else np.inf
