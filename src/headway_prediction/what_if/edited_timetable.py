"""The plan of a service date with departures moved, cancelled or added: its trips, its timetable, its physics prior."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.expected_trains import DirectionDay, InboundTrips
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.physics.trip_table import TripTable
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable

ADDED = -1
"""Row of a trip that is not in the baseline plan."""


def known_trips(day: DirectionDay) -> TripTable:
    """Return the trips of a direction, for callers that have checked that they are known."""
    if day.matched.trips is None:
        raise ValueError("the trips of the direction are unknown")
    return day.matched.trips


@dataclass(frozen=True)
class DirectionChange:
    """Changes of one direction: minutes `later` (trips,), cancelled trips `gone` (trips,), and departures `added`
    (added,)."""

    later: np.ndarray
    gone: np.ndarray
    added: np.ndarray

    @property
    def touched(self) -> np.ndarray:
        """Whether each trip is changed: (trips,)."""
        return np.asarray(self.gone | (self.later != 0))

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return not self.touched.any() and not len(self.added)


@dataclass(frozen=True)
class EditedTrips:
    """Trips of one direction under a change, in the order of their first minutes; `origin` (trips,) is the row of each in
    the baseline plan, or ADDED."""

    table: TripTable
    origin: np.ndarray

    @classmethod
    def of(cls, trips: TripTable, departures: np.ndarray, change: DirectionChange, direction: int) -> Self:
        """Apply a change; `departures` (trips,) are the planned ones of the baseline trips."""
        kept = np.flatnonzero(~change.gone)
        added = [_interpolated_trip(trips.minutes, departures, minute) for minute in change.added]
        minutes = np.concatenate(
            [(trips.minutes + change.later[:, None])[kept], np.reshape(added, (-1, trips.minutes.shape[1]))]
        )
        origin = np.append(kept, np.full(len(added), ADDED))
        order = np.argsort(np.nanmin(minutes, axis=1), kind="stable") if len(minutes) else np.empty(0, int)
        place = np.full(len(trips.minutes), ADDED)
        place[kept] = np.argsort(order)[: len(kept)]
        rows = place[trips.rows]
        new = np.argsort(order)[len(kept) :]
        trip_ids = np.concatenate([trips.trip_ids[rows >= 0], added_trip_ids(direction, change.added)])
        table = TripTable(minutes[order], trip_ids, np.concatenate([rows[rows >= 0], new]))
        return cls(table, origin[order])

    def rows_of(self, baseline: np.ndarray) -> np.ndarray:
        """Return the new rows of baseline trips (any shape; -1 stays), -1 for cancelled ones."""
        rows = np.full(int(max(baseline.max(initial=-1), self.origin.max(initial=-1))) + 2, -1)
        known = self.origin >= 0
        rows[self.origin[known]] = np.flatnonzero(known)
        return np.asarray(rows[baseline])


def added_trip_ids(direction: int, departures: np.ndarray) -> np.ndarray:
    """Return ids for added trips that occur in no log."""
    return np.array(
        [f"added in direction {direction} at {float(minute)!r}" for minute in departures], dtype=np.str_
    )


def _interpolated_trip(minutes: np.ndarray, departures: np.ndarray, departure: float) -> np.ndarray:
    """Return a trip (positions,) that leaves at `departure`, with the mean running times of the trips before and after it
    and the stops of the nearer one."""
    distance = np.abs(departures - departure)
    sides = [np.where(side, distance, np.inf) for side in (departures <= departure, departures > departure)]
    around = [int(np.argmin(side)) for side in sides if np.isfinite(side).any()]
    since = [minutes[trip] - departures[trip] for trip in around]
    nearest = min(around, key=lambda trip: distance[trip])
    mean = np.nanmean(np.where(np.isnan(minutes[nearest]), 0.0, since), axis=0)
    return np.where(np.isnan(minutes[nearest]), np.nan, departure + mean)


@dataclass(frozen=True)
class PlannedTrips:
    """The timetable's trips of one direction: `minutes` (trips, positions), `trip_ids` (trips,), `stations` in travel
    order."""

    minutes: np.ndarray
    trip_ids: np.ndarray
    stations: Sequence[int]


def edited_timetable(
    timetable: Timetable, trips: PlannedTrips, direction: int, change: DirectionChange, service_date: date
) -> Timetable:
    """Return the timetable of one service date alone, with a change of one direction's planned trips applied."""
    rows = timetable.planned_on(service_date)
    own = pl.col("direction") == direction
    changes = pl.DataFrame(
        {"trip_id": trips.trip_ids.tolist(), "later": change.later, "gone": change.gone},
        schema_overrides={"trip_id": PLANNED_COLUMNS["trip_id"]},
    )
    changed = rows.filter(own).join(changes, on="trip_id", how="left", maintain_order="left")
    moved = changed.filter(~pl.col("gone").fill_null(False)).with_columns(
        minute=pl.col("minute") + pl.col("later").fill_null(0.0)
    )
    added = [
        _planned_rows(
            _interpolated_trip(trips.minutes, trips.minutes[:, 0], minute), trip_id, direction, trips.stations
        )
        for minute, trip_id in zip(
            change.added, added_trip_ids(direction, change.added).tolist(), strict=True
        )
    ]
    planned = pl.concat([rows.filter(~own), moved.select(rows.columns), *added]).with_columns(
        service=pl.lit(0, dtype=PLANNED_COLUMNS["service"])
    )
    return Timetable((Service("changed", dates=frozenset([service_date])),), planned)


