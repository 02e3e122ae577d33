"""What can be wrong with a simulated feed: each fault by name, off unless asked for. Shares are between 0 and 1."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from headway_prediction.simulate.scenario import NotNegative, Share


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FeedFaults:
    """The faults of a feed. The same seed makes the same ones."""

    # Of the polls, as they are delivered
    out_of_order: Share = 0
    """Polls that come after the one fetched next."""
    repeated: Share = 0
    """Polls that are fetched again, half an interval later, with the same body."""
    older: Share = 0
    """Polls with the body of two polls before, as a cache serves it."""
    malformed: Share = 0
    """Polls that are cut short, an error page, or noise."""
    header_stands_still: Share = 0
    """Five-minute spans in which the header's time does not move; what is below it does."""
    clock_off_secs: int = 0
    """How far ahead the feed's clock is: its header and all its times."""
    outages: tuple[tuple[NotNegative, NotNegative], ...] = ()
    """Spans without any entity: (second of the service day, seconds)."""
    # Of trips and vehicles
    vanishing_trips: Share = 0
    """Chance for each train, every ten minutes, to be left out of the feed for half a minute to three minutes."""
    undated_trips: bool = False
    """Trips without start_date: the next day has the same ids."""
    renamed_trips: Share = 0
    """Trains whose vehicle goes on under another trip, from some moment on."""
    cancelled_trips: Share = 0
    """Trips that are announced and do not run."""
    without_trip: Share = 0
    """Vehicles, for each train as many more as this, that say no trip."""
    # Of stops
    skipped_stops: Share = 0
    """Stops between the terminals that a train runs through: half are marked from the start, half are withdrawn late."""
    added_stops: Share = 0
    """Stops that are listed only three minutes before the train comes."""
    moving_past: bool = False
    """Stops stay listed for 90 s after the train has left, with times that go on changing."""
