"""What a passing of an archive may be: which event, at what sort of platform. Imports nothing, for the command line."""

from enum import StrEnum


class Event(StrEnum):
    """Which of a train's two events at a platform is its passing."""

    DEPARTURE = "departure"
    ARRIVAL = "arrival"

    @property
    def other(self) -> "Event":
        """The event that stands in where this one was not observed."""
        return Event.ARRIVAL if self is Event.DEPARTURE else Event.DEPARTURE


class Platform(StrEnum):
    """What makes one platform of a direction: a stop id, or a station with all its tracks."""

    STOP = "stop"
    STATION = "station"
