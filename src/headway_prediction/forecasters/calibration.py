"""Calibration: stretch quantiles until the right share of validation event cells falls below each.

Conformalised quantile regression (Romano, Patterson & Candès 2019), locally weighted: the stretch multiplies the distance
from the middle quantile, so narrow intervals widen by fewer minutes. Fitted at event cells, lead by lead, on days that the
network was not trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from headway_prediction.config import middle_index

NEIGHBOUR_LEADS = 1
"""Leads on either side that are calibrated together, for a stable estimate."""
MIN_DISTANCE_MINS = 0.05
"""Minimum distance from the middle quantile: a distance of zero could not be stretched."""
MIN_STRETCH, MAX_STRETCH = 0.01, 20.0
MAX_STRETCH_CHANGE = 2.0
"""Averaging a few networks changes widths by some per cent; a larger change is noise."""
MARGINS_MINS = np.arange(0.0, 30.0, 0.5)
MAX_CHANGED_SHARE = 0.002
SAME_MINS = 0.01


@dataclass(frozen=True)
class ValidationCells:
    """Forecasts and truth of the valid cells of validation days, in any order, each (cells,) unless stated.

    In minutes: `mean`, `quantiles` (cells, levels), `truth`, `held` (the headway at t0, NaN where none), `typical` (the
    typical headway at the valid time) and `arrives_in` (until the next train is expected, from the end of t0). `lead`
    counts from 1; `event` masks event cells.
    """

    mean: np.ndarray
    quantiles: np.ndarray
    truth: np.ndarray
    event: np.ndarray
    typical: np.ndarray
    held: np.ndarray
    arrives_in: np.ndarray
    lead: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """`stretch` (leads, levels) multiplies the distance of each quantile, of rising `levels` (levels,), from the middle one.

    `margin_mins`: a platform whose next train is expected that much after the lead's minute keeps its held headway.
    """

    levels: np.ndarray
    stretch: np.ndarray
    margin_mins: np.ndarray

    @classmethod
    def fit(
        cls,
        levels: tuple[float, ...],
        leads: int,
        cells: ValidationCells,
        neighbour_leads: int = NEIGHBOUR_LEADS,
    ) -> Self:
        """Fit on validation cells; a lead without event cells within `neighbour_leads` of it is not stretched."""
        stretch = np.ones((leads, len(levels)))
        for lead in range(1, leads + 1):
            near = cells.event & (np.abs(cells.lead - lead) <= neighbour_leads)
            if near.any():
                stretch[lead - 1] = _stretch(levels, cells.quantiles[near], cells.truth[near])
        return cls(np.array(levels), stretch, np.array(_margin(cells)))

    def for_ensemble(self, single: "Calibration", ensemble: "Calibration") -> "Calibration":
        """Return the calibration of the average of several networks, where this one calibrates each of them.

        An average is more accurate than its members and would be stretched too far. The correction is estimated on days that
        all members were trained on: there `single` was fitted to each member's forecasts, `ensemble` to their average.
        """
        ratio = ensemble.stretch / np.maximum(single.stretch, MIN_STRETCH)
        stretch = self.stretch * ratio.clip(1 / MAX_STRETCH_CHANGE, MAX_STRETCH_CHANGE)
        return replace(self, stretch=stretch)

    def monotone(self, cells: ValidationCells) -> Self:
        """Return the nearest calibration whose mean interval width at event cells never narrows with the lead.

        Isotonic regression weighted by the number of event cells (Barlow, Bartholomew, Bremner & Brunk 1972, Statistical
        Inference under Order Restrictions). A lead without event cells is unchanged.
        """
        stretch, middle = self.stretch.copy(), self._middle
        distance = np.maximum(np.abs(cells.quantiles - cells.quantiles[:, middle, None]), MIN_DISTANCE_MINS)
        at = [cells.event & (cells.lead == lead) for lead in range(1, len(stretch) + 1)]
        events = np.array([here.sum() for here in at])
        observed = events > 0
        if observed.any():
            mean_distance = np.array([distance[here].mean(axis=0) for here in at if here.any()])
            widths = mean_distance * stretch[observed]
            stretch[observed] = np.apply_along_axis(isotonic, 0, widths, events[observed]) / mean_distance
        return replace(self, stretch=stretch)

    @property
    def _middle(self) -> int:
        return middle_index(self.levels.tolist())

    def apply(self, quantiles: np.ndarray, held: np.ndarray, arrives_in: np.ndarray) -> np.ndarray:
        """Return calibrated quantiles; `quantiles` (origins, leads, stations, directions, levels) in minutes.

        `held` and `arrives_in` have shape (origins, stations, directions). Where no train is expected by the lead's
        minute and `margin_mins` more, all quantiles are the held headway.
        """
        middle = quantiles[..., self._middle, None]
        side = np.sign(self.levels - self.levels[self._middle])
        distance = side * np.maximum(side * (quantiles - middle), MIN_DISTANCE_MINS)
        # Where two levels lie on one side, the nearer can be stretched beyond the farther.
        stretched = np.sort(middle + distance * self.stretch[None, :, None, None, :], axis=-1)
        ends = np.arange(1, quantiles.shape[1] + 1)[None, :, None, None]
        fixed = (arrives_in[:, None] >= ends + self.margin_mins) & np.isfinite(held)[:, None]
        return np.where(fixed[..., None], np.nan_to_num(held)[:, None, ..., None], stretched)

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitted arrays."""
        return {"levels": self.levels, "stretch": self.stretch, "margin_mins": self.margin_mins}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        return cls(state["levels"], state["stretch"], state["margin_mins"])


def _stretch(levels: tuple[float, ...], quantiles: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The factor of each level that puts that share of the truth below its quantile: (levels,)."""
    middle = quantiles[:, middle_index(levels)]
    factors = np.ones(len(levels))
    for place, level in enumerate(levels):
        if place != middle_index(levels):
            side = np.sign(level - levels[middle_index(levels)])
            distance = np.maximum(side * (quantiles[:, place] - middle), MIN_DISTANCE_MINS)
            factors[place] = np.quantile(side * (truth - middle) / distance, max(level, 1 - level))
    return factors.clip(0.0, MAX_STRETCH)


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the non-decreasing values nearest to `values` (n,) by weighted squares, by the min-max formula: (n,)."""
    total, weight = np.append(0.0, np.cumsum(weights * values)), np.append(0.0, np.cumsum(weights))
    first, end = np.indices((len(values), len(values)))
    means = np.where(
        end >= first,
        (total[end + 1] - total[first]) / np.maximum(weight[end + 1] - weight[first], 1e-12),
        np.inf,
    )
    smallest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    largest: np.ndarray = np.maximum.accumulate(np.where(end >= first, smallest, -np.inf), axis=0)
    return largest.diagonal()


def _margin(cells: ValidationCells) -> float:
    """The smallest margin beyond which at most MAX_CHANGED_SHARE of the held headways changed; infinite where none."""
    known = np.isfinite(cells.held)
    changed = np.abs(cells.truth - cells.held)[known] > SAME_MINS
    spare = (cells.arrives_in - cells.lead)[known]
    for margin in MARGINS_MINS:
        beyond = spare >= margin
        if beyond.any() and changed[beyond].mean() <= MAX_CHANGED_SHARE:
            return float(margin)
    return np.inf
