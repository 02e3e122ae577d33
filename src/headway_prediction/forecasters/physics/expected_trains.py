"""Expected trains: when each train of one direction passes each position, as known at an origin.

`DirectionDay` combines the trains under way, the trips yet to depart, turnarounds and train following.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.physics.dead_reckoning import (
    DEPARTURE_OVERDUE_MINS,
    MIN_SERVED_SHARE,
    TRAIN_OVERDUE_MINS,
    headways_of_arrivals,
    typical_departures,
)
from headway_prediction.forecasters.physics.match_trains import MAX_UNOBSERVED_MINS
from headway_prediction.forecasters.physics.running_times import DirectionRuns
from headway_prediction.forecasters.physics.train_following import Sections, TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable, matched_trips

MAX_LATE_MINS = 30.0
"""A train that would depart later than this is replaced by another, or its trip is cancelled."""
TRAIN_FEATURES = ("under_way", "since_observed", "position", "overdue", "late", "on_trip")


@dataclass(frozen=True)
class ExpectedTrains:
    """The trains expected at an origin.

    `minutes` (trains, positions): expected passings, infinite where a train will not pass. `features` (trains,
    TRAIN_FEATURES): 1 under way, 0 before departure; minutes since the last observation (before departure: since the
    expected first minute, below zero); the position of that; minutes overdue now; minutes behind its trip; 1 where its
    trip is known. `trip_ids` (trains,): as in the log, empty where unknown. `trips` (trains,): row among the day's trips,
    −1 without a trip. `rows` (trains,): row among the day's trains, −1 before departure.
    """

    minutes: np.ndarray
    features: np.ndarray
    trip_ids: np.ndarray
    trips: np.ndarray
    rows: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields in order."""
        return self.minutes, self.features, self.trip_ids, self.trips, self.rows


