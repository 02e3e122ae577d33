"""What a dispatcher may do to the planned departures of a terminal in the next hour, in service-day minutes."""

from dataclasses import dataclass

EDITED_MINS = 60
"""Departures later than this many minutes after now cannot be edited: the forecast ends there."""


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
    """One more train leaves at `departure` and runs like those around it."""

    direction: int
    departure: float


Edit = Move | Hold | Cancel | Add
