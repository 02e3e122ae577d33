"""The trains of one direction as a table: minutes by train and position, of a day that was, or of one that is expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

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