@dataclass(frozen=True)
class DirectionDay:
    """One direction on one service date: its observed `trains`, the fitted `runs`, the day's `trips` (None if unknown), the
    `typical_headways` (half-hours, positions), train following, and the `inbound` trips (None if unknown)."""

    trains: TripTable
    runs: DirectionRuns
    trips: TripTable | None
    typical_headways: np.ndarray
    train_following: TrainFollowing
    inbound: "InboundTrips | None" = None

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
        minutes, found = np.full((trips, self.trains.minutes.shape[1]), np.nan), self.trips_of_trains >= 0
        minutes[self.trips_of_trains[found]] = self.trains.minutes[found]
        return minutes

    @cached_property
    def _passings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Trains, positions and minutes of all passings, in order of time."""
        train, position = np.nonzero(np.isfinite(self.trains.minutes))
        minute = self.trains.minutes[train, position]
        order = np.argsort(minute, kind="stable")
        return train[order], position[order], minute[order]

    def known(self, t0: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return trains, positions and minutes of the passings known at the end of minute t0, in order of time."""
        train, position, minute = self._passings
        count = int(np.searchsorted(minute, t0 + 1, side="left"))
        return train[:count], position[:count], minute[:count]

    def last_observed(self, t0: int) -> np.ndarray:
        """Return the minute of the last passing known at each position, NaN before the first: (positions,)."""
        _, position, minute = self.known(t0)
        last = np.full(self.trains.minutes.shape[1], np.nan)
        last[position] = minute  # in order of time: the last one stays
        return last

    def expected(self, t0: int, leads: int) -> ExpectedTrains:
        """Return the trains expected after the end of minute t0, under way or departing within `leads` minutes."""
        under_way = self._under_way(t0)[1]
        if self.trips is None:
            departing = self._departing_at_typical_headways(t0, leads)
        else:
            departing = self._departing_on_trips(self.trips, t0, leads)
        minutes, features, trip_ids, trips, rows = (
            np.concatenate(parts) for parts in zip(under_way.arrays, departing.arrays, strict=True)
        )
        return ExpectedTrains(self._with_train_following(minutes, t0), features, trip_ids, trips, rows)

    def without_train_following(self) -> "DirectionDay":
        """Return the same day without train following."""
        return replace(self, train_following=TrainFollowing.none(self.typical_headways.shape[1]))

    def under_way(self, t0: int) -> np.ndarray:
        """Return the rows of `trains` that are under way; `expected` returns these first, in this order."""
        return self._under_way(t0)[0]

    def ends(self, t0: int) -> np.ndarray:
        """Return when each trip passed, or its train under way will pass, the last position; NaN if unknown: (trips,)."""
        passed = self.observed_minutes_of_trips[:, -1]
        ends = np.where(passed < t0 + 1, passed, np.nan)
        active, coming = self._under_way(t0)
        trip, last = self.trips_of_trains[active], self._with_train_following(coming.minutes, t0)[:, -1]
        known = (trip >= 0) & np.isfinite(last)
        ends[trip[known]] = last[known]
        return ends

    def _with_train_following(self, minutes: np.ndarray, t0: int) -> np.ndarray:
        typical = self.typical_headways[min(t0 // 30, len(self.typical_headways) - 1)]
        return self.train_following.apply(minutes, self.last_observed(t0), typical)

    @cached_property
    def sections(self) -> Sections:
        """The runs of the trains, compared with their trips or typical running times."""
        trip, trips = self.trips_of_trains, None
        if self.trips is not None and len(self.trips.minutes):
            trips = np.where(trip[:, None] >= 0, self.trips.minutes[trip], np.nan)
        return Sections.of(self.trains.minutes, trips, self.runs.running, self.typical_headways)

    @cached_property
    def _slowness(self) -> np.ndarray:
        return self.train_following.slowness(self.sections)

    def _under_way(self, t0: int) -> tuple[np.ndarray, ExpectedTrains]:
        """The rows of the trains under way, and their expected passings."""
        now = t0 + 1
        train, position, minute = self.known(t0)
        at, observed = np.full(len(self.trains.minutes), -1), np.full(len(self.trains.minutes), -np.inf)
        at[train], observed[train] = position, minute
        active = np.flatnonzero(
            (observed > now - MAX_UNOBSERVED_MINS) & (at < self.trains.minutes.shape[1] - 1)
        )
        at, observed = at[active], observed[active]
        onward, late, on_trip = self._onward(active, at, observed, t0)
        onward = self._with_pace(onward, active, at, observed, t0)
        ahead = np.arange(onward.shape[1]) > at[:, None]
        # Comparisons with NaN are false: a train does not pass positions it does not serve.
        coming = ahead & (onward >= now - TRAIN_OVERDUE_MINS)
        overdue = np.where(coming, now - onward, -np.inf).max(axis=1, initial=0.0)
        minutes = np.where(coming, onward + overdue[:, None], np.inf)
        features = np.stack([np.ones(len(at)), now - observed, at, overdue, late, on_trip], axis=1)
        trips = np.full(len(active), -1) if self.trips is None else self.trips_of_trains[active]
        return active, ExpectedTrains(minutes, features, self.trains.id_of_row[active], trips, active)

    def _onward(
        self, active: np.ndarray, at: np.ndarray, observed: np.ndarray, t0: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minutes at every position (NaN where not served), minutes behind its trip, 1 where on a trip."""
        since_first = self.runs.since_first(t0)
        served = self.runs.served[at] >= MIN_SERVED_SHARE
        onward = np.where(served, observed[:, None] + since_first - since_first[at][:, None], np.nan)
        if self.trips is None or not len(active):
            return onward, np.zeros(len(active)), np.zeros(len(active))
        trip = self.trips_of_trains[active]
        late = observed - self.trips.minutes[trip, at]
        on_trip = (trip >= 0) & np.isfinite(late)
        onward = np.where(on_trip[:, None], self.trips.minutes[trip] + late[:, None], onward)
        return onward, np.where(on_trip, late, 0.0), on_trip.astype(float)

    def _with_pace(
        self, onward: np.ndarray, active: np.ndarray, at: np.ndarray, observed: np.ndarray, t0: int
    ) -> np.ndarray:
        """Add the train's pace and the delay from its headway at the last observed position."""
        known = self.trains.minutes[active, 1:] < t0 + 1
        run = known & (np.arange(known.shape[1]) < at[:, None])
        pace = self.train_following.pace(self._slowness[active], self.sections.typical[active], run)
        delay = self.train_following.delay(self.sections.headway_excess[active, at], at)
        moved: np.ndarray = onward + pace[:, None] * (onward - observed[:, None]) + delay[:, None]
        return moved

    def _departing_on_trips(self, trips: TripTable, t0: int, leads: int) -> ExpectedTrains:
        """Trips without an observed train, at most 6 minutes overdue; late where their inbound trip is late."""
        now, late = t0 + 1, self._late_departures(trips, t0)
        first = trips.first_minutes + late
        observed = self.trips_of_trains[self.trains.first_minutes < now]
        pending = (first >= now - DEPARTURE_OVERDUE_MINS) & (first < now + leads)
        pending[observed[observed >= 0]] = False
        first, minutes = first[pending], (trips.minutes + late[:, None])[pending]
        overdue = np.maximum(now - first, 0.0)
        minutes = np.where(np.isfinite(minutes), minutes + overdue[:, None], np.inf)
        trip_ids, position = trips.id_of_row[pending], trips.first_positions[pending] - 1
        features = _features_before_departure(now - first, position, overdue, late[pending], on_trip=1.0)
        return ExpectedTrains(minutes, features, trip_ids, np.flatnonzero(pending), np.full(len(first), -1))

    def _late_departures(self, trips: TripTable, t0: int) -> np.ndarray:
        if self.inbound is None:
            return np.zeros(len(trips.minutes))
        earliest = self.inbound.earliest(t0)
        late = np.where(np.isfinite(earliest), earliest - trips.minutes[:, 0], 0.0)
        return np.clip(late, 0.0, MAX_LATE_MINS)

    def _departing_at_typical_headways(self, t0: int, leads: int) -> ExpectedTrains:
        """Departures at the typical headway after the last one."""
        _, position, minute = self.known(t0)
        departed = minute[position == 0]
        departures = typical_departures(
            self.typical_headways[:, 0], departed[-1] if len(departed) else None, t0, leads
        )
        served = self.runs.served[0] >= MIN_SERVED_SHARE
        minutes = np.where(served, departures[:, None] + self.runs.since_first(t0), np.inf)
        zeros = np.zeros(len(departures))
        features = _features_before_departure(t0 + 1 - departures, zeros - 1, zeros, zeros, on_trip=0.0)
        none = np.full(len(departures), -1)
        return ExpectedTrains(minutes, features, np.full(len(departures), ""), none, none)


@dataclass(frozen=True)
class InboundTrips:
    """The inbound trip of each departing trip: the `arriving` direction, the `trip` there that feeds it (−1 if unknown),
    and the `min_turnaround` minutes from arrival to departure, each (trips,)."""

    arriving: DirectionDay
    trip: np.ndarray
    min_turnaround: np.ndarray

    def earliest(self, t0: int) -> np.ndarray:
        """Return the earliest departure of each trip as known at the end of minute t0, NaN if unknown."""
        ends = np.append(self.arriving.ends(t0), np.nan)
        earliest: np.ndarray = ends[self.trip] + self.min_turnaround
        return earliest


def _features_before_departure(
    since: np.ndarray, position: np.ndarray, overdue: np.ndarray, late: np.ndarray, on_trip: float
) -> np.ndarray:
    zeros = np.zeros(len(since))
    return np.stack([zeros, since, position, overdue, late, zeros + on_trip], axis=1)


def expected_headways(day: DirectionDay, t0: int, leads: int) -> np.ndarray:
    """Return the headways (leads, positions) held after t0 if trains pass as expected; NaN before the first."""
    minutes = day.expected(t0, leads).minutes
    arrivals = np.concatenate([minutes, np.full((1, minutes.shape[1]), np.inf)])
    return headways_of_arrivals(np.sort(arrivals, axis=0), day.last_observed(t0), t0, leads)


def headways_with_fallback(
    day: DirectionDay, held: np.ndarray, t0: int, leads: int, cap_mins: float
) -> np.ndarray:
    """Return expected headways, before the first train those `held` at t0 (positions,), else 10 minutes: (leads,
    positions)."""
    at_origin = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)
    ahead = expected_headways(day, t0, leads)
    return np.minimum(np.where(np.isfinite(ahead), ahead, at_origin), cap_mins)
