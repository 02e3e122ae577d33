"""What is known of a line at a moment: its trains, the trips they run, and the departures that may still be edited."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.planned_trips import planned_trips
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.physics.trip_table import TripTable
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory, build_history
from headway_prediction.grid.outages import outages_known_at
from headway_prediction.grid.plan_variants import with_timetable
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.timetable import Timetable
from headway_prediction.what_if.edited_timetable import EditedPrior, EditedTrips, PlannedTrips
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.monte_carlo import UNDER_WAY, MonteCarlo

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class Departure:
    """A departure that may be edited: `planned` (service-day minutes) from the terminal `station`; `trip` names it, "" where
    the line's trips have no names; `row` is its place among the trips of its `direction`."""

    direction: int
    trip: str
    planned: float
    station: int
    row: int


@dataclass(frozen=True)
class Baseline:
    """A line as of the end of minute `t0`: the `history` of that service date alone, and the first `prior` of its trains."""

    prior: PhysicsPrior
    history: LineHistory
    service_date: date
    t0: int

    @classmethod
    def of(cls, bundle: "Bundle", history: LineHistory, service_date: date, t0: int) -> Self:
        """Read from a history what was known; raises HeadwayError for a date that is not in it or another line."""
        bundle.check_fits(history)
        history.day(service_date)
        prior = bundle.method(TripPropagation.name).prior
        return cls(prior, day_as_of(history, service_date, t0), service_date, t0)

    @property
    def now(self) -> int:
        """The minute that begins now."""
        return self.t0 + 1

    @cached_property
    def days(self) -> tuple[DirectionDay, DirectionDay]:
        """Both directions under the present plan."""
        return self.prior.direction_days(self.history, self.service_date)

    @cached_property
    def departures_of_trips(self) -> tuple[np.ndarray, np.ndarray]:
        """When each trip of a direction is planned to leave the terminal, NaN where it does not: (trips,) each."""
        return tuple(self._departures(direction) for direction in DIRECTIONS)

    def _departures(self, direction: int) -> np.ndarray:
        trips = self.days[direction].trips
        if trips is None:
            return np.empty(0)
        planned = self.planned_tables[direction]
        return trips.minutes[:, 0] if planned is None else planned.minutes[:, 0]

    @cached_property
    def planned_tables(self) -> tuple[PlannedTrips | None, PlannedTrips | None]:
        """The planned trips of either direction as the timetable has them, in the order of the day's trips; None where trips
        are known from other days, or not at all."""
        return tuple(self._planned_table(direction) for direction in DIRECTIONS)

    def _planned_table(self, direction: int) -> PlannedTrips | None:
        if self.prior.trips[direction].source != "planned" or self.days[direction].trips is None:
            return None
        planned = planned_trips(self.history, self.service_date, direction)
        trip_ids = self.days[direction].trips.id_of_row
        rows = [planned.row_of_id[trip_id] for trip_id in trip_ids.tolist()]
        return PlannedTrips(planned.minutes[rows], trip_ids, self.history.line.travel_order(direction))

    def planned_trips(self, direction: int) -> TripTable:
        """Return the trips of a direction as the timetable has them or, where they are known from other days, as usual."""
        trips, planned = self.days[direction].trips, self.planned_tables[direction]
        return trips if planned is None else TripTable(planned.minutes, trips.trip_ids, trips.rows)

    @cached_property
    def departures(self) -> tuple[Departure, ...]:
        """The departures whose trains have not left, in order of time: those of the next hour, and those overdue but still
        expected."""
        found = [departure for direction in DIRECTIONS for departure in self._editable(direction)]
        return tuple(sorted(found, key=lambda departure: (departure.planned, departure.direction)))

    def _editable(self, direction: int) -> list[Departure]:
        day, planned = self.days[direction], self.departures_of_trips[direction]
        open_to_edits = (planned >= self.now) & (planned < self.now + EDITED_MINS)
        if day.trips is None:
            return []
        open_to_edits &= ~self.left(direction)
        open_to_edits[[row for row in self.expected_departures(direction) if planned[row] < self.now]] = True
        station = self.history.line.first_station(direction)
        trip_ids = day.trips.id_of_row.tolist()
        return [
            Departure(direction, trip_ids[row], float(planned[row]), station, int(row))
            for row in np.flatnonzero(open_to_edits)
        ]

    def left(self, direction: int) -> np.ndarray:
        """Return whether the train of each trip has left: (trips,)."""
        day = self.days[direction]
        trips = day.trips_of_trains[day.trains.first_minutes < self.now]
        left = np.zeros(len(day.trips.minutes), dtype=bool)
        left[trips[trips >= 0]] = True
        return left

    def expected_departures(self, direction: int) -> dict[int, float]:
        """Return when the trains that are still to leave the terminal are expected to, by the rows of their trips."""
        expected = self.days[direction].expected(self.t0, EDITED_MINS)
        leaves = (expected.features[:, UNDER_WAY] == 0) & np.isfinite(expected.minutes[:, 0])
        rows = expected.trips[leaves].tolist()
        return dict(zip(rows, expected.minutes[leaves, 0].tolist(), strict=True))

    def typical_lateness(self, direction: int, rows: np.ndarray) -> np.ndarray:
        """Return how many minutes after its plan each of the trips `rows` usually leaves, 0 for added ones: (rows,)."""
        typical = self.days[direction].trips.minutes[:, 0] - self.departures_of_trips[direction]
        return np.append(typical, 0.0)[rows]

    def monte_carlo(self, direction: int, draws: int) -> MonteCarlo:
        """Return the luck of a direction's trains under the present plan; the same whenever it is asked for."""
        seed = (self.service_date.toordinal(), max(self.t0, 0), direction)
        return MonteCarlo(self.days[direction], self.t0, draws, seed)

    def trips_under(self, changed: "Baseline", direction: int) -> EditedTrips | None:
        """Return the trips of a direction as `changed` has them, None where that is no other plan."""
        if not isinstance(changed.prior, EditedPrior):
            return None
        return changed.prior.edited_trips(self.days[direction], direction)

    def require_trips(self, direction: int) -> None:
        """Raise HeadwayError where nothing is known of the trips of a direction, so that none can be edited."""
        if self.days[direction].trips is None:
            raise HeadwayError(
                f"no trips of direction {direction} are known on {self.service_date}: the forecast lets trains leave at "
                "the usual headway",
                "a bundle that was trained with a plan that is kept, or on days that repeat",
                "train it with the line's GTFS schedule (`headway grid --gtfs`)",
            )

    def under(self, timetable: Timetable | None, prior: PhysicsPrior) -> "Baseline":
        """Return the same moment under another plan and another first guess."""
        return replace(self, history=with_timetable(self.history, timetable), prior=prior)


def day_as_of(history: LineHistory, service_date: date, t0: int) -> LineHistory:
    """Return a service date alone, as known at the end of minute `t0`."""
    known = history.known_passings(service_date, t0).filter(pl.col("service_date") == service_date)
    attributes = history.grid.attrs
    return build_history(
        known, history.line, history.timetable, [service_date], {service_date: t0},
        outages_known_at(attributes, service_date, t0), attributes["cap_mins"],
    )  # fmt: skip
