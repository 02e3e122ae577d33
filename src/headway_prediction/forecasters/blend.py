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

from headway_prediction.nn.prior_channels import ARRIVES_IN, FORECASTS, GUESS_LEADS, forecasts_by_lead
from headway_prediction.nn.quantiles import middle_place
from headway_prediction.transit.line import DIRECTIONS

OPINIONS = ("network", *FORECASTS)
PARTS = 10
"""Shares are tenths."""
FROM_USUAL_MINS = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Where groups of cells end, by the middle quantile less the usual headway."""
GROUPS = (GUESS_LEADS, len(DIRECTIONS), 2, len(FROM_USUAL_MINS) + 1)
"""Leads, directions, whether a train is due by then, and how far from the usual headway."""
FEWEST_CELLS = 100
"""Of fewer cells nothing is learned: there the network is believed."""
CLIMATOLOGY = OPINIONS.index("climatology")


class NetworkOutputs(NamedTuple):
    """What networks say of origins, in minutes: `mean` (origins, leads, stations, directions) and `quantiles` (…, levels);
    and the first guess that they were given, `guess` (origins, stations, directions, GUESS_WIDTH)."""

    mean: np.ndarray
    quantiles: np.ndarray
    guess: np.ndarray


@dataclass(frozen=True)
class OpinionPool:
    """The share of each of OPINIONS in the `mean` and in the `middle` quantile, each (GROUPS, OPINIONS)."""

    mean: np.ndarray
    middle: np.ndarray

    @classmethod
    def fit(
        cls, levels: Sequence[float], told: Sequence[NetworkOutputs], truth: Sequence[np.ndarray]
    ) -> Self:
        """Learn the shares with the least squared error of the mean and the least absolute error of the middle quantile, of
        several days; `truth` is the headway in minutes, NaN where it does not count, as `told` has its mean."""
        place = middle_place(levels)
        rows = [_rows(one.mean, one.quantiles[..., place], one.guess) for one in told]
        group, of_mean, of_middle = (np.concatenate(part) for part in zip(*rows, strict=True))
        came = np.concatenate([headway.ravel() for headway in truth])
        counts, shares = np.isfinite(came), _shares()
        mean, middle = (np.zeros((np.prod(GROUPS), len(OPINIONS))) for _ in "ab")
        mean[:, 0] = middle[:, 0] = 1.0
        for number in np.unique(group[counts]):
            own = counts & (group == number)
            if own.sum() >= FEWEST_CELLS:
                mean[number] = _best(shares, of_mean[own], came[own], np.square)
                middle[number] = _best(shares, of_middle[own], came[own], np.abs)
        return cls(*(found.reshape(*GROUPS, len(OPINIONS)) for found in (mean, middle)))

    def apply(self, levels: Sequence[float], told: NetworkOutputs) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and quantiles of the pool; all quantiles move with the middle one."""
        place = middle_place(levels)
        alone = told.quantiles[..., place]
        group, of_mean, of_middle = _rows(told.mean, alone, told.guess)
        mean = np.sum(self.mean.reshape(-1, len(OPINIONS))[group] * of_mean, axis=-1)
        middle = np.sum(self.middle.reshape(-1, len(OPINIONS))[group] * of_middle, axis=-1)
        moved = middle.reshape(alone.shape) - alone
        return mean.reshape(alone.shape), told.quantiles + moved[..., None]


def _rows(mean: np.ndarray, middle: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, ...]:
    """The group of each cell (cells,), and OPINIONS on its mean and on its middle quantile, each (cells, OPINIONS)."""
    simple = forecasts_by_lead(guess)[:, : mean.shape[1]]
    of_mean, of_middle = (
        np.concatenate([own[..., None], simple], axis=-1).reshape(-1, len(OPINIONS)) for own in (mean, middle)
    )
    _, lead, _, direction = np.indices(mean.shape)
    due = guess[:, None, ..., ARRIVES_IN] < lead + 1
    apart = np.digitize(of_middle[:, 0] - of_middle[:, CLIMATOLOGY], FROM_USUAL_MINS)
    return (
        np.ravel_multi_index((lead.ravel(), direction.ravel(), due.ravel().astype(int), apart), GROUPS),
        of_mean,
        of_middle,
    )


def _shares() -> np.ndarray:
    """All shares that there are, those that believe the network most at the end: (choices, OPINIONS)."""
    parts = product(range(PARTS + 1), repeat=len(OPINIONS))
    return np.array([shares for shares in parts if sum(shares) == PARTS]) / PARTS


def _best(shares: np.ndarray, opinions: np.ndarray, came: np.ndarray, loss: np.ufunc) -> np.ndarray:
    """The shares with the least mean loss, of equals the last ones: (OPINIONS,)."""
    losses = loss(opinions @ shares.T - came[:, None]).mean(axis=0)
    return shares[len(shares) - 1 - int(np.argmin(losses[::-1]))]
