"""Expected trains: when each train of one direction passes each position, as known at an origin.

`DirectionDay` combines the trains under way, the trips yet to depart, turnarounds and train following. An origin is one
minute or an array of minutes, which are computed at once: NumPy takes as long to start on one as to finish many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.physics.dead_reckoning import (
    DEPARTURE_OVERDUE_MINS,
    MIN_SERVED_SHARE,
    TRAIN_OVERDUE_MINS,
    Origin,
    all_typical_departures,
    headways_of_arrivals,
)
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable

MAX_LATE_MINS = 30.0
"""A train that would depart later than this is replaced by another, or its trip is cancelled."""
TRAIN_FEATURES = ("under_way", "since_observed", "position", "overdue", "late", "on_trip")


@dataclass(frozen=True)
class ExpectedTrains:
    """The trains expected at one origin, or at several with a first dimension more.

    `minutes` (trains, positions): expected passings, infinite where a train will not pass. `features` (trains,
    TRAIN_FEATURES): 1 under way, 0 before departure; minutes since the last observation (before departure: since the
    expected first minute, below zero); the position of that; minutes overdue now; minutes behind its trip; 1 where its
    trip is known. `trips` (trains,): row among the day's trips, −1 without a trip. `rows` (trains,): row among the day's
    trains, −1 before departure. `exists` (trains,): false for the padding of an origin that expects fewer trains than
    others; padding passes nowhere.
    """

    minutes: np.ndarray
    features: np.ndarray
    trips: np.ndarray
    rows: np.ndarray
    exists: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields in order."""
        return self.minutes, self.features, self.trips, self.rows, self.exists

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the trains of all parts, of the same origins."""
        return cls(
            *(np.concatenate(own, axis=1) for own in zip(*(part.arrays for part in parts), strict=True))
        )

    def at(self, index: int) -> Self:
        """Return the trains of one of several origins, without padding."""
        own = self.exists[index]
        return type(self)(*(part[index][own] for part in self.arrays))


@dataclass(frozen=True)
class DirectionDay:
    """One direction on one service date: its `matched` trains, train following, and `inbound` trips (None if unknown)."""

    matched: MatchedTrains
    train_following: TrainFollowing
    inbound: "InboundTrips | None" = None

    def expected(self, t0: Origin, leads: int) -> ExpectedTrains:
        """Return the trains expected after the end of minute t0, under way or departing within `leads` minutes."""
        origins = np.atleast_1d(t0)
        under_way = self._under_way(origins)
        if self.matched.trips is None:
            departing = self._departing_at_typical_headways(origins, leads)
        else:
            departing = self._departing_on_trips(self.matched.trips, origins, leads)
        found = ExpectedTrains.joined([under_way, departing])
        found = replace(found, minutes=self._with_train_following(found.minutes, origins))
        return found.at(0) if np.ndim(t0) == 0 else found

    def trip_ids(self, expected: ExpectedTrains) -> np.ndarray:
        """Return an id of each expected train, as in the log or before departure as in the trips, empty where unknown."""
        of_trains: np.ndarray = np.append(self.matched.trains.id_of_row, "")[expected.rows]
        if self.matched.trips is None:
            return of_trains
        return np.where(
            expected.rows >= 0, of_trains, np.append(self.matched.trips.id_of_row, "")[expected.trips]
        )

    def without_train_following(self) -> Self:
        """Return the same day without train following."""
        return replace(self, train_following=TrainFollowing.none(self.matched.positions))

    def under_way(self, t0: int) -> np.ndarray:
        """Return the rows of `trains` that are under way; `expected` returns these first, in this order."""
        return np.asarray(self._under_way(np.array([t0])).rows[0])

    def ends(self, t0: Origin) -> np.ndarray:
        """Return when each trip passed, or its train under way will pass, the last position; NaN if unknown: (…, trips)."""
        origins = np.atleast_1d(t0)
        passed = self.matched.observed_minutes_of_trips[:, -1]
        ends = np.where(passed < origins[:, None] + 1, passed, np.nan)
        coming = self._under_way(origins)
        last = self._with_train_following(coming.minutes, origins)[..., -1]
        origin, train = np.nonzero((coming.trips >= 0) & np.isfinite(last))
        ends[origin, coming.trips[origin, train]] = last[origin, train]
        return ends[0] if np.ndim(t0) == 0 else ends

    def _with_train_following(self, minutes: np.ndarray, origins: np.ndarray) -> np.ndarray:
        typical = self.matched.typical_headways[
            np.minimum(origins // 30, len(self.matched.typical_headways) - 1)
        ]
        return self.train_following.apply(minutes, self.matched.last_observed(origins), typical)

    @cached_property
    def _slowness(self) -> np.ndarray:
        return self.train_following.slowness(self.matched.sections)

    def _under_way(self, origins: np.ndarray) -> ExpectedTrains:
        """The trains under way at each origin, padded with those under way at others."""
        now = origins[:, None] + 1
        trains, at, observed, active = self.matched.last_seen(origins)
        onward, late, on_trip = self._onward(trains, at, observed, origins)
        onward = self._with_pace(onward, trains, at, observed, origins)
        ahead = active[..., None] & (np.arange(self.matched.positions) > at[..., None])
        # Comparisons with NaN are false: a train does not pass positions it does not serve.
        coming = ahead & (onward >= now[..., None] - TRAIN_OVERDUE_MINS)
        overdue = np.where(coming, now[..., None] - onward, -np.inf).max(axis=-1, initial=0.0)
        minutes = np.where(coming, onward + overdue[..., None], np.inf)
        features = np.stack([np.ones(at.shape), now - observed, at, overdue, late, on_trip], axis=-1)
        features[~active] = 0.0
        trips = np.where(active, self.matched.trips_of_trains[trains], -1)
        return ExpectedTrains(minutes, features, trips, np.where(active, trains, -1), active)

    def _onward(
        self, trains: np.ndarray, at: np.ndarray, observed: np.ndarray, origins: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minutes at every position (NaN where not served), minutes behind its trip, 1 where on a trip."""
        since_first = self.matched.runs.since_first(origins)
        since_at = np.take_along_axis(since_first, at, axis=1)[..., None]
        served = self.matched.runs.served[at] >= MIN_SERVED_SHARE
        onward = np.where(served, observed[..., None] + since_first[:, None] - since_at, np.nan)
        if self.matched.trips is None or not len(self.matched.trips.minutes):
            return onward, np.zeros(at.shape), np.zeros(at.shape)
        trip = self.matched.trips_of_trains[trains]
        late = observed - self.matched.trips.minutes[trip, at]
        on_trip = (trip >= 0) & np.isfinite(late)
        late = np.where(on_trip, late, 0.0)
        onward = np.where(on_trip[..., None], self.matched.trips.minutes[trip] + late[..., None], onward)
        return onward, late, on_trip.astype(float)

    def _with_pace(
        self,
        onward: np.ndarray,
        trains: np.ndarray,
        at: np.ndarray,
        observed: np.ndarray,
        origins: np.ndarray,
    ) -> np.ndarray:
        """Add the train's pace and the delay from its headway at the last observed position."""
        if not self.train_following.changes_runs:
            return onward
        known = self.matched.trains.minutes[trains, 1:] < origins[:, None, None] + 1
        run = known & (np.arange(known.shape[-1]) < at[..., None])
        pace = self.train_following.pace(self._slowness[trains], self.matched.sections.typical[trains], run)
        delay = self.train_following.delay(self.matched.sections.headway_excess[trains, at], at)
        moved: np.ndarray = onward + pace[..., None] * (onward - observed[..., None]) + delay[..., None]
        return moved

    def _departing_on_trips(self, trips: TripTable, origins: np.ndarray, leads: int) -> ExpectedTrains:
        """Trips without an observed train, at most 6 minutes overdue; late where their inbound trip is late."""
        now = origins[:, None] + 1
        planned = trips.first_minutes
        near = planned >= origins.min() + 1 - DEPARTURE_OVERDUE_MINS - MAX_LATE_MINS
        rows = np.flatnonzero(near & (planned < origins.max() + 1 + leads))
        late = self._late_departures(trips, rows, origins)
        first = planned[rows] + late
        pending = (first >= now - DEPARTURE_OVERDUE_MINS) & (first < now + leads)
        pending &= self.matched.first_minutes_of_trips[rows] >= now
        used = pending.any(axis=0)
        pending, first, late, rows = pending[:, used], first[:, used], late[:, used], rows[used]
        overdue = np.maximum(now - first, 0.0)
        minutes = trips.minutes[rows] + late[..., None]
        passes = np.isfinite(minutes) & pending[..., None]
        minutes = np.where(passes, minutes + overdue[..., None], np.inf)
        position = np.broadcast_to(trips.first_positions[rows] - 1, first.shape)
        features = _features_before_departure(now - first, position, overdue, late, on_trip=1.0)
        row = np.where(pending, rows, -1)
        return ExpectedTrains(minutes, features, row, np.full(row.shape, -1), pending)

    def _late_departures(self, trips: TripTable, rows: np.ndarray, origins: np.ndarray) -> np.ndarray:
        """Minutes by which the trips `rows` leave late at each origin: (origins, rows)."""
        if self.inbound is None or not len(rows):
            return np.zeros((len(origins), len(rows)))
        earliest = self.inbound.earliest(origins)[:, rows]
        late = np.where(np.isfinite(earliest), earliest - trips.minutes[rows, 0], 0.0)
        return np.clip(late, 0.0, MAX_LATE_MINS)

    def _departing_at_typical_headways(self, origins: np.ndarray, leads: int) -> ExpectedTrains:
        """Departures at the typical headway after the last one."""
        last, typical = self.matched.last_observed(origins)[:, 0], self.matched.typical_headways[:, 0]
        departures = all_typical_departures(typical, last, origins, leads)
        exists = np.isfinite(departures)
        passes = exists[..., None] & (self.matched.runs.served[0] >= MIN_SERVED_SHARE)
        minutes = np.where(
            passes, departures[..., None] + self.matched.runs.since_first(origins)[:, None], np.inf
        )
        zeros, none = np.zeros(departures.shape), np.full(departures.shape, -1)
        since = np.where(exists, origins[:, None] + 1 - departures, 0.0)
        features = _features_before_departure(since, zeros - 1, zeros, zeros, on_trip=0.0)
        return ExpectedTrains(minutes, features, none, none, exists)


