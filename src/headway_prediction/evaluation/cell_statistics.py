"""The statistics of every scored cell; whoever adds them up (see `scores`) can take metrics from the sums."""

from collections.abc import Collection

import numpy as np

from headway_prediction.evaluation.distribution import draw_moments
from headway_prediction.evaluation.truth import Truth
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast

STATISTICS = (
    "count", "missing", "truth", "truth_squared", "forecast", "forecast_squared", "absolute_error", "squared_error",
    "at_or_below_p50", "draw", "draw_squared", "covered", "interval_score", "pinball_loss", "at_or_below_p10",
    "at_or_below_p90",
)  # fmt: skip
INTERVAL = (0.1, 0.9)


def scored_forecast(forecast: Forecast | None, truth: Truth, levels: Collection[float]) -> Forecast:
    """Return the forecast at the truth's origins and the quantile `levels`, gaps filled as they are scored.

    Where only one of mean and median is given it stands for both; a missing forecast is 10 minutes (PROTOCOL.md).
    """
    mean = _at_origins(forecast, truth, None)
    median = _at_origins(forecast, truth, 0.5)
    mean, median = np.where(np.isfinite(mean), mean, median), np.where(np.isfinite(median), median, mean)
    outer = {level: _at_origins(forecast, truth, level) for level in levels if level != 0.5}
    quantiles = {level: _filled(cells) for level, cells in (outer | {0.5: median}).items()}
    return Forecast(truth.service_date, truth.origins, _filled(mean), quantiles)


def _filled(cells: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(cells), cells, FALLBACK_HEADWAY_MINS)


def _at_origins(forecast: Forecast | None, truth: Truth, level: float | None) -> np.ndarray:
    """The mean (level None) or a quantile at the truth's origins, float64; NaN where the forecast has none."""
    found = np.full(truth.headway.shape, np.nan)
    cells = None if forecast is None else forecast.mean if level is None else forecast.quantiles.get(level)
    if cells is not None:
        _, at_truth, at_forecast = np.intersect1d(truth.origins, forecast.origins, return_indices=True)
        found[at_truth] = cells[at_forecast]
    return found


def is_missing(forecast: Forecast | None, truth: Truth) -> np.ndarray:
    """Tell the cells with neither mean nor median: (origins, leads, stations, directions)."""
    return ~(np.isfinite(_at_origins(forecast, truth, None)) | np.isfinite(_at_origins(forecast, truth, 0.5)))


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
        *(draw_moments(_judged(filled), truth.cap_mins) if has_interval else (mean, mean**2)),
        *(_interval_statistics(actual, filled) if has_interval else [np.full_like(actual, np.nan)] * 5),
    ]  # fmt: skip
    return np.stack(statistics) * truth.valid


def _judged(forecast: Forecast) -> dict[float, np.ndarray]:
    return {level: forecast.quantiles[level] for level in (INTERVAL[0], 0.5, INTERVAL[1])}


def _interval_statistics(actual: np.ndarray, forecast: Forecast) -> list[np.ndarray]:
    """Whether [p10, p90] holds the truth, its interval score (Gneiting & Raftery 2007, eq. 43), the mean pinball loss, and
    whether the truth is at most p10, and p90."""
    low, high = (forecast.quantiles[level] for level in INTERVAL)
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    score = high - low + 2 / (1 - (INTERVAL[1] - INTERVAL[0])) * outside
    losses = [_pinball(actual - quantile, level) for level, quantile in _judged(forecast).items()]
    covered = (low <= actual) & (actual <= high)
    return [covered, score, np.mean(losses, axis=0), actual <= low, actual <= high]


def _pinball(excess: np.ndarray, level: float) -> np.ndarray:
    return np.maximum(level * excess, (level - 1) * excess)
