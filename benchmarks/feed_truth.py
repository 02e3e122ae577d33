"""The true departures under a simulated feed, and the accuracy of a journal made from its polls."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import RENAMED
from headway_prediction.simulate.feed.trains import actual_passings
from headway_prediction.simulate.plan import Plan, stop_id, trip_id
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings
from headway_prediction.transit.clock import service_day_start


class Departure(NamedTuple):
    """A train leaving a platform: the key that matches a passing of the journal with the truth."""

    trip_id: str
    direction_id: int | None
    stop_id: str


@dataclass(frozen=True)
class JournalAccuracy:
    """A journal compared with the truth, over a span of time.

    `expected` and `found` count the departures of the truth and of the journal. `missed` are in the truth alone, `spurious`
    in the journal alone; `errors` are the seconds between the two for departures in both.
    """

    expected: int
    missed: tuple[Departure, ...]
    found: int
    spurious: tuple[Departure, ...]
    errors: tuple[float, ...]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        return 1 - len(self.spurious) / self.found if self.found else 1.0

    @property
    def median_error(self) -> float:
        """Seconds; 0 for an empty journal."""
        return median(self.errors) if self.errors else 0.0

    @property
    def error_p95(self) -> float:
        """The 95th percentile of the errors, in seconds."""
        if len(self.errors) < 2:
            return self.median_error
        return quantiles(self.errors, n=20, method="inclusive")[-1]


def combined(parts: Collection[JournalAccuracy]) -> JournalAccuracy:
    """Return the accuracy over several spans, days or seeds."""
    return JournalAccuracy(
        sum(part.expected for part in parts),
        tuple(departure for part in parts for departure in part.missed),
        sum(part.found for part in parts),
        tuple(departure for part in parts for departure in part.spurious),
        tuple(error for part in parts for error in part.errors),
    )


def true_departures(
    scenario: Scenario, plan: Plan, passings: tuple[Passings, Passings], faults: FeedFaults, seed: int
) -> dict[Departure, float]:
    """Return when (epoch seconds) each train left each platform, under `faults` drawn from the `seed` of `feed.polls`."""
    start = service_day_start(plan.service_date, scenario.time_zone).timestamp()
    stops = [stop_id(station) for station in range(scenario.station_count)]
    along = stops, stops[::-1]
    return {
        Departure(trip_id(direction, train), direction, along[direction][place]): start + secs
        for direction, passed in enumerate(actual_passings(plan, passings, faults, seed))
        for train, left in zip(passed.train, passed.departure_secs.tolist(), strict=True)
        for place, secs in enumerate(left)
        if secs == secs
    }


def compare_journal(
    truth: Mapping[Departure, float], journal: Iterable[Passing], between: tuple[float, float]
) -> JournalAccuracy:
    """Compare a journal with `true_departures`; both count in the span `between` (epoch seconds), each by its own time.

    A passing of a trip that was renamed under way counts for its train; a second one of a train at a stop is spurious.
    """
    expected = {departure for departure, at in truth.items() if between[0] <= at < between[1]}
    found: dict[Departure, Passing] = {}
    inside, spurious = 0, []
    for passing in journal:
        run = passing.run
        departure = Departure(run.trip.trip_id.removesuffix(RENAMED), run.direction_id, passing.stop_id)
        counts = between[0] <= passing.time < between[1]
        inside += counts
        if counts and (departure in found or departure not in truth):
            spurious.append(departure)
        found.setdefault(departure, passing)
    hits = sorted(expected & found.keys())
    errors = tuple(abs(found[departure].time - truth[departure]) for departure in hits)
    missed = tuple(sorted(expected - found.keys()))
    return JournalAccuracy(len(expected), missed, inside, tuple(spurious), errors)
