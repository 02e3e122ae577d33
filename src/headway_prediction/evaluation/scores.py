"""From truth and forecast to additive sums: statistics of every cell, summed per bin and population.

Sums are `xarray.DataArray`s with the dims population (`valid`: all scored cells; `event`: those in whose minute a train
passed), statistic, and the bins: leads, platforms, hours or conditions. Sums of disjoint cells add up to the sums of all
of them, so days and bins may be added in any order before `metrics` are taken.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import xarray as xr

from headway_prediction.evaluation.cell_statistics import STATISTICS, cell_statistics
from headway_prediction.evaluation.disturbance import CONDITIONS, condition_of
from headway_prediction.evaluation.truth import Truth
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.transit.clock import SCORED_DAY_MINS

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
    """Add up the sums along `bins`; what is NaN in one of them is NaN in all of them together."""
    return sums.sum(bins, skipna=False)


def day_sums(truth: Truth, forecast: Forecast | None, levels: Collection[float]) -> Sums:
    """Sum the statistics of one service date (no forecast at all: every cell is missing)."""
    cells = cell_statistics(truth, forecast, levels)
    sums = np.stack(
        [cells, cells * truth.event]
    )  # (populations, statistics, origins, leads, stations, directions)
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
    return windows.reshape(*windows.shape[:2], -1) @ in_hour


def _by_condition(windows: np.ndarray, irregularity: np.ndarray) -> np.ndarray:
    in_condition = condition_of(irregularity)[:, None] == np.arange(len(CONDITIONS))
    # (populations, statistics, leads, origins) to (populations, statistics, conditions, leads)
    return np.swapaxes(np.swapaxes(windows, 2, 3) @ in_condition, 2, 3)


def _named(sums: np.ndarray, **bins: np.ndarray) -> xr.DataArray:
    coordinates = {"population": list(POPULATIONS), "statistic": list(STATISTICS), **bins}
    return xr.DataArray(sums, coordinates, tuple(coordinates))
