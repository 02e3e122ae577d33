"""Turn-rounds: a train that arrives late at the end of one direction leaves late in the other.

Which trip feeds which is not in every plan, but the clock shows it: the departures of a direction follow arrivals of the
other at steady intervals, and a train must come and turn before it leaves. Both intervals are learned on training days,
one kind of turn-round after the other, as long as they explain departures clearly better than the trips' own usual minutes.
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
MIN_PAIRS, MIN_HELD_UP = 20, 10
"""Pairs that a kind of turn-round must have been seen in, and how many of these a late arrival must have held up."""
MAX_ERROR_SHARE, STANDARD_ERRORS = 0.9, 2.0
"""A kind of turn-round is believed when departures err under this share of what they err by without it, and the gain is that
many of its standard errors."""
MAX_ERROR_MINS = 15.0
"""A departure that is further off counts as this: something else happened to it."""


@dataclass(frozen=True)
class Turnarounds:
    """Kinds of turn-round into one direction: the usual `interval` from arrival to departure and the `min_turnaround` that a turn
    takes, each (kinds,) in minutes."""

    interval: np.ndarray
    min_turnaround: np.ndarray

    def inbound(self, departing: DirectionDay, arriving: DirectionDay) -> InboundTrips | None:
        """Return which trips of the arriving direction feed those of the departing one; None where none is known to."""
        if departing.trips is None or arriving.trips is None or not len(self.interval):
            return None
        departures, arrivals = departing.trips.minutes[:, 0].copy(), arriving.trips.minutes[:, -1].copy()
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
    """One training day where one direction ends and the other begins, in minutes of the service day: when trips are expected
    to arrive and to depart, and when they did (`arrived`, `departed`; NaN where not seen); (trips,) of either direction."""

    arrivals: np.ndarray
    arrived: np.ndarray
    departures: np.ndarray
    departed: np.ndarray


def terminal_of_day(departing: DirectionDay, arriving: DirectionDay) -> TerminalDay | None:
    """Return what a day shows of its turn-rounds; None where no trips were expected."""
    if departing.trips is None or arriving.trips is None:
        return None
    arrived, departed = arriving.observed_minutes_of_trips[:, -1], departing.observed_minutes_of_trips[:, 0]
    return TerminalDay(arriving.trips.minutes[:, -1], arrived, departing.trips.minutes[:, 0], departed)


def fit_turnarounds(days: Sequence[TerminalDay]) -> Turnarounds:
    """Learn the kinds of turn-round from training days, the one that explains most first; none if nothing is explained."""
    day_types: list[tuple[float, float]] = []
    days = [TerminalDay(*(part.copy() for part in day)) for day in days]
    while len(day_types) < MAX_TURNAROUND_TYPES and (found := _best(days)) is not None:
        day_types.append(found)
        _remove_pairs(days, found[0])
    interval, min_turnaround = np.array(day_types).reshape(-1, 2).T
    return Turnarounds(interval, min_turnaround)


def _best(days: Sequence[TerminalDay]) -> tuple[float, float] | None:
    """The interval and the least turn that explain most minutes of error, None where none does clearly."""
    best, most = None, 0.0
    for interval in INTERVALS_MINS:
        observed = np.array([pair for day in days for pair in _observed_pairs(day, interval)]).reshape(-1, 3)
        if len(observed) < MIN_PAIRS:
            continue
        for min_turnaround in interval - SLACK_MINS[interval - SLACK_MINS >= 0]:
            gain = _gain(*observed.T, min_turnaround)
            if gain > most:
                best, most = (float(interval), float(min_turnaround)), gain
    return best


def _gain(arrived: np.ndarray, expected: np.ndarray, departed: np.ndarray, min_turnaround: float) -> float:
    """Minutes of error that a least turn takes away from the departures of all pairs; 0 where it may be chance."""
    held_up = np.maximum(expected, arrived + min_turnaround)
    plain, fed = (np.minimum(np.abs(departed - when), MAX_ERROR_MINS) for when in (expected, held_up))
    gains = plain - fed
    enough = (held_up > expected).sum() >= MIN_HELD_UP and fed.mean() < MAX_ERROR_SHARE * plain.mean()
    clear = gains.mean() > STANDARD_ERRORS * gains.std() / np.sqrt(len(gains))
    return float(gains.sum()) if enough and clear else 0.0


def _observed_pairs(day: TerminalDay, interval: float) -> list[tuple[float, float, float]]:
    """When the train of each pair arrived, was expected to leave, and left."""
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
    """Arrivals and departures that are expected that far apart, the nearest to it first, each in one pair at most."""
    off = np.abs(departures[None] - arrivals[:, None] - interval)
    return nearest_pairs(np.where(np.isnan(off), np.inf, off), SAME_INTERVAL_MINS)
