"""The physical first guess: the trains that will pass each platform next, when, and with which headways.

Propagation that knows the trips: each train runs on along the trip it belongs to, with the delay it has, and trips of
which no train has been seen are still to leave. A day's trips come from the plan with each trip's usual lateness, or from
what comes again day after day, or, where neither forecasts better than usual headways do, from nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.match_trains import identify_trains, split_vehicle_trips
from headway_prediction.forecasters.physics.planned_trips import Lateness, continued, planned_trips
from headway_prediction.forecasters.physics.running_times import FITTED, DirectionRuns, travel_positions
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable, trips_of_rows
from headway_prediction.forecasters.physics.turnarounds import Turnarounds
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import DAY_TYPES, day_type_of, is_weekend
from headway_prediction.transit.line import DIRECTIONS

TRIP_SOURCES = ("planned", "typical", "none")


@dataclass(frozen=True)
class TripSource:
    """What is known of the trips of one direction: `source` (one of SOURCES) says which of `lateness` and the `typical`
    trips by day kind is believed."""

    source: str
    lateness: Lateness
    typical: Mapping[int, TripTable]

    def trips(
        self, history: LineHistory, service_date: date, direction: int, runs: DirectionRuns
    ) -> TripTable | None:
        """Return the trips expected on a service date, None where none are known."""
        day_type = day_type_of(service_date)
        if self.source == "planned":
            planned = planned_trips(history, service_date, direction)
            if planned is None:
                return None
            return continued(planned.later(self.lateness.of(planned, day_type)), runs)
        return self.typical.get(day_type) if self.source == "typical" else None

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
        """Return the direction with its trains, ready to be asked at any origin; `medians` are the climatology's."""
        trips = self.trips(history, service_date, direction, runs)
        order = history.line.travel_order(direction)
        typical = medians[int(is_weekend(service_date))][:, order, direction]
        return DirectionDay(trains, runs, trips, typical, train_following)


@dataclass(frozen=True, eq=False)
class PhysicsPrior:
    """What was fitted: `runs`, `trips`, `turnarounds` and `train_following` of both directions, and the climatology's `medians`."""

    runs: tuple[DirectionRuns, DirectionRuns]
    trips: tuple[TripSource, TripSource]
    turnarounds: tuple[Turnarounds, Turnarounds]
    train_following: tuple[TrainFollowing, TrainFollowing]
    medians: np.ndarray

    def direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        """Return both directions of a service date, ready to be asked at any origin."""
        days = []
        for direction, runs in enumerate(self.runs):
            trains = trains_by_date(history, [service_date], direction, runs)[service_date]
            days.append(
                self.trips[direction].direction_day(
                    history,
                    service_date,
                    direction,
                    runs,
                    trains,
                    self.medians,
                    self.train_following[direction],
                )
            )
        return tuple(
            replace(day, inbound=turnarounds.inbound(day, other))
            for day, other, turnarounds in zip(days, reversed(days), self.turnarounds, strict=True)
        )

    def typical_headways(self, service_date: date) -> np.ndarray:
        """Return the climatology of a service date in minutes, NaN where unknown: (half-hours, stations, directions)."""
        return self.medians[int(is_weekend(service_date))]

    def state(self) -> dict[str, np.ndarray]:
        """Return everything fitted as named arrays."""
        state = {"medians": self.medians}
        for direction in DIRECTIONS:
            trip_source = self.trips[direction]
            state |= {f"{name}_{direction}": getattr(self.runs[direction], name) for name in FITTED}
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
        runs = tuple(DirectionRuns(*(state[f"{name}_{d}"] for name in FITTED)) for d in DIRECTIONS)
        trips = tuple(
            TripSource(
                TRIP_SOURCES[int(state[f"source_{d}"])],
                Lateness.from_state(state, f"lateness_{d}"),
                {
                    k: t
                    for k in DAY_TYPES
                    if (t := TripTable.from_state(state, f"typical_{d}_{k}")) is not None
                },
            )
            for d in DIRECTIONS
        )
        turnarounds = tuple(Turnarounds.from_state(state, f"turnaround_{d}") for d in DIRECTIONS)
        train_following = tuple(TrainFollowing.from_state(state, f"train_following_{d}") for d in DIRECTIONS)
        return cls(runs, trips, turnarounds, train_following, state["medians"])


def trains_by_date(
    history: LineHistory, service_dates: Sequence[date], direction: int, runs: DirectionRuns
) -> dict[date, TripTable]:
    """Return the trains of one direction by service date, those without an id matched first in, first out."""
    ours = pl.col("service_date").is_in(list(service_dates)) & (pl.col("direction") == direction)
    placed = travel_positions(history.passings.filter(ours), history.line)
    known = split_vehicle_trips(identify_trains(placed, np.median(runs.running, axis=0)))
    by_date, none = known.partition_by("service_date", as_dict=True), known.clear()
    positions = len(history.line.travel_order(direction))
    return {day: trips_of_rows(by_date.get((day,), none), positions) for day in service_dates}