def _planned_rows(minutes: np.ndarray, trip_id: str, direction: int, stations: Sequence[int]) -> pl.DataFrame:
    passed = np.flatnonzero(np.isfinite(minutes))
    columns = {
        "service": np.zeros(len(passed)),
        "trip_id": [trip_id] * len(passed),
        "direction": np.full(len(passed), direction),
        "station": np.asarray(stations)[passed],
        "minute": minutes[passed],
    }
    return pl.DataFrame(columns).select(pl.col(name).cast(kind) for name, kind in PLANNED_COLUMNS.items())


@dataclass(frozen=True)
class EditedPrior(PhysicsPrior):
    """The physics prior under a change; turnarounds stay as they are in the baseline plan.

    `timetable` is the baseline's, `departures` (trips,) and `changes` those of either direction.
    """

    timetable: Timetable | None
    departures: tuple[np.ndarray, np.ndarray]
    changes: tuple[DirectionChange, DirectionChange]

    @classmethod
    def under(
        cls,
        prior: PhysicsPrior,
        timetable: Timetable | None,
        departures: tuple[np.ndarray, np.ndarray],
        changes: tuple[DirectionChange, DirectionChange],
    ) -> Self:
        """Return `prior` under changes."""
        fitted = {part.name: getattr(prior, part.name) for part in fields(PhysicsPrior) if part.init}
        return cls(**fitted, timetable=timetable, departures=departures, changes=changes)

    def direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        """Return both directions of a service date under the change."""
        baseline = super().direction_days(replace(history, timetable=self.timetable), service_date)
        changed = [self.edited_trips(baseline[d], d) for d in DIRECTIONS]
        days = [
            day if own is None else replace(day, matched=replace(day.matched, trips=own.table), inbound=None)
            for day, own in zip(baseline, changed, strict=True)
        ]
        inbound = [_inbound(baseline[d].inbound, days[1 - d], changed[d], changed[1 - d]) for d in DIRECTIONS]
        return replace(days[0], inbound=inbound[0]), replace(days[1], inbound=inbound[1])

    def edited_trips(self, baseline: DirectionDay, direction: int) -> EditedTrips | None:
        """Return the trips of a direction under the change, None where none are known."""
        if baseline.matched.trips is None:
            return None
        return EditedTrips.of(
            baseline.matched.trips, self.departures[direction], self.changes[direction], direction
        )


def _inbound(
    inbound: InboundTrips | None, arriving: DirectionDay, own: EditedTrips | None, other: EditedTrips | None
) -> InboundTrips | None:
    if inbound is None or own is None or other is None:
        return None
    trip = np.append(other.rows_of(inbound.trip), -1)[own.origin]
    return InboundTrips(arriving, trip, np.append(inbound.min_turnaround, 0.0)[own.origin])
