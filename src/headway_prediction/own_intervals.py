"""Intervals of a line that the networks have never seen: calibrated on the line's own newest days before each date.

How wide intervals must be is what lines differ in most: a calibration on other lines does not carry over. On a line's first
two dates there is nothing to calibrate on, and that of the lines trained on stands in.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from headway_prediction.evaluation.truth import scored_origins
from headway_prediction.forecasters.calibration import Calibration, HeldOut
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.held_out import joined, near_cells

NEWEST_DAYS = 4
"""Enough event cells at every lead; older days tell of other timetables and cost as much."""


@dataclass(frozen=True)
class OwnIntervals:
    """A method for `OwnPast`: `network`, whose first guess comes from the line's own past, calibrated on that past too."""

    network: STConvNetForecaster
    name: ClassVar[str] = STConvNetForecaster.name

    def fit(self, past: LineHistory) -> STConvNetForecaster:
        """Return the network calibrated on its forecasts of the newest dates of `past` that have a past themselves."""
        cells = [part for day in past.service_dates[1:][-NEWEST_DAYS:] for part in self._cells(past, day)]
        if not any(part.event.any() for part in cells):
            return self.network
        config = self.network.config
        calibration = Calibration.fit(config.quantiles, config.forecast_mins, joined(cells))
        return replace(self.network, calibration=calibration)

    def _cells(self, past: LineHistory, day: date) -> list[HeldOut]:
        origins = scored_origins(past, day)
        if not len(origins):
            return []
        return [near_cells(self.network, past, day, self.network.inputs(past, day, origins))]
