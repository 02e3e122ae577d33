"""A passing in the journal: which train left which stop, when, how certain that is, and on what evidence."""

from dataclasses import dataclass, replace
from enum import StrEnum

from headway_prediction.feeds.realtime.snapshot import TripKey

RunId = tuple[TripKey, float]
"""A trip, and when this run of it first appeared (epoch seconds)."""


class Evidence(StrEnum):
    """What a passing was inferred from, strongest first."""

    STOPPED = "stopped"
    """The vehicle was reported as stopped there, and later beyond the stop, or its trip left the feed."""
    LEFT = "left"
    """The stop was ahead of the train in one poll and behind it in the next."""
    STATED = "stated"
    """The feed went on listing the stop, with a time in the past."""
    PREDICTED = "predicted"
    """The last prediction before the trip or stop disappeared, or the pattern of other trains: not observed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a trip: the trip, and when it first appeared (epoch seconds), because feeds reuse trip ids."""

    trip: TripKey
    first_seen: float
    route_id: str = ""
    direction_id: int | None = None
    train_id: str = ""

    @property
    def identity(self) -> RunId:
        """The key of this run."""
        return self.trip, self.first_seen


@dataclass(frozen=True, slots=True)
class Passing:
    """A train leaving a stop; at its last stop, disappearing from the feed there. Times are epoch seconds.

    It happened between `earliest` and `latest`, most likely at `time`. `polls` are the fetch times of the last poll before
    it and of the first one after it. `track` is empty except in feeds with the NYCT extension.
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
        """The largest possible error of `time`."""
        return max(self.time - self.earliest, self.latest - self.time)


def journal_order(passing: Passing) -> tuple[float, TripKey, float, str]:
    """Return the sort key of a journal: by time, with a unique order of simultaneous passings."""
    return passing.time, passing.run.trip, passing.run.first_seen, passing.stop_id


def shifted(passing: Passing, secs: float) -> Passing:
    """Return the passing, with its bounds, `secs` later."""
    return replace(
        passing, time=passing.time + secs, earliest=passing.earliest + secs, latest=passing.latest + secs
    )
