"""The grid as the two bare matrices of the network's door, in memory and as `.npy` files."""

from pathlib import Path

import numpy as np
import xarray as xr

from headway_prediction.files import atomic_path

HEADWAY_CHANNELS = ("headway", "elapsed", "arrived", "valid")
SCHEDULE_CHANNELS = (
    "planned_terminal_headway",
    "planned",
    "departure",
    "time_of_day_sine",
    "time_of_day_cosine",
    "weekend",
)
FILE_NAMES = ("headway_matrix_full.npy", "schedule_matrix_full.npy", "service_days.npy")


def to_matrices(grid: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return headway (time, stations, directions, 4) and schedule (time, directions, 6), float32.

    The headway channels are HEADWAY_CHANNELS: headway and elapsed in minutes (headway NaN where invalid), arrived and
    valid as flags. The schedule channels are SCHEDULE_CHANNELS: the first in minutes (NaN without a plan), all further
    ones in [0, 1].
    """
    headway = grid["headway"].where(grid["valid"])
    channels = [headway, *(grid[name] for name in HEADWAY_CHANNELS[1:])]
    return np.stack([c.values.astype(np.float32) for c in channels], axis=-1), _schedule(grid)


def _schedule(grid: xr.Dataset) -> np.ndarray:
    planned = grid["planned_terminal_headway"].values
    angle = 2 * np.pi * grid["minute"].values / (24 * 60)
    weekend = grid["service_date"].dt.dayofweek.values >= 5
    calendar = np.stack([(1 + np.sin(angle)) / 2, (1 + np.cos(angle)) / 2, weekend], axis=-1)
    calendar = np.broadcast_to(calendar[:, None], (*planned.shape, calendar.shape[-1]))
    departure = grid["planned_departures"].values > 0
    own = np.stack([planned, np.isfinite(planned), departure], axis=-1)
    return np.concatenate([own, calendar], axis=-1).astype(np.float32)


def service_days(grid: xr.Dataset) -> np.ndarray:
    """Return the number of the service day of each row, counted from 1970-01-01 (int64)."""
    return grid["service_date"].values.astype("datetime64[D]").astype(np.int64)


def write_matrices(grid: xr.Dataset, folder: Path | str) -> list[Path]:
    """Write the two matrices and the vector of service days as `.npy` files; return their paths."""
    paths = [Path(folder) / name for name in FILE_NAMES]
    for path, matrix in zip(paths, (*to_matrices(grid), service_days(grid)), strict=True):
        with atomic_path(path) as fresh, fresh.open("wb") as stream:
            np.save(stream, matrix)
    return paths
