"""The ST-ConvNet as a forecaster: from the grid and prior of a service date through the networks to calibrated minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Protocol

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.forecasters.base import LEADS, Forecast, held_values
from headway_prediction.forecasters.blend import Blend, NetworkOutputs
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.onnx_network import OnnxNetwork, outputs_of
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from headway_prediction.grid.matrices import to_matrices
from headway_prediction.nn.prior_channels import ARRIVES_IN


class PriorSource(Protocol):
    """Where a network's prior comes from: fitted once, or on the recent days of the line that is forecast."""

    def channels(
        self, history: LineHistory, service_date: date, origins: np.ndarray, leads: int = LEADS
    ) -> np.ndarray:
        """Return the prior as `nn.prior_channels` lays it out: (origins, stations, directions, `prior_width(leads)`)."""
        ...

    def fitted(self, origin: ForecastOrigin) -> FittedPrior:
        """Return the prior that may be used at an origin."""
        ...


@dataclass(frozen=True)
class STConvNetForecaster:
    """Trained `networks`, whose outputs are averaged, with their settings and the source of their prior.

    Without `calibration` quantiles stay as the networks output them; without `blend` the networks forecast alone.
    """

    networks: Sequence[OnnxNetwork]
    config: AppConfig
    prior: PriorSource
    calibration: Calibration | None
    blend: Blend | None = None
    name: ClassVar[str] = "st-convnet"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the leads of the networks from each origin; inputs before the service day are missing."""
        origins = np.asarray(origins)
        inputs = self.inputs(history, service_date, origins)
        mean, quantiles = self.outputs(inputs)
        if self.calibration is not None:
            held = held_values(history, service_date, origins)
            quantiles = self.calibration.apply(quantiles, held, inputs[2][..., ARRIVES_IN])
        return self.of_outputs(history, service_date, origins, mean, quantiles)

    def of_outputs(
        self,
        history: LineHistory,
        service_date: date,
        origins: np.ndarray,
        mean: np.ndarray,
        quantiles: np.ndarray,
    ) -> Forecast:
        """Return outputs as a Forecast, clipped to 0 and the cap."""
        cap_mins = history.grid.attrs["cap_mins"]
        return forecast_of(service_date, origins, mean, quantiles, self.config.quantiles, cap_mins)

    def inputs(self, history: LineHistory, service_date: date, origins: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return headway_in, schedule_in and prior_in of each origin, as the networks take them."""
        prior = self.prior.channels(history, service_date, origins, self.config.forecast_mins)
        return (*self._windows(history, service_date, origins), prior)

    def outputs(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (rows, leads, stations, directions) and quantiles (…, levels) in minutes, not calibrated."""
        return self.averaged(outputs_of(self.networks, inputs), inputs[2])

    def averaged(self, outputs: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `outputs` does from the outputs of networks, scaled, and their prior input."""
        minutes = self.config.scaler * np.mean(outputs, axis=0)
        return self.blended(NetworkOutputs(minutes[..., 0], minutes[..., 1:], prior))

    def blended(self, outputs: NetworkOutputs) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and quantiles of the networks' outputs, blended where there is a blend."""
        if self.blend is None:
            return outputs.mean, outputs.quantiles
        return self.blend.apply(self.config.quantiles, outputs)

    def _windows(
        self, history: LineHistory, service_date: date, origins: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        past, future = self.config.lookback_mins, self.config.forecast_mins
        first = max(int(origins.min()) + 1 - past, 0)
        day = history.day(service_date).isel(time=slice(first, int(origins.max()) + future + 1))
        headway, schedule = DataLoader(self.config).preprocess(*to_matrices(day))
        seen, ahead = origins[:, None] + np.arange(1 - past, 1), origins[:, None] + np.arange(1, future + 1)
        return _gather(np.nan_to_num(headway), seen - first), _gather(schedule, ahead - first)


def forecast_of(
    service_date: date,
    origins: np.ndarray,
    mean: np.ndarray,
    quantiles: np.ndarray,
    levels: Sequence[float],
    cap_mins: float,
) -> Forecast:
    """Return a Forecast clipped to 0 and the cap; `quantiles` have the levels last."""
    mean, quantiles = (np.clip(part, 0.0, cap_mins).astype(np.float32) for part in (mean, quantiles))
    return Forecast(service_date, origins, mean, {level: quantiles[..., i] for i, level in enumerate(levels)})


def _gather(rows: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Rows at `minutes` (origins, window) after the first row; zeros (missing) where there are none."""
    inside = (minutes >= 0) & (minutes < len(rows))
    gathered = rows[np.clip(minutes, 0, len(rows) - 1)]
    mask = inside.reshape(*inside.shape, *([1] * (rows.ndim - 1))).astype(rows.dtype)
    return np.asarray(gathered * mask)
