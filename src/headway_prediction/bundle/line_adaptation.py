"""What the newest days of a line that the networks have never seen say of their forecasts, before each date: how wide their
intervals must be, and, for the method that pools them with simple methods, how far to trust each.

Lines differ in both: how a headway goes on, and how surely, does not carry over from other lines. No weight of a network
changes. On a line's first two dates there is nothing to learn from: the network is trusted, and the intervals of the lines
trained on stand in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.evaluation.validation_forecasts import concatenated, forecast_cells
from headway_prediction.forecasters.blend import Blend, NetworkOutputs
from headway_prediction.forecasters.calibration import Calibration
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.nn.prior_channels import ARRIVES_IN
from headway_prediction.transit.clock import day_type_of

BLENDED = "st-convnet-blend"
"""A blend of methods is a row of its own (docs/methodology.md)."""
ADAPTATION_DAYS = 4
"""Enough event cells at every lead; older days tell of other timetables and cost as much."""


def adaptation_dates(dates: Sequence[date]) -> list[date]:
    """Return the newest dates with one of their kind (see `day_kinds`) before them, or, if none has, with any before them.

    On the first of its kind trains are forecast without their trips, which tells little of dates on which these are known.
    """
    kinds = list(map(day_type_of, dates))
    known = [day for place, day in enumerate(dates) if kinds[place] in kinds[:place]]
    return (known or list(dates[1:]))[-ADAPTATION_DAYS:]


@dataclass(frozen=True)
class LineAdaptation:
    """A method for `RollingFit`: `network`, whose first guess comes from the line's own past, calibrated as that past tells;
    with the name POOLED, pooled with simple methods before that."""

    network: STConvNetForecaster
    name: str = STConvNetForecaster.name

    def fit(self, past: LineHistory) -> STConvNetForecaster:
        """Return the network as trusted after its forecasts of `adaptation_dates` of the past."""
        days = {day: scored_origins(past, day) for day in adaptation_dates(past.service_dates)}
        truth = {day: day_truth(past, day, origins) for day, origins in days.items() if len(origins)}
        if not any(one.event.any() for one in truth.values()):
            return self.network
        config = self.network.config
        said = {day: self._said(past, day, one.origins) for day, one in truth.items()}
        trusted = self.network
        if self.name == BLENDED:
            came = [np.where(one.valid, one.headway, np.nan) for one in truth.values()]
            trusted = replace(trusted, blend=Blend.fit(config.quantiles, list(said.values()), came))
        cells = []
        for day, one in said.items():
            forecast = trusted.of_outputs(past, day, truth[day].origins, *trusted.blended(one))
            cells.append(forecast_cells(trusted, past, forecast, one.prior[..., ARRIVES_IN]))
        calibration = Calibration.fit(config.quantiles, config.forecast_mins, concatenated(cells))
        return replace(trusted, calibration=calibration)

    def _said(self, past: LineHistory, day: date, origins: np.ndarray) -> NetworkOutputs:
        inputs = self.network.inputs(past, day, origins)
        return NetworkOutputs(*self.network.outputs(inputs), inputs[2])
