"""Public archives of observed trains to an arrival log: one reader per format, one day at a time.

Every reader turns a day into the same table (`Observations`); `tidy_log` turns that into the log, and alone decides which
event is a passing and which rows are excluded. The command line imports the choices below without loading a reader.
"""

from enum import StrEnum


class Format(StrEnum):
    """The archives with a reader of their own; any other table needs a column map."""

    SUBWAYDATA = "subwaydata"
    LAMP = "lamp"
    GOBBLE = "gobble"


class Event(StrEnum):
    """Which of a train's two events at a platform is its passing."""

    DEPARTURE = "departure"
    ARRIVAL = "arrival"

    @property
    def other(self) -> "Event":
        """The event used where this one was not observed."""
        return Event.ARRIVAL if self is Event.DEPARTURE else Event.DEPARTURE


class Platform(StrEnum):
    """What identifies a platform of a direction: a stop id, or a station with all its tracks."""

    STOP = "stop"
    STATION = "station"
