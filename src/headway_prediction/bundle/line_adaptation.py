"""Line adaptation: interval calibration and blend weights of a network on a line that it was not trained on.

Both are fitted before each service date on the newest earlier dates of the line; no weight of a network changes. On a line's
first two dates there is nothing to fit on: the calibration of the lines trained on is used, and no blend.
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
"""They hold enough event cells at every lead; older days may have other timetables."""


def adaptation_dates(dates: Sequence[date]) -> list[date]:
    """Return the newest dates that have an earlier date of their type (see `day_type_of`) or, if none has, any earlier date.

    On the first date of its type trains are forecast without their trips; its errors do not carry over to later dates.
    """
    kinds = list(map(day_type_of, dates))
    known = [day for index, day in enumerate(dates) if kinds[index] in kinds[:index]]
    return (known or list(dates[1:]))[-ADAPTATION_DAYS:]


@dataclass(frozen=True)
class LineAdaptation:
    """A method for `RollingFit`: the `network` on a rolling prior, calibrated on the line's earlier dates and, with the name
    BLENDED, averaged with simple methods before that."""

    network: STConvNetForecaster
    name: str = STConvNetForecaster.name

    def fit(self, past: LineHistory) -> STConvNetForecaster:
        """Return the network adapted to its forecasts of the `adaptation_dates` of the past."""
        days = {day: scored_origins(past, day) for day in adaptation_dates(past.service_dates)}
        truth = {day: day_truth(past, day, origins) for day, origins in days.items() if len(origins)}
        if not any(one.event.any() for one in truth.values()):
            return self.network
        config = self.network.config
        outputs = {day: self._outputs(past, day, one.origins) for day, one in truth.items()}
        adapted = self.network
        if self.name == BLENDED:
            truths = [np.where(one.valid, one.headway, np.nan) for one in truth.values()]
            adapted = replace(adapted, blend=Blend.fit(config.quantiles, list(outputs.values()), truths))
        cells = []
        for day, one in outputs.items():
            forecast = adapted.of_outputs(past, day, truth[day].origins, *adapted.blended(one))
            cells.append(forecast_cells(adapted, past, forecast, one.prior[..., ARRIVES_IN]))
        calibration = Calibration.fit(config.quantiles, config.forecast_mins, concatenated(cells))
        return replace(adapted, calibration=calibration)

    def _outputs(self, past: LineHistory, day: date, origins: np.ndarray) -> NetworkOutputs:
        inputs = self.network.inputs(past, day, origins)
        return NetworkOutputs(*self.network.outputs(inputs), inputs[2])
