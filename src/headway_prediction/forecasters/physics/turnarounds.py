"""Turn-rounds: a train that arrives late at the end of one direction leaves late in the other.

Which trip feeds which is not in every plan, but the clock shows it: the departures of a direction follow arrivals of the
other at steady intervals, and a train must come and turn before it leaves. Both intervals are learned on training days,
one kind of turn-round after the other, as long as they explain departures clearly better than the trips' own usual minutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay, Feeders
from headway_prediction.forecasters.physics.trip_pairs import nearest_pairs

INTERVALS_MINS = np.arange(2.0, 46.0)
SAME_INTERVAL_MINS = 1.5
SLACK_MINS = np.arange(0.0, 15.0, 0.5)
MOST_KINDS = 3
FEWEST_PAIRS, FEWEST_HELD_UP = 20, 10
"""Pairs that a kind of turn-round must have been seen in, and how many of these a late arrival must have held up."""
CLEARLY_BETTER, STANDARD_ERRORS = 0.9, 2.0
"""A kind of turn-round is believed when departures err under this share of what they err by without it, and the gain is that
many of its standard errors."""
MOST_ERROR_MINS = 15.0
"""A departure that is further off counts as this: something else happened to it."""


@dataclass(frozen=True)
class TurnRounds:
    """Kinds of turn-round into one direction: the usual `interval` from arrival to departure and the `least` that a turn
    takes, each (kinds,) in minutes."""

    interval: np.ndarray
    least: np.ndarray

    def feeders(self, departing: DirectionDay, arriving: DirectionDay) -> Feeders | None:
        """Return which trips of the arriving direction feed those of the departing one; None where none is known to."""
        if departing.trips is None or arriving.trips is None or not len(self.interval):
            return None
        departures, arrivals = departing.trips.minutes[:, 0].copy(), arriving.trips.minutes[:, -1].copy()
        trip, least = np.full(len(departures), -1), np.zeros(len(departures))
        for interval, shortest in zip(self.interval, self.least, strict=True):
            for arrival, departure in _pairs(arrivals, departures, interval):
                trip[departure], least[departure] = arrival, shortest
                arrivals[arrival] = departures[departure] = np.nan
        return Feeders(arriving, trip, least)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_interval": self.interval, f"{prefix}_least": self.least}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        return cls(state[f"{prefix}_interval"], state[f"{prefix}_least"])


class Terminal(NamedTuple):
    """One training day where one direction ends and the other begins, in minutes of the service day: when trips are expected
    to arrive and to depart, and when they did (`arrived`, `departed`; NaN where not seen); (trips,) of either direction."""

    arrivals: np.ndarray
    arrived: np.ndarray
    departures: np.ndarray
    departed: np.ndarray


def terminal_of_day(departing: DirectionDay, arriving: DirectionDay) -> Terminal | None:
    """Return what a day shows of its turn-rounds; None where no trips were expected."""
    if departing.trips is None or arriving.trips is None:
        return None
    arrived, departed = arriving.minutes_of_trips[:, -1], departing.minutes_of_trips[:, 0]
    return Terminal(arriving.trips.minutes[:, -1], arrived, departing.trips.minutes[:, 0], departed)


def learned_turn_rounds(days: Sequence[Terminal]) -> TurnRounds:
    """Learn the kinds of turn-round from training days, the one that explains most first; none if nothing is explained."""
    kinds: list[tuple[float, float]] = []
    days = [Terminal(*(part.copy() for part in day)) for day in days]
    while len(kinds) < MOST_KINDS and (found := _best(days)) is not None:
        kinds.append(found)
        _take_out(days, found[0])
    interval, least = np.array(kinds).reshape(-1, 2).T
    return TurnRounds(interval, least)


def _best(days: Sequence[Terminal]) -> tuple[float, float] | None:
    """The interval and the least turn that explain most minutes of error, None where none does clearly."""
    best, most = None, 0.0
    for interval in INTERVALS_MINS:
        seen = np.array([pair for day in days for pair in _seen_pairs(day, interval)]).reshape(-1, 3)
        if len(seen) < FEWEST_PAIRS:
            continue
        for least in interval - SLACK_MINS[interval - SLACK_MINS >= 0]:
            gain = _gain(*seen.T, least)
            if gain > most:
                best, most = (float(interval), float(least)), gain
    return best


def _gain(arrived: np.ndarray, expected: np.ndarray, departed: np.ndarray, least: float) -> float:
    """Minutes of error that a least turn takes away from the departures of all pairs; 0 where it may be chance."""
    held_up = np.maximum(expected, arrived + least)
    plain, fed = (np.minimum(np.abs(departed - when), MOST_ERROR_MINS) for when in (expected, held_up))
    gains = plain - fed
    enough = (held_up > expected).sum() >= FEWEST_HELD_UP and fed.mean() < CLEARLY_BETTER * plain.mean()
    clear = gains.mean() > STANDARD_ERRORS * gains.std() / np.sqrt(len(gains))
    return float(gains.sum()) if enough and clear else 0.0


def _seen_pairs(day: Terminal, interval: float) -> list[tuple[float, float, float]]:
    """When the train of each pair arrived, was expected to leave, and left."""
    pairs = [
        (day.arrived[arrival], day.departures[departure], day.departed[departure])
        for arrival, departure in _pairs(day.arrivals, day.departures, interval)
    ]
    return [pair for pair in pairs if np.isfinite(pair).all()]


def _take_out(days: Sequence[Terminal], interval: float) -> None:
    for day in days:
        for arrival, departure in _pairs(day.arrivals, day.departures, interval):
            day.arrivals[arrival] = day.departures[departure] = np.nan


def _pairs(arrivals: np.ndarray, departures: np.ndarray, interval: float) -> list[tuple[int, int]]:
    """Arrivals and departures that are expected that far apart, the nearest to it first, each in one pair at most."""
    off = np.abs(departures[None] - arrivals[:, None] - interval)
    return nearest_pairs(np.where(np.isnan(off), np.inf, off), SAME_INTERVAL_MINS)
