"""Typical trips: those that recur on most days, with the median minutes of their passings.

Most lines run a timetable whether it is published or not. Trains of several days are the same trip when they share a trip id
or pass the same positions within minutes. A trip is typical when at least half of the days have it; newer days weigh more,
because timetables change.
"""

from collections.abc import Sequence

import numpy as np

from headway_prediction.forecasters.physics.trip_table import (
    FAR_APART_MINS,
    TripTable,
    misfits,
    nearest_pairs,
    trip_table,
)
from headway_prediction.forecasters.statistics import median_or_nan

SAME_TRIP_MINS = 4.0
SAME_ID_MINS = FAR_APART_MINS
"""Trips with a shared id match up to this distance; beyond it the id was reassigned to another trip."""
MAX_DAYS = 12
NEWER_DAY_WEIGHT = 0.7
"""Weight of a day relative to the next newer one."""


class _Trip:
    """One trip on several days: its minutes (positions,) on each, the numbers of these days, and its ids."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self.rows: list[np.ndarray] = []
        self.trip_ids: set[str] = set()

    def add(self, day: int, row: np.ndarray, trip_ids: Sequence[str]) -> None:
        self.days.append(day)
        self.rows.append(row)
        self.trip_ids.update(trip_ids)

    def typical(self) -> np.ndarray:
        """Median minutes; NaN where fewer than half of its trains pass."""
        rows = np.stack(self.rows)
        observed = np.isfinite(rows).sum(axis=0)
        return np.where(2 * observed >= len(rows), median_or_nan(rows), np.nan)


def typical_trips(days: Sequence[TripTable], positions: int) -> TripTable:
    """Return the typical trips of `days`: one direction, one day type, oldest first; the newest 12 are used."""
    days = [day for day in days[-MAX_DAYS:] if len(day.minutes)]
    weights = NEWER_DAY_WEIGHT ** np.arange(len(days))[::-1]
    recurring = [trip for trip in _gathered(days) if 2 * weights[trip.days].sum() >= weights.sum()]
    minutes = np.array([trip.typical() for trip in recurring]).reshape(-1, positions)
    return trip_table(minutes, [sorted(trip.trip_ids) for trip in recurring])


def _gathered(days: Sequence[TripTable]) -> list[_Trip]:
    """The trips of all days: each train joins the trip that it matches, or starts a new one."""
    trips: list[_Trip] = []
    for number, day in enumerate(days):
        same = {train: trips[place] for train, place in _same_trips(day, trips)}
        for train, (row, trip_ids) in enumerate(zip(day.minutes, day.ids_by_row, strict=True)):
            if train not in same:
                trips.append(_Trip())
            same.get(train, trips[-1]).add(number, row, trip_ids)
    return trips


def _same_trips(day: TripTable, trips: list[_Trip]) -> list[tuple[int, int]]:
    """Pairs (train of the day, index of a trip), each at most once, best match first."""
    if not trips:
        return []
    misfit = misfits(day.minutes, median_or_nan(_rows_of(trips), axis=1))
    rows = day.row_of_id
    shared = [
        (rows[i], place) for place, trip in enumerate(trips) for i in sorted(trip.trip_ids) if i in rows
    ]
    for pair in shared:
        if misfit[pair] < SAME_ID_MINS:
            # Below all pairs without a shared id; where several trips have the id, the nearest comes first.
            misfit[pair] -= SAME_ID_MINS
    return nearest_pairs(misfit, SAME_TRIP_MINS)


def _rows_of(trips: list[_Trip]) -> np.ndarray:
    """The minutes of all trips, padded with NaN where one has fewer days: (trips, MAX_DAYS, positions)."""
    rows = np.full((len(trips), MAX_DAYS, len(trips[0].rows[0])), np.nan)
    for trip, padded in zip(trips, rows, strict=True):
        padded[: len(trip.rows)] = trip.rows
    return rows
