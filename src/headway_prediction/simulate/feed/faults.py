"""Faults of a simulated feed by name: in its content (FeedFaults) and in the responses of its server (ServerFaults)."""

import dataclasses
from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate.scenario import NotNegative, Share

DEFAULT_SHARE = 0.1


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FeedFaults:
    """The faults of a feed's content, none by default; shares are between 0 and 1. The same seed gives the same ones."""

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
    """Five-minute spans in which the time of the header does not move; the entities do."""
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
    """Trains whose vehicle continues under another trip id, from some moment on."""
    cancelled_trips: Share = 0
    """Trips that are announced and do not run."""
    without_trip: Share = 0
    """Vehicles without a trip, as a number per train."""
    # Of stops
    skipped_stops: Share = 0
    """Stops between the terminals that a train runs through: half are marked from the start, half are withdrawn late."""
    added_stops: Share = 0
    """Stops that are listed only three minutes before the train comes."""
    moving_past: bool = False
    """Stops stay listed for 90 s after the train has left, with times that still change."""


def parse_feed_faults(texts: Iterable[str]) -> FeedFaults:
    """Parse faults such as `vanishing_trips=0.1`: fields of FeedFaults, each with its value.

    Raises HeadwayError for an unknown name or an invalid value.
    """
    try:
        return TypeAdapter(FeedFaults).validate_python(dict(text.split("=", 1) for text in texts))
    except (ValidationError, ValueError) as error:
        names = ", ".join(field.name for field in dataclasses.fields(FeedFaults))
        raise HeadwayError(
            f"the faults {' '.join(texts)} cannot be read",
            f"one of {names}, each with a value such as vanishing_trips=0.1",
            "correct --feed-fault",
        ) from error


class ServerFault(StrEnum):
    """One fault or peculiarity of a response."""

    SLOW = "slow"
    """The body takes half a minute, a few bytes at a time."""
    ERROR = "error"
    """Status 500 and a page of HTML."""
    BUSY = "busy"
    """Status 503 and Retry-After."""
    HANG_UP = "hang-up"
    """No response: the connection is closed."""
    TRUNCATED = "truncated"
    """Half of the promised bytes."""
    HALF = "half"
    """Half of the message, with the length of that half."""
    EMPTY = "empty"
    """Status 200 and no byte."""
    WRONG_TYPE = "wrong-type"
    """Status 200 and a page of HTML in place of the feed."""
    HUGE = "huge"
    """A body of 2 GiB without a Content-Length."""
    REDIRECT = "redirect"
    """A redirect to the same feed at another path."""
    LOOP = "loop"
    """A redirect to itself."""
    GZIP = "gzip"
    """A compressed body, whatever the request accepts."""
    STANDSTILL = "standstill"
    """The poll of the response before."""


@dataclasses.dataclass(frozen=True)
class ServerFaults:
    """The share of the responses that each fault affects; the seed decides which ones."""

    shares: Mapping[ServerFault, float] = dataclasses.field(default_factory=dict)
    seed: int = 0

    def at(self, request: int) -> ServerFault | None:
        """Return the fault of the request of that number, if any."""
        draw = Random(f"{self.seed}/{request}").random()
        for fault, share in self.shares.items():
            draw -= share
            if draw < 0:
                return fault
        return None


def parse_server_faults(texts: Iterable[str], seed: int = 0) -> ServerFaults:
    """Parse faults such as `slow` (a tenth of the responses) or `error=0.5`. Raises HeadwayError for anything else."""
    shares = dict(_fault(text) for text in texts)
    if sum(shares.values()) > 1 + 1e-9:
        raise HeadwayError(
            "the shares of the faults exceed 1 in all", "shares of all responses", "lower them"
        )
    return ServerFaults(shares, seed)


def _fault(text: str) -> tuple[ServerFault, float]:
    name, _, share_text = text.partition("=")
    try:
        fault, share = ServerFault(name), float(share_text or DEFAULT_SHARE)
        if 0 <= share <= 1:
            return fault, share
    except ValueError:
        pass
    raise HeadwayError(
        f"the fault {text!r} is unknown",
        f"one of {', '.join(ServerFault)}, with a share such as slow=0.2",
        "correct that option",
    )
