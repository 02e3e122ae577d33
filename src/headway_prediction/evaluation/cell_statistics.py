"""From truth and forecast to additive sums: statistics of every scored cell, summed per bin and population.

Sums are `xarray.DataArray`s with the dims population (`valid`: all scored cells; `event`: those in whose minute a train
passed), statistic, and the bins: leads, platforms, hours or conditions. Sums of disjoint cells add up to the sums of all
of them, so days and bins may be added in any order before `evaluation.metrics` are taken.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from headway_prediction.evaluation.truth import CONDITIONS, Truth, condition_of
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, LEADS, Forecast
from headway_prediction.transit.clock import SCORED_DAY_MINS

STATISTICS = (
    "count", "missing", "truth", "truth_squared", "forecast", "forecast_squared", "absolute_error", "squared_error",
    "at_or_below_p50", "draw", "draw_squared", "covered", "interval_score", "pinball_loss", "at_or_below_p10",
    "at_or_below_p90",
)  # fmt: skip
INTERVAL = (0.1, 0.9)
POPULATIONS = ("valid", "event")
HOURS = SCORED_DAY_MINS // 60


@dataclass(frozen=True)
class Sums:
    """The sums of some cells in four binnings.

    By lead (1 … 15); by station and direction; by hour of valid_time; by condition of the line at the origin (quiet,
    disturbed or unknown) and lead.
    """

    by_lead: xr.DataArray
    by_platform: xr.DataArray
    by_hour: xr.DataArray
    by_condition: xr.DataArray


def total(sums: xr.DataArray, *bins: str) -> xr.DataArray:
    """Add up the sums along `bins`; a statistic that is NaN in one of them is NaN in the total."""
    return sums.sum(bins, skipna=False)


def day_sums(truth: Truth, forecast: Forecast | None, levels: Collection[float]) -> Sums:
    """Sum the statistics of one service date; without a forecast every cell is missing."""
    cells = cell_statistics(truth, forecast, levels)
    # (populations, statistics, origins, leads, stations, directions)
    sums = np.stack([cells, cells * truth.event])
    windows, leads = sums.sum(axis=(4, 5)), np.arange(1, LEADS + 1)
    return Sums(
        _named(windows.sum(axis=2), lead=leads),
        _named(sums.sum(axis=(2, 3)), station=np.arange(sums.shape[4]), direction=np.arange(sums.shape[5])),
        _named(_by_hour(windows, truth.origins), hour=np.arange(HOURS)),
        _named(_by_condition(windows, truth.irregularity), condition=list(CONDITIONS), lead=leads),
    )


def _by_hour(windows: np.ndarray, origins: np.ndarray) -> np.ndarray:
    minutes = np.minimum(origins[:, None] + np.arange(1, LEADS + 1), SCORED_DAY_MINS - 1)
    in_hour = minutes.reshape(-1, 1) // 60 == np.arange(HOURS)
    return np.asarray(windows.reshape(*windows.shape[:2], -1) @ in_hour)


def _by_condition(windows: np.ndarray, irregularity: np.ndarray) -> np.ndarray:
    in_condition = condition_of(irregularity)[:, None] == np.arange(len(CONDITIONS))
    # (populations, statistics, leads, origins) to (populations, statistics, conditions, leads)
    return np.swapaxes(np.swapaxes(windows, 2, 3) @ in_condition, 2, 3)


def _named(sums: np.ndarray, **bins: Any) -> xr.DataArray:
    coordinates = {"population": list(POPULATIONS), "statistic": list(STATISTICS), **bins}
    return xr.DataArray(sums, coordinates, tuple(coordinates))


def cell_statistics(truth: Truth, forecast: Forecast | None, levels: Collection[float]) -> np.ndarray:
    """Return STATISTICS of every cell: (statistics, origins, leads, stations, directions); 0 where not valid.

    The absolute error is the median's, the squared error the mean's. Statistics of the interval are NaN for a method
    whose quantile `levels` do not hold 0.1 and 0.9; a draw from its forecast is the mean itself.
    """
    actual = np.where(truth.valid, truth.headway, 0.0).astype(np.float64)
    filled = scored_forecast(forecast, truth, levels)
    mean, median = filled.mean, filled.quantiles[0.5]
    has_interval = set(INTERVAL) <= set(levels)
    statistics = [
        np.ones_like(actual), is_missing(forecast, truth), actual, actual**2, mean, mean**2,
        np.abs(median - actual), (mean - actual) ** 2, actual <= median,
        *(draw_moments(_scored_quantiles(filled), truth.cap_mins) if has_interval else (mean, mean**2)),
        *(_interval_statistics(actual, filled) if has_interval else [np.full_like(actual, np.nan)] * 5),
    ]  # fmt: skip
    return np.asarray(np.stack(statistics) * truth.valid)


def scored_forecast(forecast: Forecast | None, truth: Truth, levels: Collection[float]) -> Forecast:
    """Return the forecast at the truth's origins and the quantile `levels`, gaps filled as they are scored.

    Where only one of mean and median is given it stands for both; a missing forecast is 10 minutes (docs/methodology.md).
    """
    mean = _at_origins(forecast, truth, None)
    median = _at_origins(forecast, truth, 0.5)
    mean, median = np.where(np.isfinite(mean), mean, median), np.where(np.isfinite(median), median, mean)
    outer = {level: _at_origins(forecast, truth, level) for level in levels if level != 0.5}
    quantiles = {level: _filled(cells) for level, cells in (outer | {0.5: median}).items()}
    return Forecast(truth.service_date, truth.origins, _filled(mean), quantiles)


def is_missing(forecast: Forecast | None, truth: Truth) -> np.ndarray:
    """Return which cells have neither mean nor median: bool (origins, leads, stations, directions)."""
    has_mean, has_median = (np.isfinite(_at_origins(forecast, truth, level)) for level in (None, 0.5))
    return np.asarray(~(has_mean | has_median))


def _filled(cells: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(cells), cells, FALLBACK_HEADWAY_MINS)


def _at_origins(forecast: Forecast | None, truth: Truth, level: float | None) -> np.ndarray:
    """The mean (level None) or a quantile at the truth's origins, float64; NaN where the forecast has none."""
    found = np.full(truth.headway.shape, np.nan)
    cells = None if forecast is None else forecast.mean if level is None else forecast.quantiles.get(level)
    if forecast is not None and cells is not None:
        _, at_truth, at_forecast = np.intersect1d(truth.origins, forecast.origins, return_indices=True)
        found[at_truth] = cells[at_forecast]
    return found


