"""How the trains of one direction have moved so far today, beside how they were expected to: what chance and crowds do.

Passengers gather while no train comes, so a train with a wide gap ahead takes longer at every stop and falls further behind
(Newell and Potts, 1964): how much is learned as the minutes a run gains for each minute of headway beyond the planned one.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.train_following import headways_of

MIN_RUNS = 100
DEFAULT_DEVIATION_MINS = np.array([-0.4, -0.25, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.45])
"""What runs between two platforms stray by where too few have been seen."""
MAX_DEVIATION_MINS = 15.0
"""A train that takes this much longer has been out of sight, or out of service."""
MAX_LEARNED_DEVIATION_MINS = 2.0
"""A run that strays further was held up by something else than passengers: it does not tell how dwells grow."""
PRIOR_HEADWAY_MINS2 = 100.0
"""Growth is drawn towards none as if so many square minutes of stray headways had shown none."""
MAX_DWELL_GROWTH = 0.3
MIN_TRAINS = 5
MIN_DEPARTURES = 8
DEFAULT_LATENESS_MINS = np.linspace(-0.5, 1.5, 9)
MIN_LATENESS_MINS, MAX_LATENESS_MINS = -3.0, 10.0
APART_QUANTILE, MAX_MIN_HEADWAY_MINS = 0.005, 2.0


@dataclass(frozen=True)
class Movement:
    """`deviations` (runs,), minutes by which runs from one platform to the next were longer than expected, and `pace`, what a
    train keeps of it all the way, in minutes a run; `dwell_growth`, the minutes a run gains per minute of headway beyond the
    planned one; `late` (trains,), minutes behind their trips at which trains left; `min_headway`, the fewest between two."""

    deviations: np.ndarray
    pace: float
    dwell_growth: float
    late: np.ndarray
    min_headway: float

    @classmethod
    def seen(cls, day: DirectionDay, t0: int) -> Self:
        """Learn from the trains known at the end of minute t0; what they do not tell is as `USUAL_…` has it."""
        minutes = np.where(day.trains.minutes < t0 + 1, day.trains.minutes, np.nan)
        if day.trips is None or not len(minutes):
            return cls(DEFAULT_DEVIATION_MINS, 0.0, 0.0, _lateness(day, t0), _apart(minutes))
        deviation, excess = _runs(minutes, day)
        dwell_growth = _growth(deviation, excess)
        rest = deviation - dwell_growth * np.nan_to_num(excess)
        rest = np.where(np.abs(rest) <= MAX_DEVIATION_MINS, rest, np.nan)
        return cls(*_strays(rest), dwell_growth, _lateness(day, t0), _apart(minutes))


def _runs(minutes: np.ndarray, day: DirectionDay) -> tuple[np.ndarray, np.ndarray]:
    """Of every run between two neighbouring platforms, (trains, positions - 1), NaN where not known: minutes beyond the
    expected ones, and of headway beyond the planned one at its end, as it would be without the former."""
    trip, known = day.trips_of_trains, day.trips_of_trains >= 0
    planned, typical = np.full((2, *minutes.shape), np.nan)
    planned[known] = day.trips.minutes[trip[known]]
    typical[known] = headways_of(day.trips.minutes)[trip[known]]
    run = np.diff(planned, axis=1)
    before = minutes - headways_of(minutes)
    return np.diff(minutes, axis=1) - run, (minutes[:, :-1] + run - before[:, 1:]) - typical[:, 1:]


def _growth(deviation: np.ndarray, excess: np.ndarray) -> float:
    told = np.isfinite(deviation) & np.isfinite(excess) & (np.abs(deviation) <= MAX_LEARNED_DEVIATION_MINS)
    deviation, excess = deviation[told], excess[told]
    if not len(deviation):
        return 0.0
    deviation = deviation - np.median(deviation)
    return float(np.clip(excess @ deviation / (excess @ excess + PRIOR_HEADWAY_MINS2), 0.0, MAX_DWELL_GROWTH))


def _strays(rest: np.ndarray) -> tuple[np.ndarray, float]:
    """What is left of runs without the growth of dwells: around their median, and how much of it goes with the train."""
    known = rest[np.isfinite(rest)]
    if len(known) < MIN_RUNS:
        return DEFAULT_DEVIATION_MINS, 0.0
    seen = np.isfinite(rest).sum(axis=1)
    trains = rest[seen > 1]
    if len(trains) < MIN_TRAINS:
        return known - np.median(known), 0.0
    own, runs = np.nanmean(trains, axis=1), seen[seen > 1]
    kept = max(np.var(own) - np.mean(np.nanvar(trains, axis=1, ddof=1) / runs), 0.0)
    return known - np.median(known), float(np.sqrt(kept))


def _lateness(day: DirectionDay, t0: int) -> np.ndarray:
    if day.trips is None:
        return DEFAULT_LATENESS_MINS
    left = day.observed_minutes_of_trips[:, 0]
    late = (left - day.trips.minutes[:, 0])[left < t0 + 1]
    late = late[np.isfinite(late)].clip(MIN_LATENESS_MINS, MAX_LATENESS_MINS)
    return late if len(late) >= MIN_DEPARTURES else np.append(late, DEFAULT_LATENESS_MINS)


def _apart(minutes: np.ndarray) -> float:
    headways = headways_of(minutes)
    known = headways[np.isfinite(headways)]
    return float(min(np.quantile(known, APART_QUANTILE), MAX_MIN_HEADWAY_MINS)) if len(known) else 0.0
