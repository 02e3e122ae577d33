"""What the training days of one direction show of its trips: each day's trains and plan, matched once for all trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.day_type import DAY_TYPES, day_type_of
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.lateness import DayLateness, lateness_of_day, typical_lateness
from headway_prediction.forecasters.physics.planned_trips import planned_trips
from headway_prediction.forecasters.physics.prior import TripSource, trains_by_date
from headway_prediction.forecasters.physics.stopping_pattern import DirectionRuns
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable
from headway_prediction.forecasters.physics.typical_trips import typical_trips
from headway_prediction.grid.history import LineHistory


@dataclass(frozen=True)
class TrainingTrips:
    """One `direction` of the training days, its `runs` as learned from them and the climatology's `medians`, the `trains` of
    every service date, and how `late` they were on those that have a plan."""

    training: LineHistory
    direction: int
    runs: DirectionRuns
    medians: np.ndarray
    trains: Mapping[date, TripTable]
    late: Mapping[date, DayLateness]

    @classmethod
    def of(cls, training: LineHistory, direction: int, runs: DirectionRuns, medians: np.ndarray) -> Self:
        """Find the trains of all training days and match them with the plan."""
        trains = trains_by_date(training, training.service_dates, direction, runs)
        plans = {day: planned_trips(training, day, direction) for day in trains}
        late = {
            day: lateness_of_day(day_type_of(day), plan, trains[day])
            for day, plan in plans.items()
            if plan is not None
        }
        return cls(training, direction, runs, medians, trains, late)

    @property
    def station_order(self) -> list[int]:
        """The stations of the direction in the order of travel."""
        return self.training.line.travel_order(self.direction)

    def fit_trips(
        self, source: str, exclude: date | None = None, day_types: Sequence[int] = DAY_TYPES
    ) -> TripSource:
        """Learn the trips of these day kinds from all training days but `exclude`."""
        late = (
            [observed for day, observed in self.late.items() if day != exclude] if source == "planned" else []
        )
        typical = self._typical_trips_of(day_types, exclude) if source == "typical" else {}
        return TripSource(source, typical_lateness(late, len(self.station_order)), typical)

    def _typical_trips_of(self, day_types: Sequence[int], exclude: date | None) -> dict[int, TripTable]:
        """Usual trips of the day kinds that have any."""
        days = {
            day_type: [
                trains
                for day, trains in self.trains.items()
                if day_type_of(day) == day_type and day != exclude
            ]
            for day_type in day_types
        }
        found = {
            day_type: typical_trips(trains, len(self.station_order)) for day_type, trains in days.items()
        }
        return {day_type: table for day_type, table in found.items() if len(table.minutes)}

    def validation_day(self, service_date: date, source: str) -> DirectionDay:
        """Return a training day as one that knows nothing of its trips but what the other days tell."""
        trip_source = self.fit_trips(source, exclude=service_date, day_types=[day_type_of(service_date)])
        return self.training_day(service_date, trip_source)

    def training_day(self, service_date: date, trip_source: TripSource) -> DirectionDay:
        """Return a training day with the trips that `trip_source` expects on it, on which trains simply run on."""
        train_following = TrainFollowing.none(len(self.station_order))
        trains = self.trains[service_date]
        return trip_source.direction_day(
            self.training, service_date, self.direction, self.runs, trains, self.medians, train_following
        )
