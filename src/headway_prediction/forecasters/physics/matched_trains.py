"""Matched trains: the observed trains of one direction on a service date, each with its trip."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.physics.dead_reckoning import Origin, last_before
from headway_prediction.forecasters.physics.match_trains import MAX_UNOBSERVED_MINS
from headway_prediction.forecasters.physics.running_times import DirectionRuns
from headway_prediction.forecasters.physics.train_following import Sections
from headway_prediction.forecasters.physics.trip_table import TripTable, matched_trips


@dataclass(frozen=True)
class MatchedTrains:
    """The observed `trains`, the day's `trips` (None if unknown), the fitted `runs` and `typical_headways` (half-hours,
    positions).

    What is computed of these is computed once, for all origins and for all ways to move trains.
    """

    trains: TripTable
    runs: DirectionRuns
    trips: TripTable | None
    typical_headways: np.ndarray

    @property
    def positions(self) -> int:
        """The number of positions of the direction."""
        return int(self.trains.minutes.shape[1])

    @cached_property
    def trips_of_trains(self) -> np.ndarray:
        """The row of each train among the trips, −1 without a trip: (trains,)."""
        if self.trips is None:
            return np.full(len(self.trains.minutes), -1)
        return matched_trips(self.trains, self.trips)

    @cached_property
    def observed_minutes_of_trips(self) -> np.ndarray:
        """When the train of each trip passed, NaN where not observed: (trips, positions)."""
        trips = 0 if self.trips is None else len(self.trips.minutes)
        minutes, found = np.full((trips, self.positions), np.nan), self.trips_of_trains >= 0
        minutes[self.trips_of_trains[found]] = self.trains.minutes[found]
        return minutes

    @cached_property
    def first_minutes_of_trips(self) -> np.ndarray:
        """When the train of each trip was first observed, infinite where it was not: (trips,)."""
        first, found = np.full(len(self.observed_minutes_of_trips), np.inf), self.trips_of_trains >= 0
        first[self.trips_of_trains[found]] = self.trains.first_minutes[found]
        return first

    @cached_property
    def sections(self) -> Sections:
        """The runs of the trains, compared with their trips or typical running times."""
        trip, trips = self.trips_of_trains, None
        if self.trips is not None and len(self.trips.minutes):
            trips = np.where(trip[:, None] >= 0, self.trips.minutes[trip], np.nan)
        return Sections.of(self.trains.minutes, trips, self.runs.running, self.typical_headways)

    @cached_property
    def _passings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Trains, positions and minutes of all passings, in order of time."""
        train, position = np.nonzero(np.isfinite(self.trains.minutes))
        minute = self.trains.minutes[train, position]
        order = np.argsort(minute, kind="stable")
        return train[order], position[order], minute[order]

    @cached_property
    def _passings_of_trains(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and minutes of each train's passings in order of time, NaN after the last: (trains, positions)."""
        order = np.argsort(self.trains.minutes, axis=1, kind="stable")
        return order, np.take_along_axis(self.trains.minutes, order, axis=1)

    @cached_property
    def _last_minutes(self) -> np.ndarray:
        """When each train was last observed: (trains,)."""
        return np.asarray(np.nanmax(self.trains.minutes, axis=1, initial=-np.inf))

    @cached_property
    def _minutes_by_position(self) -> list[np.ndarray]:
        """The minutes of the passings at each position in order of time."""
        return [minutes[np.isfinite(minutes)] for minutes in np.sort(self.trains.minutes, axis=0).T]

    def known(self, t0: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return trains, positions and minutes of the passings known at the end of minute t0, in order of time."""
        train, position, minute = self._passings
        count = int(np.searchsorted(minute, t0 + 1, side="left"))
        return train[:count], position[:count], minute[:count]

    def last_observed(self, t0: Origin) -> np.ndarray:
        """Return the minute of the last passing known at each position, NaN before the first: (…, positions)."""
        return last_before(self._minutes_by_position, np.asarray(t0) + 1)

    def seen_between(self, since: int, now: int) -> np.ndarray:
        """Return the rows of all trains that passed between two minutes, and of some others: (trains,)."""
        return np.flatnonzero((self.trains.first_minutes < now) & (self._last_minutes > since))

    def last_seen(self, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the trains that are under way at one of the `origins` or more.

        Their rows (trains,); the position and the minute of the last passing of each that is known at each origin, and
        whether it is under way there, each (origins, trains). Before its first passing: position 0, minute NaN.
        """
        positions, minutes = self._passings_of_trains
        rows = self.seen_between(origins.min() + 1 - MAX_UNOBSERVED_MINS, origins.max() + 1)
        now = origins[:, None] + 1
        count = (minutes[rows] < now[..., None]).sum(axis=-1)
        newest = np.maximum(count - 1, 0)
        observed = np.where(count > 0, minutes[rows, newest], np.nan)
        at = np.where(count > 0, positions[rows, newest], 0)
        active = (observed > now - MAX_UNOBSERVED_MINS) & (at < self.positions - 1)
        used = active.any(axis=0)
        return rows[used], at[:, used], observed[:, used], active[:, used]