@dataclass(frozen=True)
class InboundTrips:
    """The inbound trip of each departing trip: the `arriving` direction, the `trip` there that feeds it (−1 if unknown),
    and the `min_turnaround` minutes from arrival to departure, each (trips,)."""

    arriving: DirectionDay
    trip: np.ndarray
    min_turnaround: np.ndarray

    def earliest(self, t0: Origin) -> np.ndarray:
        """Return the earliest departure of each trip as known at the end of minute t0, NaN if unknown: (…, trips)."""
        ends = self.arriving.ends(t0)
        ends = np.concatenate([ends, np.full((*ends.shape[:-1], 1), np.nan)], axis=-1)
        earliest: np.ndarray = ends[..., self.trip] + self.min_turnaround
        return earliest


def _features_before_departure(
    since: np.ndarray, position: np.ndarray, overdue: np.ndarray, late: np.ndarray, on_trip: float
) -> np.ndarray:
    zeros = np.zeros(since.shape)
    return np.stack([zeros, since, position, overdue, late, zeros + on_trip], axis=-1)


def expected_headways(day: DirectionDay, expected: ExpectedTrains, t0: Origin, leads: int) -> np.ndarray:
    """Return the headways held after t0 if trains pass as `expected`; NaN before the first: (…, leads, positions)."""
    minutes = expected.minutes
    none = np.full((*minutes.shape[:-2], 1, minutes.shape[-1]), np.inf)
    arrivals = np.sort(np.concatenate([minutes, none], axis=-2), axis=-2)
    return headways_of_arrivals(arrivals, day.matched.last_observed(t0), t0, leads)


def headways_with_fallback(
    day: DirectionDay, expected: ExpectedTrains, held: np.ndarray, t0: Origin, leads: int, cap_mins: float
) -> np.ndarray:
    """Return expected headways, before the first train those `held` at t0 (…, positions), else 10 minutes: (…, leads,
    positions)."""
    at_origin = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)[..., None, :]
    ahead = expected_headways(day, expected, t0, leads)
    return np.minimum(np.where(np.isfinite(ahead), ahead, at_origin), cap_mins)
