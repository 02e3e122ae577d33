"""The planned trips of a service date, those of which the plan names the departure alone continued to the end."""

from datetime import date

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.dead_reckoning import DEPARTURE_OVERDUE_MINS, MIN_SERVED_SHARE
from headway_prediction.forecasters.physics.running_times import travel_positions
from headway_prediction.forecasters.physics.stopping_pattern import DirectionRuns
from headway_prediction.forecasters.physics.trip_pairs import misfits, nearest_pairs
from headway_prediction.forecasters.physics.trip_table import TripTable, trip_table, trips_of_rows
from headway_prediction.grid.history import LineHistory


def planned_trips(history: LineHistory, service_date: date, direction: int) -> TripTable | None:
    """Return the trips of one direction as the plan has them, None without a plan for that date."""
    if history.timetable is None:
        return None
    planned = history.timetable.planned_on(service_date).filter(pl.col("direction") == direction)
    placed = travel_positions(planned, history.line)
    if placed.is_empty():
        return None
    return trips_of_rows(placed, "trip", len(history.line.travel_order(direction)))


def continued(trips: TripTable, runs: DirectionRuns) -> TripTable:
    """Continue the departures of a plan none of whose trips goes on from the first position; others stay as they are.

    They run on at the usual running times, past the positions that most trains serve. A plan may name the rest of the way
    as trips of their own, as one does whose departures were replaced (grid.plan_variants): the nearest of these then tells
    which positions a departure passes, and is taken by it. What is left of them and begins right after the first position
    has lost its departure: its train is among the departures already.
    """
    departs = np.isfinite(trips.minutes[:, 0])
    goes_on = np.isfinite(trips.minutes[:, 1:]).any(axis=1)
    if not departs.any() or (departs & goes_on).any():
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
    return trip_table(minutes, trips.keys_by_trip)


def _run_through(departures: np.ndarray, runs: DirectionRuns) -> np.ndarray:
    """Minutes at every position of trains that leave the first one at `departures`: (trains, positions)."""
    return departures[:, None] + runs.since_first(departures)
