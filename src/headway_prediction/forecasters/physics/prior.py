"""The fitted physics prior of both directions, and the source of the trips it expects.

A day's trips come from the plan with each trip's typical lateness, or from the typical trips of its day type. Where neither
forecasts better than typical headways do, no trips are expected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.match_trains import (
    DirectionPassings,
    identify_trains,
    split_vehicle_trips,
)
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.physics.planned_trips import Lateness, continued, planned_trips
from headway_prediction.forecasters.physics.running_times import DirectionRuns
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable, trips_of_passings
from headway_prediction.forecasters.physics.turnarounds import Turnarounds
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import DAY_TYPES, day_type_of, is_weekend
from headway_prediction.transit.line import DIRECTIONS, per_direction
from headway_prediction.transit.timetable import Timetable

TRIP_SOURCES = ("planned", "typical", "none")
PLANS_KEPT = 2
"""Today's plan and, after midnight, yesterday's."""
HISTORIES_KEPT = 2
"""The history of the minute, and the one of the rollout's current step, which is asked for once."""


@dataclass(frozen=True)
class TripSource:
    """The trips of one direction: `source` (one of TRIP_SOURCES) selects the plan with its `lateness`, or the `typical`
    trips by day type."""

    source: str
    lateness: Lateness
    typical: Mapping[int, TripTable]
    newest: list[tuple[Timetable, date, DirectionRuns, TripTable | None]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """The planned trips that were asked for last: within a service day they stay the same."""

    def trips(
        self, history: LineHistory, service_date: date, direction: int, runs: DirectionRuns
    ) -> TripTable | None:
        """Return the trips expected on a service date, None where none are known."""
        if self.source == "typical":
            return self.typical.get(day_type_of(service_date))
        if self.source == "none" or history.timetable is None:
            return None
        for timetable, day, of_runs, trips in list(self.newest):
            if timetable is history.timetable and day == service_date and of_runs is runs:
                return trips
        trips = self._planned(history, service_date, direction, runs)
        self.newest[:] = [(history.timetable, service_date, runs, trips), *self.newest[: PLANS_KEPT - 1]]
        return trips

    def _planned(
        self, history: LineHistory, service_date: date, direction: int, runs: DirectionRuns
    ) -> TripTable | None:
        planned = planned_trips(history, service_date, direction)
        if planned is None:
            return None
        return continued(planned.later(self.lateness.of(planned, day_type_of(service_date))), runs)

    def direction_day(
        self,
        history: LineHistory,
        service_date: date,
        direction: int,
        runs: DirectionRuns,
        trains: TripTable,
        medians: np.ndarray,
        train_following: TrainFollowing,
    ) -> DirectionDay:
        """Return the direction on a service date, for any origin; `medians` are the climatology's."""
        trips = self.trips(history, service_date, direction, runs)
        order = history.line.travel_order(direction)
        typical = medians[int(is_weekend(service_date))][:, order, direction]
        return DirectionDay(MatchedTrains(trains, runs, trips, typical), train_following)


@dataclass(frozen=True, eq=False)
class PhysicsPrior:
    """The fitted parts by direction, and the climatology's `medians` (weekday or weekend, half-hours, stations,
    directions)."""

    runs: tuple[DirectionRuns, DirectionRuns]
    trips: tuple[TripSource, TripSource]
    turnarounds: tuple[Turnarounds, Turnarounds]
    train_following: tuple[TrainFollowing, TrainFollowing]
    medians: np.ndarray
    newest: list["HistoryDays"] = field(default_factory=list, init=False, repr=False)
    """The days that were asked for last: a minute's forecasts ask for those of the same history several times."""

    def direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        """Return both directions of a service date, for any origin."""
        # The list is copied and replaced as a whole, so threads may share it.
        known = list(self.newest)
        found = next((one for one in known if one.is_of(history, service_date)), None)
        if found is None:
            found = HistoryDays(history, service_date, self._direction_days(history, service_date))
        self.newest[:] = [found, *(one for one in known if one is not found)][:HISTORIES_KEPT]
        return found.days

    def _direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        def day(direction: int) -> DirectionDay:
            runs, following = self.runs[direction], self.train_following[direction]
            trains = trains_of_day(history, service_date, direction, runs)
            return self.trips[direction].direction_day(
                history, service_date, direction, runs, trains, self.medians, following
            )

        days = per_direction(day)
        return per_direction(
            lambda d: replace(days[d], inbound=self.turnarounds[d].inbound(days[d], days[1 - d]))
        )

    def typical_headways(self, service_date: date) -> np.ndarray:
        """Return the climatology of a service date in minutes, NaN where unknown: (half-hours, stations, directions)."""
        medians: np.ndarray = self.medians[int(is_weekend(service_date))]
        return medians

    def state(self) -> dict[str, np.ndarray]:
        """Return all fitted parameters as named arrays."""
        state = {"medians": self.medians}
        for direction in DIRECTIONS:
            trip_source = self.trips[direction]
            state |= self.runs[direction].state(direction)
            state[f"source_{direction}"] = np.array(TRIP_SOURCES.index(trip_source.source))
            state |= trip_source.lateness.state(f"lateness_{direction}")
            state |= self.turnarounds[direction].state(f"turnaround_{direction}")
            state |= self.train_following[direction].state(f"train_following_{direction}")
            for day_type, table in trip_source.typical.items():
                state |= table.state(f"typical_{direction}_{day_type}")
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        return cls(
            per_direction(lambda d: DirectionRuns.from_state(state, d)),
            per_direction(lambda d: _trip_source(state, d)),
            per_direction(lambda d: Turnarounds.from_state(state, f"turnaround_{d}")),
            per_direction(lambda d: TrainFollowing.from_state(state, f"train_following_{d}")),
            state["medians"],
        )


@dataclass(frozen=True)
class HistoryDays:
    """Both directions of a service date as one history has them."""

    history: LineHistory
    service_date: date
    days: tuple[DirectionDay, DirectionDay]

    def is_of(self, history: LineHistory, service_date: date) -> bool:
        """Whether they are of this very history, and of this date."""
        return self.history is history and self.service_date == service_date


def _trip_source(state: Mapping[str, np.ndarray], direction: int) -> TripSource:
    tables = {kind: TripTable.from_state(state, f"typical_{direction}_{kind}") for kind in DAY_TYPES}
    return TripSource(
        TRIP_SOURCES[int(state[f"source_{direction}"])],
        Lateness.from_state(state, f"lateness_{direction}"),
        {kind: table for kind, table in tables.items() if table is not None},
    )


def trains_of_day(history: LineHistory, service_date: date, direction: int, runs: DirectionRuns) -> TripTable:
    """Return the trains of one direction on a service date: by trip id, and matched where the log has none."""
    passings = DirectionPassings.of(history.passings_on(service_date), history.line, direction)
    known = split_vehicle_trips(identify_trains(passings, np.median(runs.running, axis=0)))
    return trips_of_passings(known, len(history.line.travel_order(direction)))
