"""What a what-if asks for: edits of terminal departures, a one-click strategy, a search; times in service-day minutes."""

from dataclasses import dataclass
from enum import StrEnum

EDITED_MINS = 60
"""Departures from now until so many minutes later can be edited: the forecast ends there."""
MAX_EDITS = 100
MAX_MINS = 60.0
"""Limit of a hold, a strategy or a search limit: no longer than the hour that can be edited."""


@dataclass(frozen=True)
class Move:
    """The train planned to leave at `departure` is planned to leave at `to` instead, earlier or later."""

    direction: int
    departure: float
    to: float


@dataclass(frozen=True)
class Hold:
    """The train planned to leave at `departure` leaves `mins` later."""

    direction: int
    departure: float
    mins: float


@dataclass(frozen=True)
class Cancel:
    """The train planned to leave at `departure` does not run."""

    direction: int
    departure: float


@dataclass(frozen=True)
class Add:
    """One more train leaves at `departure`, with the running times of the trips before and after it."""

    direction: int
    departure: float


Edit = Move | Hold | Cancel | Add


class StrategyName(StrEnum):
    """A change of several departures in one click."""

    EVEN_HEADWAYS = "even_headways"
    """Hold trains until the headways of the next hour's departures are as even as holding makes them."""
    HOLD_NEXT = "hold_next"
    """Hold the train that is expected to leave next by `mins` minutes; an overdue one leaves that long from now."""
    FILL_GAP = "fill_gap"
    """Narrow the widest gap between departures by `mins` minutes: hold the train before it or, where that one has left, move
    the train after it earlier."""


@dataclass(frozen=True)
class Strategy:
    """A strategy for the departures of one direction; EVEN_HEADWAYS has no `mins`.

    Holds count from the expected departure, which is now for an overdue train.
    """

    name: StrategyName
    direction: int
    mins: float = 0.0


@dataclass(frozen=True)
class Search:
    """Search for the holds of one direction with the least expected wait: none longer than `max_hold_mins`, and at least
    `min_turnaround_mins` between a train's arrival at a terminal and its next departure, where the turnaround is known."""

    direction: int
    max_hold_mins: float
    min_turnaround_mins: float


@dataclass(frozen=True)
class Request:
    """The `edits`, to which those of the `strategy` and then those of the `search` are added."""

    edits: tuple[Edit, ...] = ()
    strategy: Strategy | None = None
    search: Search | None = None
