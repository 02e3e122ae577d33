"""A passing in the journal: which train left which stop, when, how sure that is, and what it rests on."""

from dataclasses import dataclass, replace
from enum import StrEnum

from headway_prediction.feeds.realtime.snapshot import TripKey

RunId = tuple[TripKey, float]
"""A trip, and when this run of it was first seen (epoch seconds)."""


class Evidence(StrEnum):
    """What a passing was inferred from, from the strongest on."""

    STOPPED = "stopped"
    """The vehicle was seen stopped there before it was seen beyond, or before its trip left the feed."""
    LEFT = "left"
    """The stop was still ahead in one poll and behind the train in the next."""
    STATED = "stated"
    """The feed went on listing the stop, with a time that had passed."""
    PREDICTED = "predicted"
    """The last prediction before trip or stop went unseen, or what other trains do: nobody saw the train leave."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a trip: the trip, and when it was first seen (epoch seconds), for ids are used again."""

    trip: TripKey
    first_seen: float
    route_id: str = ""
    direction_id: int | None = None
    train_id: str = ""

    @property
    def identity(self) -> RunId:
        """What tells one run of a trip from another."""
        return self.trip, self.first_seen


@dataclass(frozen=True, slots=True)
class Passing:
    """A train leaving a stop (at its last stop: leaving the feed's list there). Times are epoch seconds.

    It happened between `earliest` and `latest`, most likely at `time`. `polls` are the fetch times of the last poll before
    it and of the first one after it. `track` is empty but in feeds with the NYCT extension.
    """

    run: Run
    stop_id: str
    time: float
    earliest: float
    latest: float
    evidence: Evidence
    polls: tuple[float, float]
    vehicle_id: str = ""
    track: str = ""

    @property
    def uncertainty_secs(self) -> float:
        """How far off `time` can be at most."""
        return max(self.time - self.earliest, self.latest - self.time)


def journal_order(passing: Passing) -> tuple:
    """Return what a journal is sorted by: the time, and what tells passings of one moment apart."""
    return passing.time, passing.run.trip, passing.run.first_seen, passing.stop_id


def shifted(passing: Passing, secs: float) -> Passing:
    """Return the passing, with its bounds, so many seconds later."""
    return replace(
        passing, time=passing.time + secs, earliest=passing.earliest + secs, latest=passing.latest + secs
    )
