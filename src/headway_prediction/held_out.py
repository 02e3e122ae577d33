"""Forecasts of days that the forecasting network was not trained on, beside what happened: what calibrations learn from."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.evaluation.truth import day_truth, scored_origins
from headway_prediction.forecasters.base import Forecast, held_values
from headway_prediction.forecasters.calibration import Calibration, HeldOut
from headway_prediction.forecasters.feed_back import FeedBack, FeedBackCalibration, usual_headways
from headway_prediction.forecasters.first_guess import FirstGuess
from headway_prediction.forecasters.next_trains import FittedGuess
from headway_prediction.forecasters.st_convnet import ARRIVES_IN, STConvNetForecaster
from headway_prediction.grid.history import LineHistory

if TYPE_CHECKING:
    import keras

FEED_BACK_STEP = 4
"""Feeding back takes a while: every fourth scored origin tells enough about it."""


class HeldOutCells:
    """Gathers the valid cells of held-out days, member by member and line by line."""

    def __init__(self, config: AppConfig):
        self.config = config
        self.near: list[HeldOut] = []
        self.far: list[HeldOut] = []

    def add(self, network: "keras.Model", history: LineHistory, guesses: Mapping[date, FirstGuess]) -> None:
        """Forecast the scored origins of the days that have a guess; `network` was trained on other days."""
        for day, guess in guesses.items():
            origins = scored_origins(history, day)
            method = STConvNetForecaster([network], self.config, FittedGuess(guess), None)
            if len(origins):
                self.near.append(_cells(method, history, method.forecast(history, day, origins)))
                far = FeedBack(method).forecast(history, day, origins[::FEED_BACK_STEP])
                self.far.append(_cells(method, history, far))

    def calibration(self) -> Calibration:
        """Return the calibration of the network's own leads."""
        return Calibration.fit(self.config.quantiles, self.config.forecast_mins, _joined(self.near))

    def feed_back(self) -> FeedBackCalibration:
        """Return the calibration of the leads that feeding back reaches."""
        return FeedBackCalibration.fit(self.config.quantiles, FeedBack.mins, _joined(self.far))


def _joined(parts: list[HeldOut]) -> HeldOut:
    return HeldOut(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(HeldOut)))


def _cells(method: STConvNetForecaster, history: LineHistory, forecast: Forecast) -> HeldOut:
    day, origins, leads = forecast.service_date, forecast.origins, forecast.mean.shape[1]
    truth = day_truth(history, day, origins, leads=leads)
    arrives_in = method.guess.channels(history, day, origins)[..., ARRIVES_IN]
    held = held_values(history, day, origins)
    lead = np.arange(1, leads + 1)[None, :, None, None]
    as_cells = (
        np.broadcast_to(part, truth.valid.shape) for part in (held[:, None], arrives_in[:, None], lead)
    )
    held, arrives_in, lead = (part[truth.valid] for part in as_cells)
    return HeldOut(
        mean=forecast.mean[truth.valid],
        quantiles=np.stack(list(forecast.quantiles.values()), axis=-1)[truth.valid],
        truth=truth.headway[truth.valid],
        event=truth.event[truth.valid],
        usual=usual_headways(method, history, day, origins, leads)[truth.valid].astype(np.float32),
        held=held,
        arrives_in=arrives_in,
        lead=lead,
    )
