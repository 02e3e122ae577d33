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

from headway_prediction.forecasters.climatology import is_weekend
from headway_prediction.forecasters.physics.day_types import KINDS, day_kind
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.lateness import Lateness
from headway_prediction.forecasters.physics.match_trains import identify, separate_rounds
from headway_prediction.forecasters.physics.planned_trips import continued, planned_trips
from headway_prediction.forecasters.physics.running_times import travel_positions
from headway_prediction.forecasters.physics.stopping_pattern import FITTED, DirectionRuns
from headway_prediction.forecasters.physics.train_following import Following
from headway_prediction.forecasters.physics.trip_table import TripTable, trips_of_rows
from headway_prediction.forecasters.physics.turnarounds import TurnRounds
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS

SOURCES = ("planned", "usual", "none")


@dataclass(frozen=True)
class TripKnowledge:
    """What is known of the trips of one direction: `source` (one of SOURCES) says which of `lateness` and the `usual`
    trips by day kind is believed."""

    source: str
    lateness: Lateness
    usual: Mapping[int, TripTable]

    def trips(
        self, history: LineHistory, service_date: date, direction: int, runs: DirectionRuns
    ) -> TripTable | None:
        """Return the trips expected on a service date, None where none are known."""
        kind = day_kind(service_date)
        if self.source == "planned":
            planned = planned_trips(history, service_date, direction)
            if planned is None:
                return None
            return continued(planned.later(self.lateness.of(planned, kind)), runs)
        return self.usual.get(kind) if self.source == "usual" else None

    def direction_day(
        self,
        history: LineHistory,
        service_date: date,
        direction: int,
        runs: DirectionRuns,
        trains: TripTable,
        medians: np.ndarray,
        following: Following,
    ) -> DirectionDay:
        """Return the direction with its trains, ready to be asked at any origin; `medians` are the climatology's."""
        trips = self.trips(history, service_date, direction, runs)
        order = history.line.travel_order(direction)
        usual = medians[int(is_weekend(service_date))][:, order, direction]
        return DirectionDay(trains, runs, trips, usual, following)


@dataclass(frozen=True, eq=False)
class FirstGuess:
    """What was fitted: `runs`, `trips`, `turns` and `following` of both directions, and the climatology's `medians`."""

    runs: tuple[DirectionRuns, DirectionRuns]
    trips: tuple[TripKnowledge, TripKnowledge]
    turns: tuple[TurnRounds, TurnRounds]
    following: tuple[Following, Following]
    medians: np.ndarray

    def direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        """Return both directions of a service date, ready to be asked at any origin."""
        days = []
        for direction, runs in enumerate(self.runs):
            trains = trains_by_date(history, [service_date], direction, runs)[service_date]
            days.append(
                self.trips[direction].direction_day(
                    history, service_date, direction, runs, trains, self.medians, self.following[direction]
                )
            )
        return tuple(
            replace(day, feeders=turns.feeders(day, other))
            for day, other, turns in zip(days, reversed(days), self.turns, strict=True)
        )

    def usual_headways(self, service_date: date) -> np.ndarray:
        """Return the climatology of a service date in minutes, NaN where unknown: (half-hours, stations, directions)."""
        return self.medians[int(is_weekend(service_date))]

    def state(self) -> dict[str, np.ndarray]:
        """Return everything fitted as named arrays."""
        state = {"medians": self.medians}
        for direction in DIRECTIONS:
            knowledge = self.trips[direction]
            state |= {f"{name}_{direction}": getattr(self.runs[direction], name) for name in FITTED}
            state[f"source_{direction}"] = np.array(SOURCES.index(knowledge.source))
            state |= knowledge.lateness.state(f"lateness_{direction}")
            state |= self.turns[direction].state(f"turn_{direction}")
            state |= self.following[direction].state(f"following_{direction}")
            for kind, table in knowledge.usual.items():
                state |= table.state(f"usual_{direction}_{kind}")
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        runs = tuple(DirectionRuns(*(state[f"{name}_{d}"] for name in FITTED)) for d in DIRECTIONS)
        trips = tuple(
            TripKnowledge(
                SOURCES[int(state[f"source_{d}"])],
                Lateness.from_state(state, f"lateness_{d}"),
                {k: t for k in KINDS if (t := TripTable.from_state(state, f"usual_{d}_{k}")) is not None},
            )
            for d in DIRECTIONS
        )
        turns = tuple(TurnRounds.from_state(state, f"turn_{d}") for d in DIRECTIONS)
        following = tuple(Following.from_state(state, f"following_{d}") for d in DIRECTIONS)
        return cls(runs, trips, turns, following, state["medians"])


def trains_by_date(
    history: LineHistory, service_dates: Sequence[date], direction: int, runs: DirectionRuns
) -> dict[date, TripTable]:
    """Return the trains of one direction by service date, those without an id matched first in, first out."""
    ours = pl.col("service_date").is_in(list(service_dates)) & (pl.col("direction") == direction)
    placed = travel_positions(history.passings.filter(ours), history.line)
    known = separate_rounds(identify(placed, np.median(runs.running, axis=0)))
    by_date, none = known.partition_by("service_date", as_dict=True), known.clear()
    positions = len(history.line.travel_order(direction))
    return {day: trips_of_rows(by_date.get((day,), none), "train", positions) for day in service_dates}
