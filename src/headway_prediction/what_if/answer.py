"""The answer to a what-if: the forecast of the changed plan beside the present one, and what a passenger waits in each."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.bundle import Bundle
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import Line
from headway_prediction.what_if.edits import Edit
from headway_prediction.what_if.request import Request


@dataclass(frozen=True)
class Departure:
    """A departure of the terminal `station` that can be edited: `planned` in service-day minutes; `trip` names it."""

    direction: int
    trip: str
    planned: float
    station: int


@dataclass(frozen=True)
class ChangedDeparture:
    """A departure and what became of it: `planned` is None for an added one, `changed` None for a cancelled one."""

    direction: int
    planned: float | None
    changed: float | None


@dataclass(frozen=True)
class Wait:
    """What a passenger is expected to wait, in minutes, and the 10 % and 90 % quantiles of the difference."""

    present_mins: float
    changed_mins: float
    difference_mins: float
    low_mins: float
    high_mins: float


@dataclass(frozen=True)
class Answer:
    """What a change does, as of the end of minute `t0`.

    `edits` are all that were applied. `present` and `changed` hold one origin and 60 leads each; `reached` (leads,
    stations, directions) is True where the change can have arrived: elsewhere the two are equal bit for bit. `waits`
    (stations, directions) is None where no platform is or no train is expected within the hour.
    """

    line: Line
    service_date: date
    t0: int
    edits: tuple[Edit, ...]
    present: Forecast
    changed: Forecast
    reached: np.ndarray
    departures: tuple[ChangedDeparture, ...]
    wait: Wait
    waits: dict[tuple[int, int], Wait]

    @property
    def difference(self) -> np.ndarray:
        """The change of the mean headway in minutes: (leads, stations, directions)."""
        return self.changed.mean[0] - self.present.mean[0]


def departures(bundle: Bundle, history: LineHistory, service_date: date, t0: int) -> tuple[Departure, ...]:
    """Return the departures of the next 60 minutes that can be edited, in order of time.

    These are the planned ones or, on a line whose trips are known from other days alone, the usual ones. None where the
    bundle knows no trips.
    """
    raise NotImplementedError


def answer(request: Request, bundle: Bundle, history: LineHistory, service_date: date, t0: int) -> Answer:
    """Forecast what `request` does to a line, as known at the end of minute `t0` of a service date in `history`.

    Raises HeadwayError for an edit of a departure that is not there, has left or is too far away; for one that would
    overtake another or leave too little time to turn round; and for a bundle that knows no trips.
    """
    raise NotImplementedError


def to_dict(found: Answer) -> dict[str, object]:
    """Return plain values that JSON can hold, as the service's POST what-if answers (but for its `status`)."""
    raise NotImplementedError
