"""RMSE and R² at single horizons, per direction, in part of a day: the measures of the published experiment.

The error "at 15 minutes" is that of lead 15 alone: of the headways held at the end of minute t0 + 15, as the paper's Table 2
(Usama & Koutsopoulos, arXiv:2510.03121) is read here, not that of all leads up to it.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast
from headway_prediction.grid.history import LineHistory

HORIZONS = (15, 30, 45, 60)
STATISTICS = ("count", "truth", "truth_squared", "squared_error")


def origins_for(minutes: range, horizons: Sequence[int] = HORIZONS, step: int = 1) -> np.ndarray:
    """Return every `step`-th origin from which one of the horizons falls into `minutes` of the service day."""
    return np.arange(minutes.start - max(horizons), minutes.stop - min(horizons), step)


def horizon_sums(
    history: LineHistory, forecasts: Iterable[Forecast], minutes: range, horizons: Sequence[int] = HORIZONS
) -> xr.DataArray:
    """Sum the statistics of the valid cells whose valid time lies in `minutes`, each horizon by itself.

    Dims service_date (ISO text), statistic, horizon, direction; minutes and their squares. The mean is scored; where there
    is none, 10 minutes are. Sums of several service dates add up to the sums of all. Raises HeadwayError for a forecast
    that does not reach the longest horizon.
    """
    days = {
        forecast.service_date.isoformat(): _day_sums(history, forecast, minutes, horizons)
        for forecast in forecasts
    }
    coordinates = {
        "service_date": list(days),
        "statistic": list(STATISTICS),
        "horizon": list(horizons),
        "direction": [0, 1],
    }
    return xr.DataArray(np.array(list(days.values())), coordinates, tuple(coordinates))


def _day_sums(
    history: LineHistory, forecast: Forecast, minutes: range, horizons: Sequence[int]
) -> np.ndarray:
    """The sums of one service date: (statistics, horizons, directions)."""
    leads = forecast.mean.shape[1]
    if leads < max(horizons):
        raise HeadwayError(
            f"the forecast of {forecast.service_date} ends {leads} minutes ahead",
            f"one that reaches {max(horizons)} minutes",
            "make it with more leads",
        )
    at = np.array(horizons) - 1
    truth = day_truth(history, forecast.service_date, forecast.origins, leads=leads)
    inside = np.isin(forecast.origins[:, None] + np.array(horizons), minutes)[:, :, None, None]
    scored = truth.valid[:, at] & inside  # (origins, horizons, stations, directions)
    actual = np.where(scored, truth.headway[:, at], 0.0).astype(np.float64)
    given = forecast.mean[:, at]
    error = np.where(np.isfinite(given), given, FALLBACK_HEADWAY_MINS) - actual
    statistics = np.stack([np.ones_like(actual), actual, actual**2, error**2]) * scored
    return statistics.sum(axis=(1, 3))


def horizon_metrics(sums: xr.DataArray) -> xr.Dataset:
    """Return rmse_secs, r2 (against the mean of the valid truth) and the target's spread_secs, by horizon and direction."""
    totals = sums.sum("service_date")
    count = totals.sel(statistic="count", drop=True)
    truth, squared, error = (totals.sel(statistic=name, drop=True) / count for name in STATISTICS[1:])
    variance = squared - truth**2
    return xr.Dataset(
        {"rmse_secs": 60 * np.sqrt(error), "r2": 1 - error / variance, "spread_secs": 60 * np.sqrt(variance)}
    )
