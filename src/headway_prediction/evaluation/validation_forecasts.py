"""Forecasts of days that the forecasting network was not trained on, beside what happened: what calibrations learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.evaluation.truth import day_truth, scored_origins
from headway_prediction.forecasters.base import Forecast, held_values
from headway_prediction.forecasters.calibration import Calibration, HeldOut
from headway_prediction.forecasters.prior_features import FittedGuess
from headway_prediction.forecasters.rollout import FeedBack, FeedBackCalibration, usual_headways
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.nn.prior_channels import ARRIVES_IN

if TYPE_CHECKING:
    import keras

FEED_BACK_STEP, FEED_BACK_DAYS = 4, 4
"""Feeding back takes a while: every fourth scored origin of four days that a network left out tells enough about it; of more
days, as many fewer origins of each."""


class HeldOutCells:
    """Gathers the valid cells of held-out days, line by line and by the member that left them out."""

    def __init__(self, config: AppConfig):
        self.config = config
        self.near: list[HeldOut] = []
        self.seen_alone: list[HeldOut] = []
        self.seen_averaged: list[HeldOut] = []
        self.far: list[HeldOut] = []

    def add(
        self,
        networks: "Sequence[keras.Model]",
        member: int,
        history: LineHistory,
        guesses: Mapping[date, FittedGuess],
    ) -> None:
        """Forecast the scored origins of the days that have a guess, which the network number `member` was not trained on
        and all others were."""
        others = [network for place, network in enumerate(networks) if place != member]
        step = FEED_BACK_STEP * max(1, len(guesses) // FEED_BACK_DAYS)
        for number, (day, guess) in enumerate(guesses.items()):
            origins = scored_origins(history, day)
            method = STConvNetForecaster([networks[member]], self.config, guess, None)
            if len(origins):
                inputs = method.inputs(history, day, origins)
                self._add_near(method, others, history, day, inputs)
                far = slice(number % min(step, len(origins)), None, step)
                forecast = FeedBack(method).forecast(history, day, origins[far])
                self.far.append(cells_of(method, history, forecast, inputs[2][far][..., ARRIVES_IN]))

    def _add_near(
        self,
        method: STConvNetForecaster,
        others: "Sequence[keras.Model]",
        history: LineHistory,
        day: date,
        inputs: tuple[np.ndarray, ...],
    ) -> None:
        def cells(networks: "Sequence[keras.Model]") -> HeldOut:
            return near_cells(replace(method, networks=networks), history, day, inputs)

        self.near.append(cells(method.networks))
        if len(others) > 1:
            self.seen_alone += [cells([network]) for network in others]
            self.seen_averaged.append(cells(others))

    def calibration(self) -> Calibration:
        """Return the calibration of the leads of the average of all networks."""
        unseen = self._calibration(self.near)
        if not self.seen_averaged:
            return unseen
        return unseen.for_average(self._calibration(self.seen_alone), self._calibration(self.seen_averaged))

    def feed_back(self) -> FeedBackCalibration:
        """Return the calibration of the leads that feeding back reaches."""
        return FeedBackCalibration.fit(self.config.quantiles, FeedBack.mins, joined(self.far))

    def _calibration(self, parts: list[HeldOut]) -> Calibration:
        return Calibration.fit(self.config.quantiles, self.config.forecast_mins, joined(parts))


def joined(parts: list[HeldOut]) -> HeldOut:
    """Return the cells of all parts."""
    return HeldOut(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(HeldOut)))


def near_cells(
    method: STConvNetForecaster, history: LineHistory, day: date, inputs: tuple[np.ndarray, ...]
) -> HeldOut:
    """Return the valid cells of a day's scored origins at the network's own leads; `inputs` are those origins' (see
    STConvNetForecaster.inputs); the calibration of `method` is not applied."""
    origins = scored_origins(history, day)
    forecast = method.of_outputs(history, day, origins, *method.outputs(inputs))
    return cells_of(method, history, forecast, inputs[2][..., ARRIVES_IN])


def cells_of(
    method: STConvNetForecaster, history: LineHistory, forecast: Forecast, arrives_in: np.ndarray
) -> HeldOut:
    """Return the valid cells of a forecast of days that `method` was not trained on; `arrives_in` in minutes from the end of
    each origin (origins, stations, directions)."""
    day, origins, leads = forecast.service_date, forecast.origins, forecast.mean.shape[1]
    truth = day_truth(history, day, origins, leads=leads)
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
