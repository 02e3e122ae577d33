"""Arrival samples: expected and actual arrivals on training days, from which the arrival residuals are fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import LEADS, chunks_of
from headway_prediction.forecasters.physics.arrival_residuals import (
    MAX_AHEAD_MINS,
    arrival_features,
    arrival_inputs,
    inputs_width,
)
from headway_prediction.forecasters.physics.dead_reckoning import Origin
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, ExpectedTrains
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

ORIGIN_STEP_MINS = 5
MAX_DAYS = 20
"""With more days, proportionally fewer origins of each: neighbouring origins are almost the same."""
SAME_TRAIN_MINS = 25.0
"""An arrival farther than this from the expected one is of another train."""
MAX_LATE_MINS = 15.0


@dataclass(frozen=True)
class ArrivalSamples:
    """Expected trains: `inputs` (rows, …) of the arrival residuals, whether the trains `arrived`, how many minutes later
    than expected (`late`, 0 where they did not), and the number of the `fold` of their day, each (rows,)."""

    inputs: np.ndarray
    arrived: np.ndarray
    late: np.ndarray
    fold: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts."""
        return cls(*(np.concatenate([getattr(part, own.name) for part in parts]) for own in fields(cls)))

    def write(self, folder: Path) -> None:
        """Write the rows to a folder, where `read` finds them."""
        for own in fields(self):
            np.save(folder / f"{own.name}.npy", getattr(self, own.name))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the rows of a folder, mapped to memory: processes share them."""
        return cls(*(np.load(folder / f"{own.name}.npy", mmap_mode="r") for own in fields(cls)))

    def where(self, chosen: np.ndarray) -> Self:
        """Return the rows where `chosen` is true."""
        return type(self)(*(getattr(self, own.name)[chosen] for own in fields(self)))


def arrival_samples(
    training: LineHistory, priors: Mapping[date, PhysicsPrior], folds: Mapping[date, int], positions: int
) -> ArrivalSamples:
    """Return the samples of the days of `priors`, on a line with so many positions; `folds` number the days' folds."""
    nothing = np.empty(0)
    parts = [
        ArrivalSamples(np.empty((0, inputs_width(positions)), np.float32), nothing > 0, nothing, nothing)
    ]
    step = ORIGIN_STEP_MINS * max(1, len(priors) // MAX_DAYS)
    for number, (service_date, prior) in enumerate(priors.items()):
        for direction, day in enumerate(prior.direction_days(training, service_date)):
            origins = _origins(day, step, number)
            for some in chunks_of(len(origins)):
                parts.append(_samples_of(day, direction, origins[some], positions, folds[service_date]))
    return ArrivalSamples.joined(parts)


def _origins(day: DirectionDay, step: int, number: int) -> np.ndarray:
    """Origins while trains run; days take turns in which minutes they start from."""
    minutes = day.matched.trains.minutes[np.isfinite(day.matched.trains.minutes)]
    if not len(minutes):
        return np.empty(0, dtype=np.int64)
    return np.arange(minutes.min() + number % step, minutes.max(), step).astype(np.int64)


def _samples_of(
    day: DirectionDay, direction: int, origins: np.ndarray, positions: int, fold: int
) -> ArrivalSamples:
    """The samples of some origins: trains expected within MAX_AHEAD_MINS."""
    expected = day.expected(origins, LEADS)
    features = arrival_features(day, expected, origins)
    late = actual_arrivals(day, expected, origins)[features.place] - features.minutes
    in_time = np.abs(late) < SAME_TRAIN_MINS
    known = in_time | _running_after(day, features.minutes)
    used = (features.minutes - (origins[features.place[0]] + 1) <= MAX_AHEAD_MINS) & known
    return ArrivalSamples(
        arrival_inputs(features, direction, positions)[used],
        in_time[used],
        np.where(in_time, late, 0.0)[used].clip(-MAX_LATE_MINS, MAX_LATE_MINS).astype(np.float32),
        np.full(int(used.sum()), fold),
    )


def _running_after(day: DirectionDay, minutes: np.ndarray) -> np.ndarray:
    """Whether any train of the direction passed soon after these minutes: else it is unknown which trains did not arrive."""
    _, _, passed = day.matched.known(SCORED_DAY_MINS)
    first = np.searchsorted(passed, minutes)
    return np.append(passed, np.inf)[first] < minutes + SAME_TRAIN_MINS


def actual_arrivals(day: DirectionDay, expected: ExpectedTrains, t0: Origin) -> np.ndarray:
    """Return when the expected trains passed, NaN where they did not: (…, trains, positions).

    Trains that have not left are matched by their trips or, without trips, by the order in which they leave.
    """
    minutes = np.full(expected.minutes.shape, np.nan)
    known, on_trip = expected.rows >= 0, expected.trips >= 0
    minutes[known] = day.matched.trains.minutes[expected.rows[known]]
    if day.matched.trips is not None:
        to_come = ~known & on_trip
        minutes[to_come] = day.matched.observed_minutes_of_trips[expected.trips[to_come]]
        return minutes
    departures = day.matched.trains.minutes[:, 0]
    in_turn = np.argsort(departures, kind="stable")
    for origin in np.ndindex(np.shape(t0)):
        leaving = in_turn[departures[in_turn] >= np.asarray(t0)[origin] + 1]
        waiting = np.flatnonzero(expected.exists[origin] & ~known[origin])[: len(leaving)]
        minutes[origin][waiting] = day.matched.trains.minutes[leaving[: len(waiting)]]
    return minutes
