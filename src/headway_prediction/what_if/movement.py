"""How the trains of one direction have moved so far today, beside how they were expected to: what chance and crowds do.

Passengers gather while no train comes, so a train with a wide gap ahead takes longer at every stop and falls further behind
(Newell and Potts, 1964): how much is learned as the minutes a run gains for each minute of headway beyond the planned one.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.expected_trains import DirectionDay
from headway_prediction.forecasters.medians import median_or_nan

FEWEST_RUNS = 100
USUAL_SPREAD_MINS = 0.25
"""What a run between two platforms strays by where too few have been seen."""
PRIOR_HEADWAY_MINS2 = 100.0
"""Growth is drawn towards none as if so many square minutes of stray headways had shown none."""
MOST_GROWTH = 0.3
MOST_STRAY_MINS = 2.0
"""A run that takes this much longer than usual was held up by something else than passengers."""
FEWEST_DEPARTURES = 8
USUAL_LATENESS_MINS = np.linspace(-0.5, 1.5, 9)
LEAST_LATENESS_MINS, MOST_LATENESS_MINS = -3.0, 10.0
APART_QUANTILE, MOST_APART_MINS = 0.005, 2.0


@dataclass(frozen=True)
class Movement:
    """`spread` (minutes) of a run from one platform to the next; `growth`, the minutes it gains per minute of headway beyond
    the planned one; `late` (trains,), minutes behind their trips at which trains left; `apart`, the fewest between two."""

    spread: float
    growth: float
    late: np.ndarray
    apart: float

    @classmethod
    def seen(cls, day: DirectionDay, t0: int) -> Self:
        """Learn from the trains known at the end of minute t0; what they do not tell is as `USUAL_…` has it."""
        minutes = np.where(day.trains.minutes < t0 + 1, day.trains.minutes, np.nan)
        stray, beyond = _runs(minutes, day)
        growth = float(np.clip(beyond @ stray / (beyond @ beyond + PRIOR_HEADWAY_MINS2), 0.0, MOST_GROWTH))
        rest = stray - growth * beyond
        low, high = np.quantile(rest, [0.16, 0.84]) if len(rest) >= FEWEST_RUNS else (-1, 1)
        spread = (high - low) / 2 if len(rest) >= FEWEST_RUNS else USUAL_SPREAD_MINS
        return cls(float(spread), growth, _lateness(day, t0), _apart(minutes))


def usual_headways(minutes: np.ndarray) -> np.ndarray:
    """Return the headway that each trip is planned to have at each position, NaN for the first: (trips, positions)."""
    order = np.argsort(minutes, axis=0, kind="stable")  # NaN last
    sorted_minutes = np.take_along_axis(minutes, order, axis=0)
    headways = np.full_like(minutes, np.nan)
    np.put_along_axis(headways[:], order[1:], np.diff(sorted_minutes, axis=0), axis=0)
    return headways


def _runs(minutes: np.ndarray, day: DirectionDay) -> tuple[np.ndarray, np.ndarray]:
    """Of every run between two neighbouring platforms: minutes beyond the expected ones, and of headway beyond the planned
    one at its end, as it would be without the former."""
    if day.trips is None or not len(minutes):
        return np.empty(0), np.empty(0)
    trip, known = day.trips_of_trains, day.trips_of_trains >= 0
    planned = np.full_like(minutes, np.nan)
    planned[known] = day.trips.minutes[trip[known]]
    usual = np.full_like(minutes, np.nan)
    usual[known] = usual_headways(day.trips.minutes)[trip[known]]
    run = np.diff(planned, axis=1)
    stray = np.diff(minutes, axis=1) - run
    before = minutes - usual_headways(minutes)
    beyond = (minutes[:, :-1] + run - before[:, 1:]) - usual[:, 1:]
    told = np.isfinite(stray) & np.isfinite(beyond) & (np.abs(stray) <= MOST_STRAY_MINS)
    stray, beyond = stray[told], beyond[told]
    return stray - (median_or_nan(stray[:, None])[0] if len(stray) else 0.0), beyond


def _lateness(day: DirectionDay, t0: int) -> np.ndarray:
    if day.trips is None:
        return USUAL_LATENESS_MINS
    left = day.minutes_of_trips[:, 0]
    late = (left - day.trips.minutes[:, 0])[left < t0 + 1]
    late = late[np.isfinite(late)].clip(LEAST_LATENESS_MINS, MOST_LATENESS_MINS)
    return late if len(late) >= FEWEST_DEPARTURES else np.append(late, USUAL_LATENESS_MINS)


def _apart(minutes: np.ndarray) -> float:
    headways = usual_headways(minutes)
    known = headways[np.isfinite(headways)]
    return float(min(np.quantile(known, APART_QUANTILE), MOST_APART_MINS)) if len(known) else 0.0
