"""How the trains of one direction have moved so far today, beside how they were expected to: what chance and crowds do.

Passengers gather while no train comes, so a train with a wide gap ahead takes longer at every stop and falls further behind
(Newell and Potts, 1964): how much is learned as the minutes a run gains for each minute of headway beyond the planned one.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.sections import headways_of

FEWEST_RUNS = 100
USUAL_STRAY_MINS = np.array([-0.4, -0.25, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.45])
"""What runs between two platforms stray by where too few have been seen."""
MOST_STRAY_MINS = 15.0
"""A train that takes this much longer has been out of sight, or out of service."""
LEARNED_STRAY_MINS = 2.0
"""A run that strays further was held up by something else than passengers: it does not tell how dwells grow."""
PRIOR_HEADWAY_MINS2 = 100.0
"""Growth is drawn towards none as if so many square minutes of stray headways had shown none."""
MOST_GROWTH = 0.3
FEWEST_TRAINS = 5
FEWEST_DEPARTURES = 8
USUAL_LATENESS_MINS = np.linspace(-0.5, 1.5, 9)
LEAST_LATENESS_MINS, MOST_LATENESS_MINS = -3.0, 10.0
APART_QUANTILE, MOST_APART_MINS = 0.005, 2.0


@dataclass(frozen=True)
class Movement:
    """`strays` (runs,), minutes by which runs from one platform to the next were longer than expected, and `pace`, what a
    train keeps of it all the way, in minutes a run; `growth`, the minutes a run gains per minute of headway beyond the
    planned one; `late` (trains,), minutes behind their trips at which trains left; `apart`, the fewest between two."""

    strays: np.ndarray
    pace: float
    growth: float
    late: np.ndarray
    apart: float

    @classmethod
    def seen(cls, day: DirectionDay, t0: int) -> Self:
        """Learn from the trains known at the end of minute t0; what they do not tell is as `USUAL_…` has it."""
        minutes = np.where(day.trains.minutes < t0 + 1, day.trains.minutes, np.nan)
        if day.trips is None or not len(minutes):
            return cls(USUAL_STRAY_MINS, 0.0, 0.0, _lateness(day, t0), _apart(minutes))
        stray, beyond = _runs(minutes, day)
        growth = _growth(stray, beyond)
        rest = stray - growth * np.nan_to_num(beyond)
        rest = np.where(np.abs(rest) <= MOST_STRAY_MINS, rest, np.nan)
        return cls(*_strays(rest), growth, _lateness(day, t0), _apart(minutes))


def _runs(minutes: np.ndarray, day: DirectionDay) -> tuple[np.ndarray, np.ndarray]:
    """Of every run between two neighbouring platforms, (trains, positions - 1), NaN where not known: minutes beyond the
    expected ones, and of headway beyond the planned one at its end, as it would be without the former."""
    trip, known = day.trips_of_trains, day.trips_of_trains >= 0
    planned, usual = np.full((2, *minutes.shape), np.nan)
    planned[known] = day.trips.minutes[trip[known]]
    usual[known] = headways_of(day.trips.minutes)[trip[known]]
    run = np.diff(planned, axis=1)
    before = minutes - headways_of(minutes)
    return np.diff(minutes, axis=1) - run, (minutes[:, :-1] + run - before[:, 1:]) - usual[:, 1:]


def _growth(stray: np.ndarray, beyond: np.ndarray) -> float:
    told = np.isfinite(stray) & np.isfinite(beyond) & (np.abs(stray) <= LEARNED_STRAY_MINS)
    stray, beyond = stray[told], beyond[told]
    if not len(stray):
        return 0.0
    stray = stray - np.median(stray)
    return float(np.clip(beyond @ stray / (beyond @ beyond + PRIOR_HEADWAY_MINS2), 0.0, MOST_GROWTH))


def _strays(rest: np.ndarray) -> tuple[np.ndarray, float]:
    """What is left of runs without the growth of dwells: around their median, and how much of it goes with the train."""
    known = rest[np.isfinite(rest)]
    if len(known) < FEWEST_RUNS:
        return USUAL_STRAY_MINS, 0.0
    seen = np.isfinite(rest).sum(axis=1)
    trains = rest[seen > 1]
    if len(trains) < FEWEST_TRAINS:
        return known - np.median(known), 0.0
    own, runs = np.nanmean(trains, axis=1), seen[seen > 1]
    kept = max(np.var(own) - np.mean(np.nanvar(trains, axis=1, ddof=1) / runs), 0.0)
    return known - np.median(known), float(np.sqrt(kept))


def _lateness(day: DirectionDay, t0: int) -> np.ndarray:
    if day.trips is None:
        return USUAL_LATENESS_MINS
    left = day.minutes_of_trips[:, 0]
    late = (left - day.trips.minutes[:, 0])[left < t0 + 1]
    late = late[np.isfinite(late)].clip(LEAST_LATENESS_MINS, MOST_LATENESS_MINS)
    return late if len(late) >= FEWEST_DEPARTURES else np.append(late, USUAL_LATENESS_MINS)


def _apart(minutes: np.ndarray) -> float:
    headways = headways_of(minutes)
    known = headways[np.isfinite(headways)]
    return float(min(np.quantile(known, APART_QUANTILE), MOST_APART_MINS)) if len(known) else 0.0