def _scored_quantiles(forecast: Forecast) -> dict[float, np.ndarray]:
    return {level: forecast.quantiles[level] for level in (INTERVAL[0], 0.5, INTERVAL[1])}


def _interval_statistics(actual: np.ndarray, forecast: Forecast) -> list[np.ndarray]:
    """Whether [p10, p90] holds the truth, its interval score (Gneiting & Raftery 2007, eq. 43), the mean pinball loss, and
    whether the truth is at most p10, and p90."""
    low, high = (forecast.quantiles[level] for level in INTERVAL)
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    score = high - low + 2 / (1 - (INTERVAL[1] - INTERVAL[0])) * outside
    losses = [_pinball(actual - quantile, level) for level, quantile in _scored_quantiles(forecast).items()]
    covered = (low <= actual) & (actual <= high)
    return [covered, score, np.mean(losses, axis=0), actual <= low, actual <= high]


def _pinball(excess: np.ndarray, level: float) -> np.ndarray:
    return np.maximum(level * excess, (level - 1) * excess)


def draw_moments(quantiles: Mapping[float, np.ndarray], cap_mins: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a draw from a forecast distribution and of its square, each of the shape of the `quantiles`.

    `quantiles` are in minutes, by level. Between neighbouring quantiles the density is constant; beyond the outer ones it
    falls off exponentially from the height it has beside them (the distribution of Quiñonero-Candela et al. 2006, as in
    Cannon 2011), and what would lie below 0 or above `cap_mins` lies on the bound, as truth does. Quantiles that cross are
    sorted first. Moments need no random numbers, and add up over cells.
    """
    levels = sorted(quantiles)
    ordered = np.sort(np.stack([quantiles[level] for level in levels]).astype(np.float64), axis=0)
    masses, widths = np.diff(levels), np.diff(ordered, axis=0)
    parts = [_uniform(mass, low, high) for mass, low, high in zip(masses, ordered, ordered[1:], strict=False)]
    below, above = levels[0], 1 - levels[-1]
    parts.append(_tail(below, ordered[0], -1, widths[0] * below / masses[0], ordered[0]))
    parts.append(_tail(above, ordered[-1], 1, widths[-1] * above / masses[-1], cap_mins - ordered[-1]))
    return _sum([first for first, _ in parts]), _sum([second for _, second in parts])


def _sum(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sum(parts, axis=0))


def _uniform(mass: float, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return mass * (low + high) / 2, mass * (low**2 + low * high + high**2) / 3


def _tail(
    mass: float, edge: np.ndarray, sign: int, scale: np.ndarray, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Moments of edge + sign · min(E, room), where E is exponential with mean `scale`."""
    room, scale = np.maximum(room, 0.0), np.maximum(scale, 1e-9)
    ratio = room / scale
    beyond = np.exp(-ratio)  # the share that lies on the bound
    excess = scale * (1 - beyond)
    excess_squared = 2 * scale**2 * (1 - beyond * (1 + ratio))
    return mass * (edge + sign * excess), mass * (edge**2 + 2 * sign * edge * excess + excess_squared)
