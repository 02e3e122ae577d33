"""Trip tables: minutes by trip and position of one direction on one day, observed or expected, and how to match two of them.

`misfits` and `nearest_pairs` find rows that are the same trip. `matched_trips` finds the expected trip of each train from
its first observation, so that later passings do not change the match.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.physics.match_trains import DirectionPassings
from headway_prediction.forecasters.statistics import median_or_nan

FAR_APART_MINS = 30.0
"""Trips that are nowhere this near are not compared."""
OTHER_FIRST_POSITION_MINS = 1.0
"""Misfit of two trips for starting at different positions."""
NEAR_MINS = 4.0
LATE_FIRST_OBSERVATION_MINS = 1.5
"""Misfit of a train for being first observed where its trip does not start."""
SAME_ID_MINS = 60.0
"""A shared trip id decides the match up to this misfit; beyond it the id was reassigned to another trip."""


@dataclass(frozen=True)
class TripTable:
    """Trips in the order of their first minutes.

    `minutes` (trips, positions): when each trip passes each position of its direction, NaN where it does not.
    `trip_ids` (ids,): ids of these trips, as texts; `rows` (ids,): the trip of each id. A trip may
    have several ids, or none.
    """

    minutes: np.ndarray
    trip_ids: np.ndarray
    rows: np.ndarray

    @cached_property
    def row_of_id(self) -> dict[str, int]:
        """The trip of each id, the last where several share it."""
        return dict(zip(self.trip_ids.tolist(), self.rows.tolist(), strict=True))

    @cached_property
    def id_of_row(self) -> np.ndarray:
        """An id of each trip, empty where it has none: (trips,)."""
        ids = np.full(len(self.minutes), "", dtype=self.trip_ids.dtype)
        ids[self.rows] = self.trip_ids
        return ids

    @cached_property
    def ids_by_row(self) -> list[list[str]]:
        """The ids of each trip."""
        ids: list[list[str]] = [[] for _ in self.minutes]
        for trip_id, row in zip(self.trip_ids.tolist(), self.rows.tolist(), strict=True):
            ids[row].append(trip_id)
        return ids

    @cached_property
    def first_minutes(self) -> np.ndarray:
        """When each trip passes its first position: (trips,)."""
        if not len(self.minutes):
            return np.empty(0)
        return np.asarray(np.nanmin(self.minutes, axis=1))

    @cached_property
    def first_positions(self) -> np.ndarray:
        """The position that each trip passes first: (trips,)."""
        return np.asarray(np.argmin(np.where(np.isnan(self.minutes), np.inf, self.minutes), axis=1))

    def later(self, minutes: np.ndarray) -> "TripTable":
        """Return the same trips, delayed by `minutes` (trips, positions)."""
        return TripTable(self.minutes + minutes, self.trip_ids, self.rows)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_{name}": getattr(self, name) for name in ("minutes", "trip_ids", "rows")}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> "TripTable | None":
        """Rebuild the table of that prefix, None where there is none."""
        if f"{prefix}_minutes" not in state:
            return None
        return cls(*(state[f"{prefix}_{name}"] for name in ("minutes", "trip_ids", "rows")))


def trip_table(minutes: np.ndarray, trip_ids: Sequence[Sequence[str]]) -> TripTable:
    """Sort trips by their first minutes; `trip_ids` holds those of each trip. A trip that passes nothing is dropped."""
    passes = np.isfinite(minutes).any(axis=1)
    first = np.where(
        passes, np.nanmin(np.where(np.isnan(minutes), np.inf, minutes), axis=1, initial=np.inf), np.inf
    )
    order = [trip for trip in np.argsort(first, kind="stable") if passes[trip]]
    pairs = [(trip_id, row) for row, trip in enumerate(order) for trip_id in sorted(trip_ids[trip])]
    ids, rows = [trip_id for trip_id, _ in pairs], [row for _, row in pairs]
    return TripTable(minutes[order], np.array(ids, dtype=np.str_), np.array(rows, dtype=np.int64))


def trips_of_passings(passings: DirectionPassings, positions: int) -> TripTable:
    """Return the trips of the passings, on a direction of so many positions: one for each train.

    Where a trip passes a position twice, the first passing counts.
    """
    trains, row = np.unique(passings.trains, return_inverse=True)
    minutes = np.full((len(trains), positions), np.inf)
    np.minimum.at(minutes, (row, passings.positions), passings.minutes)
    ids = [[str(passings.trip_ids[train])] if train >= 0 else [] for train in trains.tolist()]
    return trip_table(np.where(np.isfinite(minutes), minutes, np.nan), ids)


def misfits(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the median distance in minutes over the positions that both pass: (rows, others).

    Trips that share no position, or lie 30 minutes apart everywhere, are infinitely far apart.
    """
    found = np.full((len(rows), len(others)), np.inf)
    row, other = np.nonzero((np.abs(rows[:, None] - others[None]) <= FAR_APART_MINS).any(axis=2))
    # A median is never below all distances, so trips that are nowhere near need none.
    distance = median_or_nan(np.abs(rows[row] - others[other]), axis=1)
    first_rows, first_others = (np.argmax(np.isfinite(part), axis=1) for part in (rows, others))
    found[row, other] = distance + OTHER_FIRST_POSITION_MINS * (first_rows[row] != first_others[other])
    return found


def nearest_pairs(misfits: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Pair rows with columns, smallest misfit first, none above `limit`, each row and column at most once."""
    near = np.argwhere(misfits <= limit)
    near = near[np.argsort(misfits[near[:, 0], near[:, 1]], kind="stable")]
    rows: set[int] = set()
    columns: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for row, column in near.tolist():
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs


def matched_trips(trains: TripTable, trips: TripTable) -> np.ndarray:
    """Return the trip of each train, −1 where none fits: (trains,).

    A train takes the trip with its id, or else the free trip nearest in time at the position where the train is first
    observed, at most 4 minutes off. Trains are matched in the order in which they are first observed.
    """
    misfits = _misfits_of_trains(trains, trips)
    free = np.ones(len(trips.minutes), dtype=bool)
    matched = np.full(len(trains.minutes), -1)
    for train, off in enumerate(misfits):
        near = np.flatnonzero((off <= NEAR_MINS) & free)
        if len(near):
            matched[train] = near[np.argmin(off[near])]
            free[matched[train]] = False
    return matched


def _misfits_of_trains(trains: TripTable, trips: TripTable) -> np.ndarray:
    """Minutes between train and trip where the train is first observed, infinite where the trip does not pass: (trains,
    trips)."""
    positions = trains.first_positions
    off = np.abs(trips.minutes.T[positions] - trains.first_minutes[:, None])
    off += LATE_FIRST_OBSERVATION_MINS * (trips.first_positions != positions[:, None])
    for trip_id, trip in zip(trips.trip_ids.tolist(), trips.rows.tolist(), strict=True):
        train = trains.row_of_id.get(trip_id)
        if train is not None and not off[train, trip] > SAME_ID_MINS:
            # Below all others; among trips with that id, the nearest comes first.
            off[train, trip] = (0.0 if math.isnan(off[train, trip]) else off[train, trip]) - 2 * SAME_ID_MINS
    return np.where(np.isnan(off), np.inf, off)
