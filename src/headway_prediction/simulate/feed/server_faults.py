"""What can be wrong with an answer, and how often it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from headway_prediction.errors import HeadwayError

DEFAULT_SHARE = 0.1


class ServerFault(StrEnum):
    """One way for an answer to go wrong, or to be unusual."""

    SLOW = "slow"
    """The body drips in over half a minute."""
    ERROR = "error"
    """Status 500 and a page of HTML."""
    BUSY = "busy"
    """Status 503 and Retry-After."""
    HANG_UP = "hang-up"
    """No answer: the connection is closed."""
    TRUNCATED = "truncated"
    """Half of the promised bytes."""
    HALF = "half"
    """Half of the message, under its own true length."""
    EMPTY = "empty"
    """Status 200 and no byte."""
    WRONG_TYPE = "wrong-type"
    """Status 200 and a page of HTML in place of the feed."""
    HUGE = "huge"
    """A body of 2 GiB, of which no length is told."""
    REDIRECT = "redirect"
    """The way to the same feed at another path."""
    LOOP = "loop"
    """A redirect to itself."""
    GZIP = "gzip"
    """A compressed body, asked for or not."""
    STANDSTILL = "standstill"
    """The poll that the one before got."""


@dataclass(frozen=True)
class ServerFaults:
    """The share of the answers that each fault strikes; which ones is a matter of the seed."""

    shares: Mapping[ServerFault, float] = field(default_factory=dict)
    seed: int = 0

    def at(self, request: int) -> ServerFault | None:
        """Return the fault of the request of that number, if any."""
        dice = Random(f"{self.seed}/{request}").random()
        for fault, share in self.shares.items():
            dice -= share
            if dice < 0:
                return fault
        return None


def parse_server_faults(texts: Iterable[str], seed: int = 0) -> ServerFaults:
    """Read faults such as `slow` (a tenth of the answers) or `error=0.5`. Raises HeadwayError for anything else."""
    shares = dict(_fault(text) for text in texts)
    if sum(shares.values()) > 1 + 1e-9:
        raise HeadwayError("the faults' shares come to more than 1", "shares of all answers", "lower them")
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
