"""Blend: a weighted average of the network and the methods of its prior, for lines the network was not trained on.

Lines differ: on some, headways return to the typical one within minutes, on others they persist; some run to the second. A
base network does not know which. Non-negative weights that sum to one (a linear opinion pool: Stone 1961, The Opinion
Pool), fitted on the line's own validation days, adapt it. Weights differ by lead, direction, whether a train is expected
by the lead, and how far the network's forecast is from the typical headway.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.config import middle_index
from headway_prediction.nn.prior_channels import ARRIVES_IN, FORECASTS, prior_forecasts
from headway_prediction.transit.line import DIRECTIONS

BLEND_METHODS = ("network", *FORECASTS)
WEIGHT_STEPS = 10
"""Weights are multiples of a tenth."""
TYPICAL_DISTANCE_BINS_MINS = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Bin edges of the network's middle quantile minus the typical headway."""
GROUPS_OF_LEAD = (len(DIRECTIONS), 2, len(TYPICAL_DISTANCE_BINS_MINS) + 1)
"""Directions; whether a train is expected by the lead; bins of the distance from the typical headway."""
MIN_CELLS = 100
"""With fewer cells a group uses the network alone."""
CLIMATOLOGY = BLEND_METHODS.index("climatology")


class NetworkOutputs(NamedTuple):
    """Outputs of the network in minutes, `mean` (origins, leads, stations, directions) and `quantiles` (…, levels), and the
    `prior` it was given (origins, stations, directions, prior_width)."""

    mean: np.ndarray
    quantiles: np.ndarray
    prior: np.ndarray


@dataclass(frozen=True)
class Blend:
    """Weights in the `mean` and in the `middle` quantile, each (leads, *GROUPS_OF_LEAD, BLEND_METHODS)."""

    mean: np.ndarray
    middle: np.ndarray

    @classmethod
    def fit(
        cls, levels: Sequence[float], outputs: Sequence[NetworkOutputs], truth: Sequence[np.ndarray]
    ) -> Self:
        """Find the weights that minimise the squared error of the mean and the absolute error of the middle quantile.

        One entry of `outputs` and `truth` per day; `truth` is in minutes, NaN where invalid, shaped as the mean.
        """
        place = middle_index(levels)
        rows = [_rows(one.mean, one.quantiles[..., place], one.prior) for one in outputs]
        group, of_mean, of_middle = (np.concatenate(part) for part in zip(*rows, strict=True))
        truths = np.concatenate([headway.ravel() for headway in truth])
        counts, weights = np.isfinite(truths), _weight_grid()
        groups = outputs[0].mean.shape[1], *GROUPS_OF_LEAD
        mean = np.zeros((math.prod(groups), len(BLEND_METHODS)))
        mean[:, 0] = 1.0
        middle = mean.copy()
        for number in np.unique(group[counts]):
            own = counts & (group == number)
            if own.sum() >= MIN_CELLS:
                mean[number] = _best_weights(weights, of_mean[own], truths[own], np.square)
                middle[number] = _best_weights(weights, of_middle[own], truths[own], np.abs)
        shape = *groups, len(BLEND_METHODS)
        return cls(mean.reshape(shape), middle.reshape(shape))

    def apply(self, levels: Sequence[float], outputs: NetworkOutputs) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and quantiles of the blend; all quantiles shift with the middle one."""
        place = middle_index(levels)
        alone = outputs.quantiles[..., place]
        group, of_mean, of_middle = _rows(outputs.mean, alone, outputs.prior)
        mean = np.sum(self.mean.reshape(-1, len(BLEND_METHODS))[group] * of_mean, axis=-1)
        middle = np.sum(self.middle.reshape(-1, len(BLEND_METHODS))[group] * of_middle, axis=-1)
        moved = middle.reshape(alone.shape) - alone
        return mean.reshape(alone.shape), outputs.quantiles + moved[..., None]


def _rows(mean: np.ndarray, middle: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, ...]:
    """The group of each cell (cells,), and the forecasts of its mean and middle quantile, each (cells, BLEND_METHODS)."""
    simple = prior_forecasts(prior)
    of_mean, of_middle = (
        np.concatenate([own[..., None], simple], axis=-1).reshape(-1, len(BLEND_METHODS))
        for own in (mean, middle)
    )
    _, lead, _, direction = np.indices(mean.shape)
    due = prior[:, None, ..., ARRIVES_IN] < lead + 1
    apart = np.digitize(of_middle[:, 0] - of_middle[:, CLIMATOLOGY], TYPICAL_DISTANCE_BINS_MINS)
    groups = mean.shape[1], *GROUPS_OF_LEAD
    index = lead.ravel(), direction.ravel(), due.ravel().astype(int), apart
    return np.ravel_multi_index(index, groups), of_mean, of_middle


def _weight_grid() -> np.ndarray:
    """All combinations of weights, those with the most weight on the network last: (combinations, BLEND_METHODS)."""
    parts = product(range(WEIGHT_STEPS + 1), repeat=len(BLEND_METHODS))
    return np.array([weights for weights in parts if sum(weights) == WEIGHT_STEPS]) / WEIGHT_STEPS


def _best_weights(
    weights: np.ndarray, forecasts: np.ndarray, truths: np.ndarray, loss: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The weights with the minimum mean loss, the last of equals: (BLEND_METHODS,)."""
    losses = loss(forecasts @ weights.T - truths[:, None]).mean(axis=0)
    best: np.ndarray = weights[len(weights) - 1 - int(np.argmin(losses[::-1]))]
    return best
