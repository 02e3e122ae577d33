"""Which expected trip each train of a day is, decided when the train is first seen, so that nothing later changes it."""

import math

import numpy as np

from headway_prediction.forecasters.physics.trip_table import TripTable

NEAR_MINS = 4.0
OTHER_ORIGIN_MINS = 1.5
"""What a train first seen where its trip does not start counts as, in minutes off."""
SAME_KEY_MINS = 60.0
"""Up to here a shared key outweighs any nearness; beyond it the key was given to another trip."""


def matched_trips(trains: TripTable, trips: TripTable) -> np.ndarray:
    """Return the trip of each train, −1 where none fits: (trains,).

    A train takes the trip that has its key, or else the free one that passes its first position nearest to its time
    there, at most 4 minutes off. Trains choose in the order in which they are first seen.
    """
    misfits = _misfits(trains, trips)
    free = np.ones(len(trips.minutes), dtype=bool)
    matched = np.full(len(trains.minutes), -1)
    for train, off in enumerate(misfits):
        near = np.flatnonzero((off <= NEAR_MINS) & free)
        if len(near):
            matched[train] = near[np.argmin(off[near])]
            free[matched[train]] = False
    return matched


def _misfits(trains: TripTable, trips: TripTable) -> np.ndarray:
    """Minutes each train is off each trip where it is first seen, infinite where the trip does not pass: (trains, trips)."""
    positions = trains.first_positions
    off = np.abs(trips.minutes.T[positions] - trains.first_minutes[:, None])
    off += OTHER_ORIGIN_MINS * (trips.first_positions != positions[:, None])
    for key, trip in zip(trips.keys.tolist(), trips.named.tolist(), strict=True):
        train = trains.trip_of_key.get(key)
        if train is not None and not off[train, trip] > SAME_KEY_MINS:
            # Nearer than any other, and among trips of that key the nearest still.
            off[train, trip] = (0.0 if math.isnan(off[train, trip]) else off[train, trip]) - 2 * SAME_KEY_MINS
    return np.where(np.isnan(off), np.inf, off)
