"""The trains of one direction as a table: minutes by train and position, of a day that was, or of one that is expected.

Which rows of minutes are the same trip: how far apart any two lie, and the pairs that lie nearest.

Which expected trip each train of a day is, decided when the train is first seen, so that nothing later changes it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from headway_prediction.forecasters.statistics import median_or_nan
from headway_prediction.transit.trip_keys import UNKNOWN


@dataclass(frozen=True)
class TripTable:
    """Trips in the order of their first minutes.

    `minutes` (trips, positions): when each trip passes each position of its direction, NaN where it does not.
    `keys` (names,): the keys by which trains of these trips may be known; `named` (names,): the trip of each key.
    """

    minutes: np.ndarray
    keys: np.ndarray
    named: np.ndarray

    @cached_property
    def trip_of_key(self) -> dict[int, int]:
        """The trip of each key."""
        return dict(zip(self.keys.tolist(), self.named.tolist(), strict=True))

    @cached_property
    def key_of_trip(self) -> np.ndarray:
        """A key of each trip, −1 where it has none: (trips,)."""
        keys = np.full(len(self.minutes), UNKNOWN, dtype=np.int64)
        keys[self.named] = self.keys
        return keys

    @cached_property
    def keys_by_trip(self) -> list[list[int]]:
        """The keys of each trip."""
        keys: list[list[int]] = [[] for _ in self.minutes]
        for key, trip in zip(self.keys.tolist(), self.named.tolist(), strict=True):
            keys[trip].append(key)
        return keys

    @cached_property
    def first_minutes(self) -> np.ndarray:
        """When each trip passes its first position: (trips,)."""
        return np.nanmin(self.minutes, axis=1) if len(self.minutes) else np.empty(0)

    @cached_property
    def first_positions(self) -> np.ndarray:
        """The position that each trip passes first: (trips,)."""
        return np.argmin(np.where(np.isnan(self.minutes), np.inf, self.minutes), axis=1)

    def later(self, minutes: np.ndarray) -> "TripTable":
        """Return the same trips, later by `minutes` (trips, positions)."""
        return TripTable(self.minutes + minutes, self.keys, self.named)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_{name}": getattr(self, name) for name in ("minutes", "keys", "named")}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> "TripTable | None":
        """Rebuild the table of that prefix, None where there is none."""
        if f"{prefix}_minutes" not in state:
            return None
        return cls(*(state[f"{prefix}_{name}"] for name in ("minutes", "keys", "named")))


def trip_table(minutes: np.ndarray, keys: Sequence[Sequence[int]]) -> TripTable:
    """Sort trips by their first minutes; `keys` holds those of each trip, and a trip that passes nothing is left out."""
    passes = np.isfinite(minutes).any(axis=1)
    first = np.where(
        passes, np.nanmin(np.where(np.isnan(minutes), np.inf, minutes), axis=1, initial=np.inf), np.inf
    )
    order = [trip for trip in np.argsort(first, kind="stable") if passes[trip]]
    pairs = [(key, place) for place, trip in enumerate(order) for key in sorted(keys[trip]) if key > UNKNOWN]
    names = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return TripTable(minutes[order], names[:, 0], names[:, 1])


def trips_of_rows(rows: pl.DataFrame, trip: str, positions: int) -> TripTable:
    """Return the trips that the column `trip` tells apart; `rows` have it, position and minute, of one direction and day.

    A trip that passes a position twice is taken there the first time.
    """
    earliest = rows.sort("minute").unique([trip, "position"], keep="first", maintain_order=True)
    keys, index = np.unique(earliest[trip].to_numpy(), return_inverse=True)
    minutes = np.full((len(keys), positions), np.nan)
    minutes[index, earliest["position"].to_numpy()] = earliest["minute"].to_numpy()
    return trip_table(minutes, [[int(key)] for key in keys])


FAR_APART_MINS = 30.0
"""Trips that are nowhere as near as this are not compared."""
OTHER_FIRST_POSITION_MINS = 1.0
"""What starting at another station counts as, in minutes of misfit."""


def misfits(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the median distance in minutes over the positions that both pass: (rows, others).

    Trips that share no position, or lie 30 minutes apart everywhere, are infinitely far apart.
    """
    found = np.full((len(rows), len(others)), np.inf)
    row, other = np.nonzero((np.abs(rows[:, None] - others[None]) <= FAR_APART_MINS).any(axis=2))
    # No median lies below all distances: what is nowhere near needs none.
    distance = median_or_nan(np.abs(rows[row] - others[other]), axis=1)
    first_rows, first_others = (np.argmax(np.isfinite(part), axis=1) for part in (rows, others))
    found[row, other] = distance + OTHER_FIRST_POSITION_MINS * (first_rows[row] != first_others[other])
    return found


def nearest_pairs(misfits: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Pair rows with columns, smallest misfit first, none above `limit`, each row and column at most once."""
    near = np.argwhere(misfits <= limit)
    near = near[np.argsort(misfits[near[:, 0], near[:, 1]], kind="stable")]
    rows, columns, pairs = set(), set(), []
    for row, column in near.tolist():
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs


NEAR_MINS = 4.0
LATE_FIRST_OBSERVATION_MINS = 1.5
"""What a train first seen where its trip does not start counts as, in minutes off."""
SAME_KEY_MINS = 60.0
"""Up to here a shared key outweighs any nearness; beyond it the key was given to another trip."""


def matched_trips(trains: TripTable, trips: TripTable) -> np.ndarray:
    """Return the trip of each train, −1 where none fits: (trains,).

    A train takes the trip that has its key, or else the free one that passes its first position nearest to its time
    there, at most 4 minutes off. Trains choose in the order in which they are first seen.
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
    """Minutes each train is off each trip where it is first seen, infinite where the trip does not pass: (trains, trips)."""
    positions = trains.first_positions
    off = np.abs(trips.minutes.T[positions] - trains.first_minutes[:, None])
    off += LATE_FIRST_OBSERVATION_MINS * (trips.first_positions != positions[:, None])
    for key, trip in zip(trips.keys.tolist(), trips.named.tolist(), strict=True):
        train = trains.trip_of_key.get(key)
        if train is not None and not off[train, trip] > SAME_KEY_MINS:
            # Nearer than any other, and among trips of that key the nearest still.
            off[train, trip] = (0.0 if math.isnan(off[train, trip]) else off[train, trip]) - 2 * SAME_KEY_MINS
    return np.where(np.isnan(off), np.inf, off)
