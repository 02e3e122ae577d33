"""Matrices in: two `.npy` files or a grid -> checked, scaled float32 arrays with NaN where nothing is known."""

from pathlib import Path

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.windows import days_of_1440_rows

HEADWAY_ONLY, WITH_STATE = 1, 4
HEADWAY, ELAPSED, ARRIVED, VALID = range(WITH_STATE)


class DataLoader:
    """Reads a line's matrices and brings them into the shape and range the network takes."""

    def __init__(self, config: AppConfig):
        self.config = config

    def load_raw_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return headway `(time, stations, directions[, channels])` and schedule `(time, directions[, channels])`.

        Minutes, NaN is missing; read from the two `.npy` files, or from a grid when `headway_file` ends with
        `.zarr`. Raises HeadwayError for a file that is missing or unreadable and for matrices of the wrong rank,
        length, type or with infinite or negative headways.
        """
        if _is_grid(self.config.headway_path):
            headway, schedule = _matrices_of_grid(self.config.headway_path)
        else:
            headway, schedule = _read_npy(self.config.headway_path), _read_npy(self.config.schedule_path)
        check_matrices(headway, schedule)
        return headway, schedule

    def load_service_days(self, length: int) -> np.ndarray:
        """Return the service day of each of `length` rows as sorted integers, `(length,)`.

        From `service_day_file`, from the grid's service dates, or, without either, 1440 rows a day. Raises
        HeadwayError for a vector of another length, or one that is not whole numbers in order.
        """
        if self.config.service_day_path is not None:
            days = _read_npy(self.config.service_day_path)
        elif _is_grid(self.config.headway_path):
            days = _service_days_of_grid(self.config.headway_path)
        else:
            days = days_of_1440_rows(length)
        return _checked_days(days, length)

    def preprocess(self, headway: np.ndarray, schedule: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scaled float32 `(time, stations, directions, channels)` and `(time, directions, channels)`.

        Minutes are divided by `scaler` and clipped to [0, 1], flags stay flags. Headways alone get a valid flag as
        second channel, a plan alone gets a planned flag. Channel 0 of headway is NaN where invalid; no other
        channel holds NaN. Raises HeadwayError as `load_raw_data` does.
        """
        check_matrices(headway, schedule)
        return self._scaled_headway(headway), self._scaled_schedule(schedule)

    def _scaled_headway(self, headway: np.ndarray) -> np.ndarray:
        raw = headway if headway.ndim == 4 else headway[..., np.newaxis]
        with_state = raw.shape[-1] == WITH_STATE
        scaled = np.zeros((*raw.shape[:3], WITH_STATE if with_state else 2), np.float32)
        valid = ~np.isnan(raw[..., HEADWAY])
        if self.config.zero_is_missing:
            valid &= raw[..., HEADWAY] != 0
        if with_state:
            valid &= raw[..., VALID] > 0
            scaled[..., ELAPSED] = self._share_of_scaler(np.nan_to_num(raw[..., ELAPSED]))
            scaled[..., ARRIVED] = np.nan_to_num(raw[..., ARRIVED]) > 0
        scaled[..., -1] = valid
        scaled[..., HEADWAY] = np.where(valid, self._share_of_scaler(raw[..., HEADWAY]), np.nan)
        return scaled

    def _scaled_schedule(self, schedule: np.ndarray) -> np.ndarray:
        raw = schedule if schedule.ndim == 3 else schedule[..., np.newaxis]
        alone = raw.shape[-1] == 1
        scaled = np.zeros((*raw.shape[:2], 2 if alone else raw.shape[-1]), np.float32)
        scaled[..., 0] = self._share_of_scaler(np.nan_to_num(raw[..., 0]))
        scaled[..., 1:] = ~np.isnan(raw) if alone else np.nan_to_num(raw[..., 1:])
        return scaled

    def _share_of_scaler(self, minutes: np.ndarray) -> np.ndarray:
        return np.clip(minutes / self.config.scaler, 0.0, 1.0)


def check_matrices(headway: np.ndarray, schedule: np.ndarray) -> None:
    """Raise HeadwayError unless both matrices are numeric, fit each other, and hold no infinite or negative minutes."""
    _check_rank("headway", headway, (3, 4), "(time, stations, directions[, channels])")
    _check_rank("schedule", schedule, (2, 3), "(time, directions[, channels])")
    if headway.ndim == 4 and headway.shape[-1] not in (HEADWAY_ONLY, WITH_STATE):
        raise HeadwayError(
            f"the headway matrix has {headway.shape[-1]} channels",
            "1 (headway) or 4 (headway, elapsed, arrived, valid)",
            "save it with one of these sets of channels",
        )
    if len(headway) != len(schedule) or headway.shape[2] != schedule.shape[1]:
        raise HeadwayError(
            f"the headway matrix has {len(headway)} minutes and {headway.shape[2]} directions, the schedule matrix "
            f"{len(schedule)} and {schedule.shape[1]}",
            "the same minutes and directions in both",
            "export both matrices from the same period of the same line",
        )
    _check_minutes("headway", headway)
    _check_minutes("schedule", schedule)


def _check_rank(name: str, matrix: np.ndarray, ranks: tuple[int, int], axes: str) -> None:
    if not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool) or np.iscomplexobj(matrix):
        raise HeadwayError(
            f"the {name} matrix holds {matrix.dtype}", "numbers", f"save {name} minutes as floats"
        )
    if matrix.ndim not in ranks or 0 in matrix.shape:
        raise HeadwayError(
            f"the {name} matrix has the shape {matrix.shape}",
            axes,
            "save it with these axes, none of them empty",
        )


def _check_minutes(name: str, matrix: np.ndarray) -> None:
    if np.isinf(matrix).any():
        raise HeadwayError(
            f"the {name} matrix holds infinite values", "minutes", "write NaN where one is missing"
        )
    # NaN compares as false, so missing values pass.
    if (matrix < 0).any():
        raise HeadwayError(
            f"the {name} matrix holds negative values",
            "minutes of 0 or more",
            "write NaN where one is missing",
        )


def _checked_days(days: np.ndarray, length: int) -> np.ndarray:
    found = None
    if days.shape != (length,):
        found = f"the vector of service days has the shape {days.shape}"
    elif not np.issubdtype(days.dtype, np.integer):
        found = f"the vector of service days holds {days.dtype}"
    elif (np.diff(days.astype(np.int64)) < 0).any():
        found = "the vector of service days goes back in time"
    if found:
        raise HeadwayError(
            found,
            f"{length} whole numbers, one per row, never falling",
            "number the days of the rows in order",
        )
    return days.astype(np.int64)


def _read_npy(path: Path) -> np.ndarray:
    try:
        matrix: np.ndarray = np.load(path, allow_pickle=False)
        return matrix
    except FileNotFoundError as error:
        raise HeadwayError(
            f"there is no file {path}",
            "a NumPy matrix there",
            "check data_dir and the file's name in the settings",
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise HeadwayError(
            f"{path} could not be read ({error})",
            "a whole .npy file of numbers",
            "write it again with numpy.save",
        ) from error


def _is_grid(path: Path) -> bool:
    return path.suffix == ".zarr"


def _matrices_of_grid(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from headway_prediction.grid.matrices import to_matrices
    from headway_prediction.grid.store import read_grid

    return to_matrices(read_grid(path))


def _service_days_of_grid(path: Path) -> np.ndarray:
    from headway_prediction.grid.matrices import service_days
    from headway_prediction.grid.store import read_grid

    return service_days(read_grid(path))
