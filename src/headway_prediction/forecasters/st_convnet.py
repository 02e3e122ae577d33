"""The ST-ConvNet as a forecaster: the grid of a service date to windows, through the network, back to minutes."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import to_matrices

if TYPE_CHECKING:
    import keras

BATCH = 32
"""Every batch has this size, the last one padded: a forecast must not depend on how many others are made with it."""


@dataclass(frozen=True)
class STConvNetForecaster:
    """A trained network and the settings of its windows and scale."""

    network: "keras.Model"
    config: AppConfig
    name: ClassVar[str] = "st-convnet"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast leads 1 to 15 from each origin; before the service day there is nothing, so nothing is known."""
        headway, schedule = self._windows(history, service_date, np.asarray(origins))
        scaled = self._predict(headway, schedule)[..., 0]  # (origins, leads, stations, directions)
        cap_mins = history.grid.attrs["cap_mins"]
        return Forecast.of_points(service_date, origins, np.clip(scaled * self.config.scaler, 0.0, cap_mins))

    def _windows(
        self, history: LineHistory, service_date: date, origins: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        past, future = self.config.lookback_mins, self.config.forecast_mins
        headway, schedule = DataLoader(self.config).preprocess(*to_matrices(history.day(service_date)))
        headway_in = _gather(np.nan_to_num(headway), origins[:, None] + np.arange(1 - past, 1))
        return headway_in, _gather(schedule, origins[:, None] + np.arange(1, future + 1))

    def _predict(self, headway: np.ndarray, schedule: np.ndarray) -> np.ndarray:
        missing = -len(headway) % BATCH
        padded = [
            np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
            for part in (headway, schedule)
        ]
        return np.asarray(self.network.predict(tuple(padded), batch_size=BATCH, verbose=0))[: len(headway)]


def _gather(rows: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Rows of the service day at `minutes` (origins, window); zeros (nothing known) outside the day."""
    inside = (minutes >= 0) & (minutes < len(rows))
    gathered = rows[np.clip(minutes, 0, len(rows) - 1)]
    return gathered * inside.reshape(*inside.shape, *([1] * (rows.ndim - 1))).astype(rows.dtype)
