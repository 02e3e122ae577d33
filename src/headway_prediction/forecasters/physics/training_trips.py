"""What the training days of one direction show of its trips: each day's trains and plan, matched once for all trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.day_types import KINDS, day_kind
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.lateness import DayLateness, lateness_of_day, usual_lateness
from headway_prediction.forecasters.physics.planned_trips import planned_trips
from headway_prediction.forecasters.physics.prior import TripKnowledge, trains_by_date
from headway_prediction.forecasters.physics.stopping_pattern import DirectionRuns
from headway_prediction.forecasters.physics.train_following import Following
from headway_prediction.forecasters.physics.trip_table import TripTable
from headway_prediction.forecasters.physics.typical_trips import usual_trips
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
            day: lateness_of_day(day_kind(day), plan, trains[day])
            for day, plan in plans.items()
            if plan is not None
        }
        return cls(training, direction, runs, medians, trains, late)

    @property
    def station_order(self) -> list[int]:
        """The stations of the direction in the order of travel."""
        return self.training.line.travel_order(self.direction)

    def learned(
        self, source: str, without: date | None = None, kinds: Sequence[int] = KINDS
    ) -> TripKnowledge:
        """Learn the trips of these day kinds from all training days but `without`."""
        late = [seen for day, seen in self.late.items() if day != without] if source == "planned" else []
        usual = self._usual(kinds, without) if source == "usual" else {}
        return TripKnowledge(source, usual_lateness(late, len(self.station_order)), usual)

    def _usual(self, kinds: Sequence[int], without: date | None) -> dict[int, TripTable]:
        """Usual trips of the day kinds that have any."""
        days = {
            kind: [trains for day, trains in self.trains.items() if day_kind(day) == kind and day != without]
            for kind in kinds
        }
        found = {kind: usual_trips(trains, len(self.station_order)) for kind, trains in days.items()}
        return {kind: table for kind, table in found.items() if len(table.minutes)}

    def held_back(self, service_date: date, source: str) -> DirectionDay:
        """Return a training day as one that knows nothing of its trips but what the other days tell."""
        knowledge = self.learned(source, without=service_date, kinds=[day_kind(service_date)])
        return self.as_known(service_date, knowledge)

    def as_known(self, service_date: date, knowledge: TripKnowledge) -> DirectionDay:
        """Return a training day with the trips that `knowledge` expects on it, on which trains simply run on."""
        following = Following.none(len(self.station_order))
        trains = self.trains[service_date]
        return knowledge.direction_day(
            self.training, service_date, self.direction, self.runs, trains, self.medians, following
        )
