"""What really happened under a simulated feed, and how near a journal made from its polls comes to that."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import RENAMED
from headway_prediction.simulate.feed.trains import actual_passings
from headway_prediction.simulate.log import stop_id, trip_id
from headway_prediction.simulate.plan import Plan
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings
from headway_prediction.transit.clock import service_day_start


class Departure(NamedTuple):
    """A train leaving a platform; what a passing is told apart by."""

    trip_id: str
    direction_id: int | None
    stop_id: str


@dataclass(frozen=True)
class JournalAccuracy:
    """How a journal compares with the truth, in a span of time.

    `missed` happened and are not in the journal, `invented` are in it and never happened; `errors` are the seconds
    between journal and truth of what is in both.
    """

    happened: int
    missed: tuple[Departure, ...]
    found: int
    invented: tuple[Departure, ...]
    errors: tuple[float, ...]

    @property
    def recall(self) -> float:
        """The share of what happened that was found."""
        return 1 - len(self.missed) / self.happened if self.happened else 1.0

    @property
    def precision(self) -> float:
        """The share of what was found that happened."""
        return 1 - len(self.invented) / self.found if self.found else 1.0

    @property
    def median_error(self) -> float:
        """Seconds; of nothing found, 0."""
        return median(self.errors) if self.errors else 0.0

    @property
    def error_95(self) -> float:
        """The seconds that 95 of 100 errors stay under."""
        return (
            quantiles(self.errors, n=20, method="inclusive")[-1]
            if len(self.errors) > 1
            else self.median_error
        )


def together(parts: Collection[JournalAccuracy]) -> JournalAccuracy:
    """Return the likeness of several spans, days or seeds as one."""
    return JournalAccuracy(
        sum(part.happened for part in parts),
        tuple(departure for part in parts for departure in part.missed),
        sum(part.found for part in parts),
        tuple(departure for part in parts for departure in part.invented),
        tuple(error for part in parts for error in part.errors),
    )


def departures(
    scenario: Scenario, plan: Plan, passings: tuple[Passings, Passings], faults: FeedFaults, seed: int
) -> dict[Departure, float]:
    """Return when (epoch seconds) each train left each platform, under `faults` drawn from the `seed` of `feed.polls`."""
    start = service_day_start(plan.service_date, scenario.time_zone).timestamp()
    stops = [stop_id(station) for station in range(scenario.station_count)]
    along = stops, stops[::-1]
    return {
        Departure(trip_id(direction, train), direction, along[direction][place]): start + secs
        for direction, passed in enumerate(actual_passings(scenario, plan, passings, faults, seed))
        for train, left in zip(passed.train, passed.departure_secs.tolist(), strict=True)
        for place, secs in enumerate(left)
        if secs == secs
    }


def compare_journal(
    happened: Mapping[Departure, float], journal: Iterable[Passing], between: tuple[float, float]
) -> JournalAccuracy:
    """Compare a journal with `departures`; both count in the span `between` (epoch seconds), each by its own time.

    A passing of a trip that was renamed under way is one of its train; a second one of a train at a stop is invented.
    """
    expected = {departure for departure, at in happened.items() if between[0] <= at < between[1]}
    found: dict[Departure, Passing] = {}
    inside, invented = 0, []
    for passing in journal:
        run = passing.run
        departure = Departure(run.trip.trip_id.removesuffix(RENAMED), run.direction_id, passing.stop_id)
        counts = between[0] <= passing.time < between[1]
        inside += counts
        if counts and (departure in found or departure not in happened):
            invented.append(departure)
        found.setdefault(departure, passing)
    hits = sorted(expected & found.keys())
    errors = tuple(abs(found[departure].time - happened[departure]) for departure in hits)
    missed = tuple(sorted(expected - found.keys()))
    return JournalAccuracy(len(expected), missed, inside, tuple(invented), errors)
