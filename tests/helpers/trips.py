"""Trips, runs and small lines for the tests of the physics prior."""

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.running_times import HOURS, DirectionRuns
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.trip_table import TripTable, trip_table
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable
from helpers.lines import ZONE, log_of, train

NAN = np.nan
NO_FOLLOWING = TrainFollowing.none(4)
"""No train following on a line of four positions."""


def table(*rows: list[float], trip_ids: list[str] | None = None, positions: int = 4) -> TripTable:
    """Trips from rows of minutes (no rows: of `positions` positions); `trip_ids` holds one for each, "" for none."""
    minutes = np.array(rows, dtype=float).reshape(len(rows), len(rows[0]) if rows else positions)
    return trip_table(minutes, [[trip_id] if trip_id else [] for trip_id in trip_ids or [""] * len(rows)])


def runs(positions=4, run=2.0, headway=10.0, served=None) -> DirectionRuns:
    """Runs of a direction whose trains take `run` minutes everywhere; `served` defaults to every platform."""
    shares = np.triu(np.ones((positions, positions))) if served is None else served
    return DirectionRuns(np.full((HOURS, positions - 1), run), shares, np.full(54, headway), np.array(False))


def line_of(positions: int) -> Line:
    """A line of so many stations, all served in both directions."""
    stops = [f"S{number}" for number in range(positions)]
    rows = [*train("there", stops, 400), *train("back", stops[::-1], 400, direction=1)]
    return Line.from_arrivals(log_of(rows), ZONE)


def history_of(rows: list[tuple], plan: Timetable | None = None) -> LineHistory:
    """The history of a hand-made log."""
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE), plan)


def plan_of(rows: list[tuple], weekdays=range(7)) -> Timetable:
    """A timetable from rows of (trip, direction, station, minute) that runs on `weekdays`."""
    return timetable_of([(0, *row) for row in rows], Service("plan", weekdays=frozenset(weekdays)))


def timetable_of(rows: list[tuple], *services: Service) -> Timetable:
    """A timetable of `services` from rows of (service, trip, direction, station, minute); a trip may be a number."""
    named = [(service, str(trip), *place) for service, trip, *place in rows]
    return Timetable(services, pl.DataFrame(named, PLANNED_COLUMNS, orient="row"))
