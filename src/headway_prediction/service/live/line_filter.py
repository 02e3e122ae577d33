"""Of all that a feed tells, the passings of one line: with route and direction named, each run on its service date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from headway_prediction.feeds.realtime.arrival_log import service_date_of, typed_log
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Passing, journal_order
from headway_prediction.feeds.realtime.planned import NO_PLAN, PlannedTrips
from headway_prediction.service.store.rows import DatedPassing
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.route_line import routes_of


@dataclass(frozen=True)
class LineFilter:
    """Which passings of a feed are the line's: those of `route_id` with a known direction, as `tidy_log` chooses them.

    `route_id` may join several routes of one line, see `routes_of`. `words` and `planned` say what the feed leaves unsaid;
    `max_uncertainty_secs` leaves out what may be further off.
    """

    route_id: str
    words: FeedMetadata
    planned: PlannedTrips = NO_PLAN
    max_uncertainty_secs: float | None = None

    def of_run(self, passings: Sequence[Passing]) -> list[DatedPassing]:
        """Return the line's among the passings of one run, all on the service date that the first of them gives."""
        own = [named for passing in passings if (named := self._named(passing)) is not None]
        if not own:
            return []
        first = min(passing.time for passing in own)
        day = service_date_of(own[0].run.trip.start_date, first, self.words.time_zone)
        return [DatedPassing(day, passing) for passing in own]

    def log(self, own: Iterable[Passing]) -> pl.DataFrame:
        """Return passings of the line as an arrival log, typed as feeds.arrivals.COLUMNS; empty without any."""
        named = (self._called(passing, passing.run.direction_id) for passing in own)
        return typed_log(sorted(named, key=journal_order), self.words)

    @cached_property
    def _routes(self) -> frozenset[str]:
        return routes_of(self.route_id)

    def _named(self, passing: Passing) -> Passing | None:
        if self.words.route_of(passing.run) not in self._routes:
            return None
        direction = self.words.direction_of(passing)
        unsure = (
            self.max_uncertainty_secs is not None and passing.uncertainty_secs > self.max_uncertainty_secs
        )
        if direction not in DIRECTIONS or unsure:
            return None
        return self._called(passing, direction)

    def _called(self, passing: Passing, direction: int) -> Passing:
        """The passing with its run called as the line's are, which stored ones were perhaps not."""
        run = passing.run
        if (run.route_id, run.direction_id) == (self.route_id, direction):
            return passing
        return replace(passing, run=replace(run, route_id=self.route_id, direction_id=direction))
