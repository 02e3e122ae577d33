"""The baseline of a what-if: a line at a moment, with its trains, their trips, and the departures that may be edited."""

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
from headway_prediction.grid.headway_grid import outages_known_at
from headway_prediction.grid.history import ForecastOrigin, LineHistory, build_history
from headway_prediction.grid.plan_variants import with_timetable as history_with_timetable
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.timetable import Timetable
from headway_prediction.what_if.edited_timetable import EditedPrior, EditedTrips, PlannedTrips, known_trips
from headway_prediction.what_if.monte_carlo import UNDER_WAY, MonteCarlo
from headway_prediction.what_if.request import EDITED_MINS

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class Departure:
    """A departure that may be edited: its `planned` service-day minute, its terminal `station`, its `trip` ("" if trips have
    no names) and its `row` among the trips of its `direction`."""

    direction: int
    trip: str
    planned: float
    station: int
    row: int


@dataclass(frozen=True)
class Baseline:
    """A line at a forecast origin, whose history holds that service date alone, and the physics `prior` of its trains."""

    prior: PhysicsPrior
    origin: ForecastOrigin

    @classmethod
    def of(cls, bundle: "Bundle", origin: ForecastOrigin) -> Self:
        """Keep what was known at the origin; raises HeadwayError for a date that is not in its history or another line."""
        bundle.check_fits(origin.history)
        origin.history.day(origin.service_date)
        return cls(bundle.fitted_prior.physics, replace(origin, history=day_as_of(origin)))

    @property
    def history(self) -> LineHistory:
        """The line on the service date of the origin, as known then."""
        return self.origin.history

    @property
    def service_date(self) -> date:
        """The service date of the origin."""
        return self.origin.service_date

    @property
    def t0(self) -> int:
        """The last minute that is over."""
        return self.origin.t0

    @property
    def now(self) -> int:
        """The minute that begins now."""
        return self.t0 + 1

    @cached_property
    def days(self) -> tuple[DirectionDay, DirectionDay]:
        """Both directions under the baseline plan."""
        return self.prior.direction_days(self.history, self.service_date)

    @cached_property
    def departures_of_trips(self) -> tuple[np.ndarray, np.ndarray]:
        """Planned departure of each trip of a direction from the terminal, NaN where it starts elsewhere: (trips,) each."""
        return self._departures(0), self._departures(1)

    def _departures(self, direction: int) -> np.ndarray:
        trips = self.days[direction].matched.trips
        if trips is None:
            return np.empty(0)
        planned = self.planned_tables[direction]
        return trips.minutes[:, 0] if planned is None else planned.minutes[:, 0]

    @cached_property
    def planned_tables(self) -> tuple[PlannedTrips | None, PlannedTrips | None]:
        """The timetable's trips of either direction, in the order of the day's trips; None where trips are only known from
        other days, or not at all."""
        return self._planned_table(0), self._planned_table(1)

    def _planned_table(self, direction: int) -> PlannedTrips | None:
        if self.prior.trips[direction].source != "planned" or self.days[direction].matched.trips is None:
            return None
        planned = planned_trips(self.history, self.service_date, direction)
        assert planned is not None  # the source is the plan
        trip_ids = known_trips(self.days[direction]).id_of_row
        rows = [planned.row_of_id[trip_id] for trip_id in trip_ids.tolist()]
        return PlannedTrips(planned.minutes[rows], trip_ids, self.history.line.travel_order(direction))

    def planned_trips(self, direction: int) -> TripTable:
        """Return the trips of a direction from the timetable or, where only other days hold them, the typical ones."""
        trips, planned = known_trips(self.days[direction]), self.planned_tables[direction]
        return trips if planned is None else TripTable(planned.minutes, trips.trip_ids, trips.rows)

    @cached_property
    def departures(self) -> tuple[Departure, ...]:
        """The departures whose trains have not left, in order of time: those of the next hour, and overdue ones that are
        still expected."""
        found = [departure for direction in DIRECTIONS for departure in self._editable(direction)]
        return tuple(sorted(found, key=lambda departure: (departure.planned, departure.direction)))

    def _editable(self, direction: int) -> list[Departure]:
        day, planned = self.days[direction], self.departures_of_trips[direction]
        open_to_edits = (planned >= self.now) & (planned < self.now + EDITED_MINS)
        if day.matched.trips is None:
            return []
        open_to_edits &= ~self.left(direction)
        open_to_edits[[row for row in self.expected_departures(direction) if planned[row] < self.now]] = True
        station = self.history.line.first_station(direction)
        trip_ids = day.matched.trips.id_of_row.tolist()
        return [
            Departure(direction, trip_ids[row], float(planned[row]), station, int(row))
            for row in np.flatnonzero(open_to_edits)
        ]

    def left(self, direction: int) -> np.ndarray:
        """Return whether the train of each trip has left: (trips,)."""
        day = self.days[direction]
        trips = day.matched.trips_of_trains[day.matched.trains.first_minutes < self.now]
        left = np.zeros(len(known_trips(day).minutes), dtype=np.bool_)
        left[trips[trips >= 0]] = True
        return left

    def expected_departures(self, direction: int) -> dict[int, float]:
        """Return the expected departures of trains that have not left the terminal, by the rows of their trips."""
        expected = self.days[direction].expected(self.t0, EDITED_MINS)
        leaves = (expected.features[:, UNDER_WAY] == 0) & np.isfinite(expected.minutes[:, 0])
        rows = expected.trips[leaves].tolist()
        return dict(zip(rows, expected.minutes[leaves, 0].tolist(), strict=True))

    def typical_lateness(self, direction: int, rows: np.ndarray) -> np.ndarray:
        """Return how many minutes after its plan each of the trips `rows` typically leaves, 0 for added ones: (rows,)."""
        typical = known_trips(self.days[direction]).minutes[:, 0] - self.departures_of_trips[direction]
        return np.asarray(np.append(typical, 0.0)[rows])

    def monte_carlo(self, direction: int, draws: int) -> MonteCarlo:
        """Return the Monte Carlo runs of a direction under the baseline plan, with the same seed at each call."""
        seed = (self.service_date.toordinal(), max(self.t0, 0), direction)
        return MonteCarlo(self.days[direction], self.t0, draws, seed)

    def trips_under(self, changed: "Baseline", direction: int) -> EditedTrips | None:
        """Return the trips of a direction under the plan of `changed`, None where that is the baseline plan."""
        if not isinstance(changed.prior, EditedPrior):
            return None
        return changed.prior.edited_trips(self.days[direction], direction)

    def require_trips(self, direction: int) -> None:
        """Raise HeadwayError where the trips of a direction are unknown, so that no departure can be edited."""
        if self.days[direction].matched.trips is None:
            raise HeadwayError(
                f"no trips of direction {direction} are known on {self.service_date}; trains run at the typical headway",
                "a bundle that was trained with a plan that trains follow, or on days that repeat",
                "train it with the line's GTFS schedule (`headway grid --gtfs`)",
            )

    def with_timetable(self, timetable: Timetable | None, prior: PhysicsPrior) -> "Baseline":
        """Return the same moment under another plan and its prior."""
        origin = replace(self.origin, history=history_with_timetable(self.history, timetable))
        return replace(self, origin=origin, prior=prior)


def day_as_of(origin: ForecastOrigin) -> LineHistory:
    """Return the service date of an origin alone, as known then."""
    history, service_date, t0 = origin.history, origin.service_date, origin.t0
    known = history.known_passings(service_date, t0).filter(pl.col("service_date") == service_date)
    attributes = history.grid.attrs
    return build_history(
        known, history.line, history.timetable, [service_date], {service_date: t0},
        outages_known_at(attributes, service_date, t0), attributes["cap_mins"],
    )  # fmt: skip
