"""Validation forecasts: of days that the forecasting network was not trained on, beside the truth, to calibrate on.

Each ensemble member is validated on the service days of its own fold; a line adaptation, on earlier days of the line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import Forecast, held_values
from headway_prediction.forecasters.calibration import Calibration, ValidationCells
from headway_prediction.forecasters.onnx_network import OnnxNetwork, outputs_of
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import Rollout, RolloutCalibration, typical_headways
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.nn.prior_channels import ARRIVES_IN

ROLLOUT_ORIGIN_STEP, ROLLOUT_DAYS = 4, 4
"""A rollout is slow, so every fourth scored origin of four days of a fold is used; with more days, proportionally fewer
origins of each."""


class ValidationForecasts:
    """Gathers the valid cells of validation forecasts, line by line and fold by fold.

    `network_leads` and `rollout_leads` come from the network that did not train on the day. `trained_single` and
    `trained_averaged` come from the networks that did, alone and averaged: the calibration of the ensemble compares them.
    """

    def __init__(self, config: AppConfig):
        self.config = config
        self.network_leads: list[ValidationCells] = []
        self.trained_single: list[ValidationCells] = []
        self.trained_averaged: list[ValidationCells] = []
        self.rollout_leads: list[ValidationCells] = []

    def add(
        self,
        networks: Sequence[OnnxNetwork],
        member: int,
        history: LineHistory,
        priors: Mapping[date, FittedPrior],
    ) -> None:
        """Forecast the scored origins of one fold.

        The fold is the days of `priors`: ensemble member number `member` was not trained on them, all others were.
        """
        step = ROLLOUT_ORIGIN_STEP * max(1, len(priors) // ROLLOUT_DAYS)
        for number, (day, prior) in enumerate(priors.items()):
            origins = scored_origins(history, day)
            if not len(origins):
                continue
            method = STConvNetForecaster([networks[member]], self.config, prior, None)
            inputs = method.inputs(history, day, origins)
            self._add_network_leads(method, outputs_of(networks, inputs), member, history, day, inputs[2])
            rows = slice(number % min(step, len(origins)), None, step)
            forecast = Rollout(method).forecast(history, day, origins[rows])
            arrives_in = inputs[2][rows][..., ARRIVES_IN]
            self.rollout_leads.append(forecast_cells(method, history, forecast, arrives_in))

    def _add_network_leads(
        self,
        method: STConvNetForecaster,
        outputs: np.ndarray,
        member: int,
        history: LineHistory,
        day: date,
        prior: np.ndarray,
    ) -> None:
        """Add the cells of a day from the outputs of all networks, network first."""

        def cells(some: np.ndarray) -> ValidationCells:
            return network_cells(method, history, day, some, prior)

        self.network_leads.append(cells(outputs[[member]]))
        others = np.delete(outputs, member, axis=0)
        if len(others) > 1:
            self.trained_single += [cells(alone[None]) for alone in others]
            self.trained_averaged.append(cells(others))

    def calibration(self) -> Calibration:
        """Return the calibration of the network's own leads, for the average of all networks."""
        unseen = self._calibration(self.network_leads)
        if not self.trained_averaged:
            return unseen
        return unseen.for_ensemble(
            self._calibration(self.trained_single), self._calibration(self.trained_averaged)
        )

    def rollout(self) -> RolloutCalibration:
        """Return the calibration of all leads of the rollout."""
        return RolloutCalibration.fit(self.config.quantiles, Rollout.mins, concatenated(self.rollout_leads))

    def _calibration(self, parts: Sequence[ValidationCells]) -> Calibration:
        return Calibration.fit(self.config.quantiles, self.config.forecast_mins, concatenated(parts))


def concatenated(parts: Sequence[ValidationCells]) -> ValidationCells:
    """Return the cells of all parts."""
    return ValidationCells(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(ValidationCells))
    )


def network_cells(
    method: STConvNetForecaster, history: LineHistory, day: date, outputs: np.ndarray, prior: np.ndarray
) -> ValidationCells:
    """Return the valid cells of a day's scored origins at the network's own leads, before calibration.

    `outputs` are those of one network or more, network first, at the scored origins; `prior` is their prior input.
    """
    origins = scored_origins(history, day)
    forecast = method.of_outputs(history, day, origins, *method.averaged(outputs, prior))
    return forecast_cells(method, history, forecast, prior[..., ARRIVES_IN])


def forecast_cells(
    method: STConvNetForecaster, history: LineHistory, forecast: Forecast, arrives_in: np.ndarray
) -> ValidationCells:
    """Return the valid cells of a forecast of a day that `method` was not trained on.

    `arrives_in` (origins, stations, directions) is the time to the next expected train, in minutes from the end of t0.
    """
    day, origins, leads = forecast.service_date, forecast.origins, forecast.mean.shape[1]
    truth = day_truth(history, day, origins, leads=leads)
    held = held_values(history, day, origins)
    lead = np.arange(1, leads + 1)[None, :, None, None]
    as_cells = (
        np.broadcast_to(part, truth.valid.shape) for part in (held[:, None], arrives_in[:, None], lead)
    )
    held, arrives_in, lead = (part[truth.valid] for part in as_cells)
    return ValidationCells(
        mean=forecast.mean[truth.valid],
        quantiles=np.stack(list(forecast.quantiles.values()), axis=-1)[truth.valid],
        truth=truth.headway[truth.valid],
        event=truth.event[truth.valid],
        typical=typical_headways(method, history, day, origins, leads)[truth.valid].astype(np.float32),
        held=held,
        arrives_in=arrives_in,
        lead=lead,
    )
