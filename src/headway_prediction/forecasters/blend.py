"""How much of a forecast is to be believed, and how much of what simple methods say beside it: a linear opinion pool.

A network that has never seen a line does not know how its trains differ from those that it learned from: whether they return
to the usual headway within minutes or keep what they have, whether they run like clocks. Shares of the forecasts, none below
zero and one in all (Stone 1961, The Opinion Pool), tell it so. They are fitted on days that the network was not trained on:
lead by lead, direction by direction, and apart by whether a train is expected by then and by how far the forecast is from
the usual headway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.config import middle_index
from headway_prediction.nn.prior_channels import ARRIVES_IN, FORECASTS, prior_forecasts
from headway_prediction.transit.line import DIRECTIONS

BLEND_METHODS = ("network", *FORECASTS)
WEIGHT_STEPS = 10
"""Shares are tenths."""
TYPICAL_DISTANCE_BINS_MINS = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Where groups of cells end, by the middle quantile less the usual headway."""
GROUPS_OF_LEAD = (len(DIRECTIONS), 2, len(TYPICAL_DISTANCE_BINS_MINS) + 1)
"""Directions, whether a train is due by then, and how far from the usual headway."""
MIN_CELLS = 100
"""Of fewer cells nothing is learned: there the network is believed."""
CLIMATOLOGY = BLEND_METHODS.index("climatology")


class NetworkOutputs(NamedTuple):
    """What networks say of origins, in minutes: `mean` (origins, leads, stations, directions) and `quantiles` (…, levels);
    and the first guess that they were given, `prior` (origins, stations, directions, GUESS_WIDTH)."""

    mean: np.ndarray
    quantiles: np.ndarray
    prior: np.ndarray


@dataclass(frozen=True)
class Blend:
    """The share of each of OPINIONS in the `mean` and in the `middle` quantile, each (leads, GROUPS_OF_LEAD, BLEND_METHODS)."""

    mean: np.ndarray
    middle: np.ndarray

    @classmethod
    def fit(
        cls, levels: Sequence[float], outputs: Sequence[NetworkOutputs], truth: Sequence[np.ndarray]
    ) -> Self:
        """Learn the shares with the least squared error of the mean and the least absolute error of the middle quantile, of
        several days; `truth` is the headway in minutes, NaN where it does not count, as `outputs` has its mean."""
        place = middle_index(levels)
        rows = [_rows(one.mean, one.quantiles[..., place], one.prior) for one in outputs]
        group, of_mean, of_middle = (np.concatenate(part) for part in zip(*rows, strict=True))
        truths = np.concatenate([headway.ravel() for headway in truth])
        counts, weights = np.isfinite(truths), _weight_grid()
        groups = outputs[0].mean.shape[1], *GROUPS_OF_LEAD
        mean, middle = (np.zeros((np.prod(groups), len(BLEND_METHODS))) for _ in "ab")
        mean[:, 0] = middle[:, 0] = 1.0
        for number in np.unique(group[counts]):
            own = counts & (group == number)
            if own.sum() >= MIN_CELLS:
                mean[number] = _best_weights(weights, of_mean[own], truths[own], np.square)
                middle[number] = _best_weights(weights, of_middle[own], truths[own], np.abs)
        return cls(*(found.reshape(*groups, len(BLEND_METHODS)) for found in (mean, middle)))

    def apply(self, levels: Sequence[float], outputs: NetworkOutputs) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and quantiles of the pool; all quantiles move with the middle one."""
        place = middle_index(levels)
        alone = outputs.quantiles[..., place]
        group, of_mean, of_middle = _rows(outputs.mean, alone, outputs.prior)
        mean = np.sum(self.mean.reshape(-1, len(BLEND_METHODS))[group] * of_mean, axis=-1)
        middle = np.sum(self.middle.reshape(-1, len(BLEND_METHODS))[group] * of_middle, axis=-1)
        moved = middle.reshape(alone.shape) - alone
        return mean.reshape(alone.shape), outputs.quantiles + moved[..., None]


def _rows(mean: np.ndarray, middle: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, ...]:
    """The group of each cell (cells,), and OPINIONS on its mean and on its middle quantile, each (cells, OPINIONS)."""
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
    """All shares that there are, those that believe the network most at the end: (choices, OPINIONS)."""
    parts = product(range(WEIGHT_STEPS + 1), repeat=len(BLEND_METHODS))
    return np.array([weights for weights in parts if sum(weights) == WEIGHT_STEPS]) / WEIGHT_STEPS


def _best_weights(
    weights: np.ndarray, forecasts: np.ndarray, truths: np.ndarray, loss: np.ufunc
) -> np.ndarray:
    """The shares with the least mean loss, of equals the last ones: (OPINIONS,)."""
    losses = loss(forecasts @ weights.T - truths[:, None]).mean(axis=0)
    return weights[len(weights) - 1 - int(np.argmin(losses[::-1]))]
