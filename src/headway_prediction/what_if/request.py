"""What is asked of a what-if: edits, one of the strategies, or a search."""

from dataclasses import dataclass
from enum import StrEnum

from headway_prediction.what_if.edits import Edit

MAX_EDITS = 100
MAX_MINS = 60.0
"""Of a hold, a strategy or a limit: no longer than the hour that is edited."""


class Action(StrEnum):
    """What may be done to a departure."""

    MOVE = "move"
    HOLD = "hold"
    CANCEL = "cancel"
    ADD = "add"


class StrategyName(StrEnum):
    """What can be done in one click."""

    EVEN_HEADWAYS = "even_headways"
    """Hold trains until the headways of the next hour's departures are as even as holding makes them."""
    HOLD_NEXT = "hold_next"
    """Hold the train that is expected to leave next `mins` minutes: one that is overdue, so many minutes from now."""
    FILL_GAP = "fill_gap"
    """Narrow the widest gap between departures by `mins` minutes: hold the train ahead or, where that one has left, let the
    one behind leave earlier."""


@dataclass(frozen=True)
class Strategy:
    """A strategy for the departures of one direction; `mins` is not used by EVEN_HEADWAYS.

    Holds count from when a train is expected to leave, which is now for one that is overdue.
    """

    name: StrategyName
    direction: int
    mins: float = 0.0


@dataclass(frozen=True)
class Search:
    """The best holds of the departures of one direction within limits: none longer than `max_hold_mins`, and no train less
    than `min_turnaround_mins` at a terminal between arriving and leaving, as far as the bundle knows which train turns where."""

    direction: int
    max_hold_mins: float
    min_turnaround_mins: float


@dataclass(frozen=True)
class Request:
    """The `edits`, to which those of the `strategy` and of the `search` are added, in that order."""

    edits: tuple[Edit, ...] = ()
    strategy: Strategy | None = None
    search: Search | None = None
