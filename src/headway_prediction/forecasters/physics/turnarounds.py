"""Turnarounds: a train that arrives late at the end of one direction departs late in the other.

Many plans do not state which trip a vehicle works next, but the clock shows it: departures of a direction follow arrivals
of the other at steady intervals, and a train must arrive and turn before it departs. `fit_turnarounds` estimates the
interval and the minimum turnaround time from training days, one type of turnaround after the other, as long as each
explains departures clearly better than the trips' own typical minutes do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay, InboundTrips
from headway_prediction.forecasters.physics.trip_table import nearest_pairs

INTERVALS_MINS = np.arange(2.0, 46.0)
SAME_INTERVAL_MINS = 1.5
SLACK_MINS = np.arange(0.0, 15.0, 0.5)
MAX_TURNAROUND_TYPES = 3
MIN_PAIRS = 20
MIN_HELD_UP = 10
"""A type needs this many observed pairs, and this many departures that a late arrival held up."""
MAX_ERROR_SHARE = 0.9
MIN_STANDARD_ERRORS = 2.0
"""A type is used when it leaves under this share of the departures' error, and the gain is this many standard errors."""
MAX_ERROR_MINS = 15.0
"""Larger departure errors count as this: they have other causes."""


@dataclass(frozen=True)
class Turnarounds:
    """Turnaround types into one direction: typical `interval` from arrival to departure and `min_turnaround`, in minutes,
    each (types,)."""

    interval: np.ndarray
    min_turnaround: np.ndarray

    def inbound(self, departing: DirectionDay, arriving: DirectionDay) -> InboundTrips | None:
        """Return the arriving trip that feeds each departing trip; None where trips or turnarounds are unknown."""
        if departing.matched.trips is None or arriving.matched.trips is None or not len(self.interval):
            return None
        departures, arrivals = (
            departing.matched.trips.minutes[:, 0].copy(),
            arriving.matched.trips.minutes[:, -1].copy(),
        )
        trip, min_turnaround = np.full(len(departures), -1), np.zeros(len(departures))
        for interval, shortest in zip(self.interval, self.min_turnaround, strict=True):
            for arrival, departure in _pairs(arrivals, departures, interval):
                trip[departure], min_turnaround[departure] = arrival, shortest
                arrivals[arrival] = departures[departure] = np.nan
        return InboundTrips(arriving, trip, min_turnaround)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_interval": self.interval, f"{prefix}_min_turnaround": self.min_turnaround}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        return cls(state[f"{prefix}_interval"], state[f"{prefix}_min_turnaround"])


class TerminalDay(NamedTuple):
    """One training day at the terminal where one direction ends and the other begins, in service-day minutes.

    Expected `arrivals` and `departures`, observed `arrived` and `departed` (NaN where not observed), each (trips,) of its
    direction.
    """

    arrivals: np.ndarray
    arrived: np.ndarray
    departures: np.ndarray
    departed: np.ndarray


def terminal_of_day(departing: DirectionDay, arriving: DirectionDay) -> TerminalDay | None:
    """Return a day's expected and observed times at the terminal; None where no trips are known."""
    if departing.matched.trips is None or arriving.matched.trips is None:
        return None
    arrived = arriving.matched.observed_minutes_of_trips[:, -1]
    departed = departing.matched.observed_minutes_of_trips[:, 0]
    return TerminalDay(
        arriving.matched.trips.minutes[:, -1], arrived, departing.matched.trips.minutes[:, 0], departed
    )


def fit_turnarounds(days: Sequence[TerminalDay]) -> Turnarounds:
    """Estimate the turnaround types of training days, the most explanatory first; no types where none explains anything."""
    types: list[tuple[float, float]] = []
    days = [TerminalDay(*(part.copy() for part in day)) for day in days]
    while len(types) < MAX_TURNAROUND_TYPES and (found := _best_type(days)) is not None:
        types.append(found)
        _remove_pairs(days, found[0])
    interval, min_turnaround = np.array(types).reshape(-1, 2).T
    return Turnarounds(interval, min_turnaround)


def _best_type(days: Sequence[TerminalDay]) -> tuple[float, float] | None:
    """The interval and minimum turnaround that explain most departure error, None where none does clearly."""
    best, best_gain = None, 0.0
    for interval in INTERVALS_MINS:
        pairs = [pair for day in days for pair in _observed_pairs(day, interval)]
        if len(pairs) < MIN_PAIRS:
            continue
        arrived, expected, departed = np.array(pairs).T
        for shortest in interval - SLACK_MINS[interval - SLACK_MINS >= 0]:
            gain = _gain(arrived, expected, departed, shortest)
            if gain > best_gain:
                best, best_gain = (float(interval), float(shortest)), gain
    return best


def _gain(arrived: np.ndarray, expected: np.ndarray, departed: np.ndarray, min_turnaround: float) -> float:
    """Minutes of departure error that a minimum turnaround removes over all pairs; 0 where it is not significant."""
    held_up = np.maximum(expected, arrived + min_turnaround)
    without, with_turnaround = (
        np.minimum(np.abs(departed - when), MAX_ERROR_MINS) for when in (expected, held_up)
    )
    gains = without - with_turnaround
    enough = (held_up > expected).sum() >= MIN_HELD_UP
    clear = with_turnaround.mean() < MAX_ERROR_SHARE * without.mean()
    significant = gains.mean() > MIN_STANDARD_ERRORS * gains.std() / np.sqrt(len(gains))
    return float(gains.sum()) if enough and clear and significant else 0.0


def _observed_pairs(day: TerminalDay, interval: float) -> list[tuple[float, float, float]]:
    """Observed arrival, expected departure and observed departure of each pair."""
    pairs = [
        (day.arrived[arrival], day.departures[departure], day.departed[departure])
        for arrival, departure in _pairs(day.arrivals, day.departures, interval)
    ]
    return [pair for pair in pairs if np.isfinite(pair).all()]


def _remove_pairs(days: Sequence[TerminalDay], interval: float) -> None:
    for day in days:
        for arrival, departure in _pairs(day.arrivals, day.departures, interval):
            day.arrivals[arrival] = day.departures[departure] = np.nan


def _pairs(arrivals: np.ndarray, departures: np.ndarray, interval: float) -> list[tuple[int, int]]:
    """Arrivals and departures expected `interval` apart, closest match first, each in one pair at most."""
    misfit = np.abs(departures[None] - arrivals[:, None] - interval)
    return nearest_pairs(np.where(np.isnan(misfit), np.inf, misfit), SAME_INTERVAL_MINS)
