"""The usual headways as a forecast with an interval: what is left to say when the feed is silent."""

from datetime import date

import numpy as np

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast
from headway_prediction.forecasters.baselines import SPREAD_LEVELS, Climatology
from headway_prediction.nn.quantiles import middle_index
from headway_prediction.transit.clock import SCORED_DAY_MINS, is_weekend

DEFAULT_SPREAD = (0.5, 1.5)
"""Times the usual headway, where a bundle does not hold the spread of its days: beyond it a train is bunched, or late."""


def climatology_forecast(bundle: Bundle, service_date: date, t0: int, leads: int) -> Forecast:
    """Return the usual headways at leads 1 to `leads`, with the spread that they have on single days as interval.

    Quantiles between the middle one and those of the spread lie on a straight line between them; beyond, on the spread.
    """
    climatology = bundle.simple_methods[Climatology.name]
    half_hours = np.minimum(t0 + np.arange(1, leads + 1), SCORED_DAY_MINS - 1) // 30
    kind = int(is_weekend(service_date))
    middle = climatology.medians[kind][half_hours]
    middle = np.where(np.isfinite(middle), middle, FALLBACK_HEADWAY_MINS)
    low, high = (_end(climatology, place, kind, half_hours, middle) for place in (0, 1))
    low, high = np.minimum(low, middle), np.minimum(np.maximum(high, middle), bundle.cap_mins)
    levels = bundle.config.quantiles
    middle_level = levels[middle_index(levels)]
    anchors = (SPREAD_LEVELS[0], middle_level, SPREAD_LEVELS[1])
    quantiles = {level: _between(level, anchors, (low, middle, high))[None] for level in levels}
    return Forecast(service_date, np.array([t0]), middle[None].astype(np.float32), quantiles)


def _end(
    climatology: Climatology, place: int, kind: int, half_hours: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    by_rule = DEFAULT_SPREAD[place] * middle
    if climatology.spread is None:
        return by_rule
    learned = climatology.spread[place, kind][half_hours]
    return np.where(np.isfinite(learned), learned, by_rule)


def _between(level: float, anchors: tuple[float, ...], values: tuple[np.ndarray, ...]) -> np.ndarray:
    stacked = np.stack(values)
    place = np.clip(np.searchsorted(anchors, level), 1, len(anchors) - 1)
    share = np.clip((level - anchors[place - 1]) / (anchors[place] - anchors[place - 1]), 0.0, 1.0)
    return ((1 - share) * stacked[place - 1] + share * stacked[place]).astype(np.float32)
