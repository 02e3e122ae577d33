"""What is asked of a what-if: edits, one of the strategies, or a search, read from plain values such as JSON holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headway_prediction.what_if.edits import Edit


class StrategyName(StrEnum):
    """What can be done in one click."""

    EVEN_HEADWAYS = "even_headways"
    """Spread the departures of the next hour evenly between the first and the last of them."""
    HOLD_NEXT = "hold_next"
    """Hold the next departure `mins` minutes."""
    FILL_GAP = "fill_gap"
    """Bring the trains around the widest gap between departures `mins` minutes nearer to each other."""


@dataclass(frozen=True)
class Strategy:
    """A strategy for the departures of one direction; `mins` is not used by EVEN_HEADWAYS."""

    name: StrategyName
    direction: int
    mins: float = 0.0


@dataclass(frozen=True)
class Search:
    """The best holds of the departures of one direction within limits: none longer than `most_hold_mins`, and every train
    at least `least_turn_mins` at the terminal between its arrival and its departure, where it is known which it is."""

    direction: int
    most_hold_mins: float
    least_turn_mins: float


@dataclass(frozen=True)
class Request:
    """The `edits`, to which those of the `strategy` and of the `search` are added, in that order."""

    edits: tuple[Edit, ...] = ()
    strategy: Strategy | None = None
    search: Search | None = None


def request_of(plain: Mapping[str, object], zone_name: str) -> Request:
    """Read a request from plain values: {"edits": [...], "strategy": null | {...}, "search": null | {...}}.

    Times are ISO 8601 with offset, or without one in the line's zone. Raises HeadwayError for anything else.
    """
    raise NotImplementedError
