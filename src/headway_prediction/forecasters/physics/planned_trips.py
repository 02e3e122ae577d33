"""The planned trips of a service date, and how late they typically are.

Where a plan has departures alone, `continued` extends them along typical running times. `typical_lateness` estimates the
lateness of each trip from training days on which trains were matched with the plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.dead_reckoning import DEPARTURE_OVERDUE_MINS, MIN_SERVED_SHARE
from headway_prediction.forecasters.physics.match_trains import DirectionPassings
from headway_prediction.forecasters.physics.running_times import DirectionRuns
from headway_prediction.forecasters.physics.trip_table import (
    TripTable,
    matched_trips,
    misfits,
    nearest_pairs,
    trip_table,
    trips_of_passings,
)
from headway_prediction.forecasters.statistics import median_or_nan
from headway_prediction.grid.history import LineHistory

SHRINKAGE_DAYS = 3.0
"""The lateness of one trip is shrunk towards that of all trips with the weight of this many days."""
LATENESS_ARRAYS = ("typical", "day_types", "trip_ids", "by_trip")


def planned_trips(history: LineHistory, service_date: date, direction: int) -> TripTable | None:
    """Return the planned trips of one direction, None without a plan for that date."""
    if history.timetable is None:
        return None
    passings = DirectionPassings.of(history.timetable.planned_on(service_date), history.line, direction)
    if not len(passings.trains):
        return None
    return trips_of_passings(passings, len(history.line.travel_order(direction)))


def continued(trips: TripTable, runs: DirectionRuns) -> TripTable:
    """Extend the departures of a plan whose trips all end at the first position; other plans stay unchanged.

    Departures continue at typical running times through the positions that most trains serve. A plan whose departures were
    replaced (grid.plan_variants) has the rest of each trip as a trip of its own: each departure takes the positions of the
    nearest of these and replaces it. Remaining ones that begin right after the first position are dropped: their trains are
    among the departures.
    """
    departs = np.isfinite(trips.minutes[:, 0])
    continues = np.isfinite(trips.minutes[:, 1:]).any(axis=1)
    if not departs.any() or (departs & continues).any():
        return trips
    onward = _run_through(trips.minutes[departs, 0], runs)
    rest = trips.minutes[~departs]
    pairs = nearest_pairs(misfits(onward, rest), DEPARTURE_OVERDUE_MINS)
    passes = np.tile(runs.served[0] >= MIN_SERVED_SHARE, (len(onward), 1))
    next_served = np.argmax(passes[0, 1:]) + 1
    for departure, other in pairs:
        passes[departure] = np.isfinite(rest[other])
    passes[:, 0] = True
    minutes = trips.minutes.copy()
    minutes[departs] = np.where(passes, onward, np.nan)
    taken = np.argmax(np.isfinite(rest), axis=1) <= next_served
    taken[[other for _, other in pairs]] = True
    minutes[np.flatnonzero(~departs)[taken]] = np.nan
    return trip_table(minutes, trips.ids_by_row)


def _run_through(departures: np.ndarray, runs: DirectionRuns) -> np.ndarray:
    """Minutes at every position of trains that depart the first one at `departures`: (trains, positions)."""
    minutes: np.ndarray = departures[:, None] + runs.since_first(departures)
    return minutes


@dataclass(frozen=True)
class Lateness:
    """Minutes behind the plan: `typical` (positions,) of all trips, `by_trip` (trips, positions) of the trips with these
    `day_types` and `trip_ids`, (trips,) each."""

    typical: np.ndarray
    day_types: np.ndarray
    trip_ids: np.ndarray
    by_trip: np.ndarray

    def of(self, table: TripTable, day_type: int) -> np.ndarray:
        """Return the lateness of the planned trips of a day type: (trips, positions)."""
        rows = np.repeat(self.typical[None], len(table.minutes), axis=0)
        trips = zip(self.day_types.tolist(), self.trip_ids.tolist(), strict=True)
        known = {trip: place for place, trip in enumerate(trips)}
        for trip_id, row in table.row_of_id.items():
            if (day_type, trip_id) in known:
                rows[row] = self.by_trip[known[day_type, trip_id]]
        return rows

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_{name}": getattr(self, name) for name in LATENESS_ARRAYS}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        return cls(*(state[f"{prefix}_{name}"] for name in LATENESS_ARRAYS))


@dataclass(frozen=True)
class DayLateness:
    """Lateness on one day: `trip_ids` (trains,) of the matched trains, empty where the plan has none, and minutes `behind`
    the plan (trains, positions), NaN where the train or its trip does not pass."""

    day_type: int
    trip_ids: np.ndarray
    behind: np.ndarray


def lateness_of_day(day_type: int, planned: TripTable, trains: TripTable) -> DayLateness:
    """Match the trains of a day with its planned trips and compare their minutes."""
    matched = matched_trips(trains, planned)
    found = matched >= 0
    trips = matched[found]
    return DayLateness(day_type, planned.id_of_row[trips], trains.minutes[found] - planned.minutes[trips])


def typical_lateness(days: Sequence[DayLateness], positions: int) -> Lateness:
    """Take medians over days, those of each trip shrunk towards those of all trips; 0 where unknown."""
    late: dict[tuple[int, str], list[np.ndarray]] = {}
    for day in days:
        for trip_id, row in zip(day.trip_ids.tolist(), day.behind, strict=True):
            if trip_id:
                late.setdefault((day.day_type, trip_id), []).append(row)
    every = np.concatenate([np.full((1, positions), np.nan), *(day.behind for day in days)])
    typical = np.nan_to_num(median_or_nan(every))
    day_types = np.array([day_type for day_type, _ in late], dtype=np.int64)
    trip_ids = np.array([trip_id for _, trip_id in late], dtype=np.str_)
    by_trip = [_shrunk(np.stack(own), typical) for own in late.values()]
    return Lateness(typical, day_types, trip_ids, np.array(by_trip).reshape(-1, positions))


def _shrunk(own: np.ndarray, typical: np.ndarray) -> np.ndarray:
    observed = np.isfinite(own).sum(axis=0)
    total = observed * np.nan_to_num(median_or_nan(own)) + SHRINKAGE_DAYS * typical
    mean: np.ndarray = total / (observed + SHRINKAGE_DAYS)
    return mean
