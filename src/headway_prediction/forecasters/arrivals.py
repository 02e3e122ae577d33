"""How much later or earlier than expected trains really arrive: a small network that corrects the first guess's minutes.

The physical first guess runs every train on by rule; this learns from training days how the rules err: how late trains
catch up, how long one that is overdue still takes, what the train before does to it. Headways follow
from single trains, and of these there is more to learn from than of cells. Applied without a training framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.arrival_facts import ARRIVAL_FACTS, ArrivalFacts, arrival_facts
from headway_prediction.forecasters.expected_trains import DirectionDay, Expected
from headway_prediction.line import DIRECTIONS


@dataclass(frozen=True)
class Arrivals:
    """What was learned of a line with so many `positions` in its longer direction: the weights (inputs, outputs) and biases
    (outputs,) of `layers`, of which all but the last are followed by a rectifier; no layers correct nothing."""

    positions: int
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def none(cls) -> Self:
        """Return what holds where nothing was learned."""
        return cls(0, ())

    def minutes(self, day: DirectionDay, direction: int, expected: Expected, t0: int) -> np.ndarray:
        """Return the expected minutes (trains, positions), corrected; none is before the end of minute t0."""
        if not self.layers:
            return expected.minutes
        facts = arrival_facts(day, expected, t0)
        corrected = expected.minutes.copy()
        corrected[facts.train, facts.position] = np.maximum(
            facts.minutes + self.late(arrival_inputs(facts, direction, self.positions)), t0 + 1
        )
        return corrected

    def late(self, inputs: np.ndarray) -> np.ndarray:
        """Return minutes later than expected for rows of `arrival_inputs`: (rows,)."""
        hidden = inputs
        for weights, biases in self.layers[:-1]:
            hidden = np.maximum(hidden @ weights + biases, 0.0)
        weights, biases = self.layers[-1]
        return (hidden @ weights + biases)[:, 0]

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
    return ARRIVAL_FACTS + len(DIRECTIONS) * (2 * positions + 1)


def arrival_inputs(facts: ArrivalFacts, direction: int, positions: int) -> np.ndarray:
    """Return the facts, and by direction which position is ahead and where the train was seen: (rows, inputs_width)."""
    ahead = _one_of(positions * direction + facts.position, len(DIRECTIONS) * positions)
    seen = _one_of((positions + 1) * direction + 1 + facts.seen, len(DIRECTIONS) * (positions + 1))
    return np.concatenate([facts.rows, ahead, seen], axis=-1)


def _one_of(places: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[places]
