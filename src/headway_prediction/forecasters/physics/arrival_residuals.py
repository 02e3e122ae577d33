"""How much later or earlier than expected trains really arrive: a small network that corrects the first guess's minutes.

The physical first guess runs every train on by rule; this learns from training days how the rules err, and how far they may
err at that: how late trains catch up, how long one that is overdue still takes, what the train before does to it. Headways
follow from single trains, and of these there is more to learn from than of cells. Applied without a training framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.forecasters.physics.arrival_features import (
    ARRIVAL_FEATURE_COUNT,
    ArrivalFeatures,
    arrival_features,
)
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, ExpectedTrains
from headway_prediction.transit.line import DIRECTIONS

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
