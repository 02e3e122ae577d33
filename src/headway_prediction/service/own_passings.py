"""Of all that a feed tells, the passings of one line: with route and direction named, each run on its service date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from headway_prediction.feeds.realtime.passing import Passing, journal_order
from headway_prediction.feeds.realtime.tidy import Words, direction_of, route_of, service_date_of, typed_log
from headway_prediction.line import DIRECTIONS
from headway_prediction.service.store.rows import DatedPassing


@dataclass(frozen=True)
class OwnPassings:
    """Which passings of a feed are the line's: those of `route_id` with a known direction, as `tidy_log` chooses them.

    `words` says what the feed leaves unsaid; `most_uncertain_secs` leaves out what may be further off.
    """

    route_id: str
    words: Words
    most_uncertain_secs: float | None = None

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
        return typed_log(sorted(own, key=journal_order), self.words)

    def _named(self, passing: Passing) -> Passing | None:
        run = passing.run
        if route_of(run, self.words) != self.route_id:
            return None
        direction = direction_of(passing, self.words)
        unsure = self.most_uncertain_secs is not None and passing.uncertainty_secs > self.most_uncertain_secs
        if direction not in DIRECTIONS or unsure:
            return None
        if (run.route_id, run.direction_id) == (self.route_id, direction):
            return passing
        return replace(passing, run=replace(run, route_id=self.route_id, direction_id=direction))
