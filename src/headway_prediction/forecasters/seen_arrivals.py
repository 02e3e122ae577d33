"""When trains that were expected really came: what there is to learn from on training days, each guessed by other days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.arrival_facts import FARTHEST_MINS, arrival_facts
from headway_prediction.forecasters.arrivals import arrival_inputs, inputs_width
from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.expected_trains import DirectionDay, Expected
from headway_prediction.forecasters.first_guess import FirstGuess
from headway_prediction.grid.history import LineHistory

ORIGIN_STEP_MINS = 5
MOST_DAYS = 20
"""Of more days, as many fewer origins of each: neighbouring origins tell almost the same."""
ANOTHER_TRAIN_MINS = 25.0
"""Later than this comes another train in its place, or none; nothing is learned from it."""
MOST_LATE_MINS = 15.0


@dataclass(frozen=True)
class SeenArrivals:
    """Trains that were expected and came: `inputs` (rows, …) of `arrivals`, how many minutes later than expected they came
    (`late`), and the number of the `fold` whose days they are of, each (rows,)."""

    inputs: np.ndarray
    late: np.ndarray
    fold: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts."""
        return cls(*(np.concatenate([getattr(part, own.name) for part in parts]) for own in fields(cls)))

    def where(self, chosen: np.ndarray) -> Self:
        """Return the rows where `chosen` is true."""
        return type(self)(*(getattr(self, own.name)[chosen] for own in fields(self)))


def seen_arrivals(
    training: LineHistory, guesses: Mapping[date, FirstGuess], folds: Mapping[int, int], positions: int
) -> SeenArrivals:
    """Return what the days show that have a guess; `folds` are numbers by the identity of their guesses."""
    nothing = np.empty(0, np.float32)
    parts = [SeenArrivals(np.empty((0, inputs_width(positions)), np.float32), nothing, nothing.astype(int))]
    step = ORIGIN_STEP_MINS * max(1, len(guesses) // MOST_DAYS)
    for number, (service_date, guess) in enumerate(guesses.items()):
        for direction, day in enumerate(guess.direction_days(training, service_date)):
            for t0 in _origins(day, step, number):
                parts.append(_seen_after(day, direction, int(t0), positions, folds[id(guess)]))
    return SeenArrivals.joined(parts)


def _origins(day: DirectionDay, step: int, number: int) -> np.ndarray:
    """Origins while trains run; days take turns in which minutes they start from."""
    minutes = day.trains.minutes[np.isfinite(day.trains.minutes)]
    return np.arange(minutes.min() + number % step, minutes.max(), step) if len(minutes) else np.empty(0)


def _seen_after(day: DirectionDay, direction: int, t0: int, positions: int, fold: int) -> SeenArrivals:
    """What one origin shows: the trains expected within FARTHEST_MINS that came."""
    expected = day.expected(t0, LEADS)
    facts = arrival_facts(day, expected, t0)
    late = came(day, expected, t0)[facts.train, facts.position] - facts.minutes
    kept = (facts.minutes - (t0 + 1) <= FARTHEST_MINS) & (np.abs(late) < ANOTHER_TRAIN_MINS)
    return SeenArrivals(
        arrival_inputs(facts, direction, positions)[kept],
        late[kept].clip(-MOST_LATE_MINS, MOST_LATE_MINS).astype(np.float32),
        np.full(int(kept.sum()), fold),
    )


def came(day: DirectionDay, expected: Expected, t0: int) -> np.ndarray:
    """Return when the expected trains really passed, NaN where they did not: (trains, positions).

    Trains to come are known by their trips; where trips are not known, by the order in which they leave.
    """
    minutes = np.full(expected.minutes.shape, np.nan)
    known, on_trip = expected.rows >= 0, expected.trips >= 0
    minutes[known] = day.trains.minutes[expected.rows[known]]
    if day.trips is not None:
        to_come = ~known & on_trip
        minutes[to_come] = day.minutes_of_trips[expected.trips[to_come]]
        return minutes
    departures = day.trains.minutes[:, 0]
    in_turn = np.argsort(departures, kind="stable")
    leaving = in_turn[departures[in_turn] >= t0 + 1]
    waiting = np.flatnonzero(~known)[: len(leaving)]
    minutes[waiting] = day.trains.minutes[leaving[: len(waiting)]]
    return minutes
