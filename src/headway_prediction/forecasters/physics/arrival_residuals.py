"""What is known of each train that is expected at a platform, as rows of numbers: what `arrival_corrections` learns from.

A row is one train at one position ahead of it. It tells of the train itself, of the train that is expected to pass that
position before it, of how far away both are, of how slow trains lately were on the way there, and of the hour; all of it
known at the origin, and of the order of one.


How much later or earlier than expected trains really arrive: a small network that corrects the first guess's minutes.

The physical first guess runs every train on by rule; this learns from training days how the rules err, and how far they may
err at that: how late trains catch up, how long one that is overdue still takes, what the train before does to it. Headways
follow from single trains, and of these there is more to learn from than of cells. Applied without a training framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import (
    TRAIN_FEATURES,
    DirectionDay,
    ExpectedTrains,
)
from headway_prediction.transit.line import DIRECTIONS

NEAR_SECTIONS = (2, 5)
"""How slow a train was over so many of its last sections."""
TRAIN_FEATURE_COUNT = 7 + len(NEAR_SECTIONS)
ARRIVAL_FEATURE_COUNT = 2 * TRAIN_FEATURE_COUNT + 14
MAX_AHEAD_MINS = 25.0
"""Trains farther away are told apart no more: nothing is learned beyond."""
MAX_GAP_MINS = 30.0
RECENT_MINS, RECENCY_DECAY_MINS, RECENCY_PRIOR_WEIGHT = 30, 12.0, 0.3
"""Runs over a section in so many minutes tell of the next one, the older the less; with this weight that it is as usual."""
MAX_SLOW_MINS = 3.0
DAY_MINS = 1440


@dataclass(frozen=True)
class ArrivalFeatures:
    """One row per train and position where it is expected to pass, position by position in the order of passing: `rows`
    (rows, ARRIVAL_FACTS), the `train` (its row in Expected), the `position`, the position where it was `observed` last (−1
    before it has left) and the expected `minutes`, each (rows,)."""

    rows: np.ndarray
    train: np.ndarray
    position: np.ndarray
    observed: np.ndarray
    minutes: np.ndarray


def arrival_features(day: DirectionDay, expected: ExpectedTrains, t0: int) -> ArrivalFeatures:
    """Return what is known at the end of minute t0 of the trains that `day` expects then."""
    in_turn = np.argsort(expected.minutes, axis=0, kind="stable")
    ordered = np.take_along_axis(expected.minutes, in_turn, axis=0)
    rank, position = np.nonzero(np.isfinite(ordered))
    train, minutes = in_turn[rank, position], ordered[rank, position]
    first = rank == 0
    previous = in_turn[np.maximum(rank - 1, 0), position]
    passed = np.where(first, day.last_observed(t0)[position], ordered[np.maximum(rank - 1, 0), position])
    slow = _recent_delay(day, t0)
    own, observed = (
        _of_trains(day, expected, t0),
        expected.features[:, TRAIN_FEATURES.index("position")].astype(int),
    )
    of_before = np.where(first[:, None], 0.0, own[previous])
    way_of_before = np.where(first, 0.0, position - observed[previous])
    rows = [
        own[train],
        of_before,
        _distances(minutes - (t0 + 1), position - observed[train]),
        np.stack([first, way_of_before / 10], axis=-1),
        slow[position] - slow[np.maximum(observed[train], 0)],
        _gaps(minutes - passed),
        np.broadcast_to(_hour(t0), (len(rank), 2)),
    ]
    return ArrivalFeatures(
        np.concatenate(rows, axis=-1).astype(np.float32), train, position, observed[train], minutes
    )


def _of_trains(day: DirectionDay, expected: ExpectedTrains, t0: int) -> np.ndarray:
    """What is known of each expected train wherever it goes: (trains, TRAIN_FACTS)."""
    under_way, since_seen, position, overdue, late, on_trip = expected.features.T
    slow = _delay_so_far(day, expected.rows, t0)
    at, each = np.maximum(position.astype(int), 0), np.arange(len(slow))
    over = [slow[each, at] - slow[each, np.maximum(at - sections, 0)] for sections in NEAR_SECTIONS]
    columns = [
        under_way,
        since_seen.clip(-20.0, 20.0) / 5,
        overdue.clip(0.0, 3.0),
        np.tanh(late / 2),
        late.clip(-10.0, 30.0) / 5,
        on_trip,
        slow[each, at].clip(-15.0, 15.0) / 4,
        *(minutes.clip(-8.0, 8.0) / 2 for minutes in over),
    ]
    return np.stack(columns, axis=-1)


def _delay_so_far(day: DirectionDay, rows: np.ndarray, t0: int) -> np.ndarray:
    """Minutes that each train ran longer than it was to, up to each position; none where unknown: (trains, positions)."""
    left = rows >= 0
    longer = np.zeros((len(rows), day.trains.minutes.shape[1]))
    took_longer = (day.sections.run_mins - day.sections.typical)[rows[left]]
    known = (day.trains.minutes[rows[left], 1:] < t0 + 1) & np.isfinite(took_longer)
    longer[left, 1:] = np.where(known, took_longer, 0.0)
    return np.cumsum(longer, axis=1)


def _recent_delay(day: DirectionDay, t0: int) -> np.ndarray:
    """Minutes that trains ran longer than they were to, summed from the first position on, by the last train of each section
    and by the mean of those of the last half hour: (positions, 2)."""
    since = t0 + 1 - day.trains.minutes[:, 1:]
    longer = (day.sections.run_mins - day.sections.typical).clip(-MAX_SLOW_MINS, MAX_SLOW_MINS)
    lately = (since > 0) & (since < RECENT_MINS) & np.isfinite(longer)
    weight = np.where(lately, np.exp(-since / RECENCY_DECAY_MINS), 0.0)
    longer = np.where(lately, longer, 0.0)
    last = np.where(weight == weight.max(axis=0, initial=np.finfo(float).tiny), longer, 0.0).sum(axis=0)
    mean = (weight * longer).sum(axis=0) / (weight.sum(axis=0) + RECENCY_PRIOR_WEIGHT)
    return np.pad(np.cumsum(np.stack([last, mean], axis=-1), axis=0), ((1, 0), (0, 0)))


def _distances(ahead: np.ndarray, stations: np.ndarray) -> np.ndarray:
    near = np.clip(ahead, 0.0, MAX_AHEAD_MINS)
    return np.stack([near / 10, np.sqrt(near), np.exp(-near), stations / 10, stations == 1], axis=-1)


def _gaps(gap: np.ndarray) -> np.ndarray:
    """Minutes behind the train before, and whether there is one."""
    known = np.isfinite(gap)
    near = np.where(known, gap, 0.0).clip(0.0, MAX_GAP_MINS)
    return np.stack([near / 10, 1 / (1 + near), known], axis=-1)


def _hour(t0: int) -> tuple[float, float]:
    turn = 2 * np.pi * t0 / DAY_MINS
    return np.sin(turn), np.cos(turn)


TAIL = 0.1
"""One train in so many is earlier than `earliest`, and as many are later than `latest`."""
MIN_ARRIVAL_PROBABILITY = 0.5
"""Trains less likely to come than this are not expected."""
DEFAULT_SPREAD_MINS = 1.5
"""So much earlier and later a train may be where nothing was learned."""


class ArrivalTimes(NamedTuple):
    """When trains are believed to pass, (trains, positions), infinite where one will not: in the middle, and so early and so
    late that a TAIL of them is beyond; and how likely they `arrival_probability` at all."""

    minutes: np.ndarray
    earliest: np.ndarray
    latest: np.ndarray
    arrival_probability: np.ndarray


class PredictedResiduals(NamedTuple):
    """Of single trains: how many minutes `late` one is (rows,), how much earlier and later than that it may be, `spread`
    (rows, 2), and how likely it `comes` (rows,)."""

    late: np.ndarray
    spread: np.ndarray
    comes: np.ndarray


@dataclass(frozen=True)
class ArrivalResiduals:
    """What was learned of a line with so many `positions` in its longer direction: the weights (inputs, outputs) and biases
    (outputs,) of `layers`, of which all but the last are followed by a rectifier; no layers correct nothing.

    The last layer has four outputs: minutes later than expected, what softplus makes the minutes that it may be earlier and
    later than that, and the logit of how likely it comes at all.
    """

    positions: int
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def none(cls) -> Self:
        """Return what holds where nothing was learned."""
        return cls(0, ())

    def times(self, day: DirectionDay, direction: int, expected: ExpectedTrains, t0: int) -> ArrivalTimes:
        """Return when the expected trains are believed to pass; none does before the end of minute t0, and those that are
        likelier not to come than to come do not."""
        minutes, shape = expected.minutes.copy(), expected.minutes.shape
        spread, arrival_probability = np.full((*shape, 2), DEFAULT_SPREAD_MINS), np.ones(shape)
        if self.layers:
            features = arrival_features(day, expected, t0)
            predicted = self.predict(arrival_inputs(features, direction, self.positions))
            at = features.train, features.position
            minutes[at], spread[at], arrival_probability[at] = (
                features.minutes + predicted.late,
                predicted.spread,
                predicted.comes,
            )
        minutes[arrival_probability < MIN_ARRIVAL_PROBABILITY] = np.inf
        parts = minutes, minutes - spread[..., 0], minutes + spread[..., 1]
        return ArrivalTimes(*(np.maximum(part, t0 + 1) for part in parts), arrival_probability)

    def predict(self, inputs: np.ndarray) -> PredictedResiduals:
        """Return what is told of rows of `arrival_inputs`."""
        hidden = inputs
        for weights, biases in self.layers[:-1]:
            hidden = np.maximum(hidden @ weights + biases, 0.0)
        weights, biases = self.layers[-1]
        outputs = hidden @ weights + biases
        return PredictedResiduals(
            outputs[:, 0], np.logaddexp(0.0, outputs[:, 1:3]), np.exp(-np.logaddexp(0.0, -outputs[:, 3]))
        )

    def state(self) -> dict[str, np.ndarray]:
        """Return everything learned as named arrays."""
        state = {"positions": np.array(self.positions)}
        for number, (weights, biases) in enumerate(self.layers):
            state |= {f"weights_{number}": weights, f"biases_{number}": biases}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        layers = (len(state) - 1) // 2
        parts = ((state[f"weights_{number}"], state[f"biases_{number}"]) for number in range(layers))
        return cls(int(state["positions"]), tuple(parts))


def inputs_width(positions: int) -> int:
    """Return how many columns `arrival_inputs` has on a line with so many positions."""
    return ARRIVAL_FEATURE_COUNT + len(DIRECTIONS) * (2 * positions + 1)


def arrival_inputs(features: ArrivalFeatures, direction: int, positions: int) -> np.ndarray:
    """Return the facts, and by direction which position is ahead and where the train was seen: (rows, inputs_width)."""
    ahead = _one_of(positions * direction + features.position, len(DIRECTIONS) * positions)
    observed = _one_of((positions + 1) * direction + 1 + features.observed, len(DIRECTIONS) * (positions + 1))
    return np.concatenate([features.rows, ahead, observed], axis=-1)


def _one_of(places: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[places]
