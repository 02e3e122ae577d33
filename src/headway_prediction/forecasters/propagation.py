"""Propagation: trains move by dead reckoning from their last observed position; new trains depart as planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.base import LEADS, Forecast, chunks_of, held_values, over_leads
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.physics.dead_reckoning import TrainsOfDay, dead_reckoning
from headway_prediction.forecasters.physics.match_trains import DirectionPassings, identify_trains
from headway_prediction.forecasters.physics.running_times import (
    DirectionRuns,
    fit_direction,
    planned_departures,
)
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import is_weekend
from headway_prediction.transit.line import DIRECTIONS, per_direction


@dataclass(frozen=True)
class Propagation:
    """The fitted `runs` of both directions; forecasts `leads` minutes from each origin."""

    runs: tuple[DirectionRuns, DirectionRuns]
    leads: int = LEADS
    name: ClassVar[str] = "propagation"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Fit running times by hour, stopping patterns and typical headways at the terminals."""
        medians = Climatology.fit(training).medians

        def fitted(direction: int) -> DirectionRuns:
            passings = {
                day: DirectionPassings.of(training.passings_on(day), training.line, direction)
                for day in training.service_dates
            }
            return fit_direction(training, passings, medians, direction)

        return cls(per_direction(fitted))

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the headways that follow from the trains known at each origin."""
        origins = np.asarray(origins)
        passings = history.passings_on(service_date)
        headways = over_leads(held_values(history, service_date, origins), self.leads).astype(np.float64)
        for direction in DIRECTIONS:
            day = self._trains_of_day(history, service_date, passings, direction)
            order = history.line.travel_order(direction)
            for some in chunks_of(len(origins)):
                ahead = dead_reckoning(day, self.runs[direction], origins[some], self.leads)
                held = headways[some][:, :, order, direction]
                headways[some][:, :, order, direction] = np.where(np.isfinite(ahead), ahead, held)
        capped = np.minimum(headways, history.grid.attrs["cap_mins"])
        return Forecast.of_points(service_date, origins, capped)

    def _trains_of_day(
        self, history: LineHistory, service_date: date, passings: pl.DataFrame, direction: int
    ) -> TrainsOfDay:
        runs = self.runs[direction]
        own = DirectionPassings.of(passings, history.line, direction)
        own = identify_trains(own, np.median(runs.running, axis=0))
        order = np.lexsort((own.trains, own.positions, own.minutes))
        planned = planned_departures(history, service_date, direction) if runs.follows_plan else None
        typical = runs.typical_headways[int(is_weekend(service_date))]
        return TrainsOfDay(own.minutes[order], own.positions[order], own.trains[order], planned, typical)

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitted arrays of both directions."""
        return self.runs[0].state(0) | self.runs[1].state(1)

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        return cls(per_direction(lambda d: DirectionRuns.from_state(state, d)))
