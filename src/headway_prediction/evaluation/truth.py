"""Which origins are scored, and what really happened after them (PROTOCOL.md, "Words")."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from headway_prediction.evaluation.disturbance import irregularity
from headway_prediction.evaluation.typical_headway import TypicalHeadway
from headway_prediction.forecasters.base import LEADS
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

ORIGIN_STEP_MINS = 10
WARM_UP_MINS = 30


@dataclass(frozen=True)
class Truth:
    """What happened after the origins of one service date; arrays of shape (origins, leads, stations, directions).

    `headway` in minutes, at most `cap_mins`; `valid` marks the cells that are scored, `event` those of them in whose minute
    a train passed. `typical` is the usual headway of the same cells (NaN where nobody knows it), `irregularity`, of shape
    (origins,), how uneven the line was at each origin (see `disturbance`).
    """

    service_date: date
    origins: np.ndarray
    headway: np.ndarray
    valid: np.ndarray
    event: np.ndarray
    typical: np.ndarray
    irregularity: np.ndarray
    cap_mins: float

    def at(self, rows: slice) -> "Truth":
        """Return the truth of some of the origins."""
        by_origin = ("origins", "headway", "valid", "event", "typical", "irregularity")
        return replace(self, **{name: getattr(self, name)[rows] for name in by_origin})


def scored_origins(history: LineHistory, service_date: date) -> np.ndarray:
    """Return the origins (service-day minutes) of one service date that are scored.

    They are the minutes divisible by 10 from 30 minutes after the first minute with over half of the line's cells valid
    up to, not including, 15 minutes before the last such minute.
    """
    valid_cells = history.day(service_date)["valid"].values.sum(axis=(1, 2))
    busy = np.flatnonzero(valid_cells > history.line.platforms().height / 2)
    if not len(busy):
        return np.empty(0, dtype=np.int64)
    minutes = np.arange(busy[0] + WARM_UP_MINS, busy[-1] - LEADS)
    return minutes[minutes % ORIGIN_STEP_MINS == 0]


def day_truth(
    history: LineHistory,
    service_date: date,
    origins: np.ndarray,
    typical: TypicalHeadway | None = None,
    leads: int = LEADS,
) -> Truth:
    """Return what happened at leads 1 to `leads` after each origin; minutes from 27:00 on are not scored.

    Without `typical` the planned headways are the usual ones.
    """
    day, origins = history.day(service_date), np.asarray(origins)
    normal = (typical or TypicalHeadway()).on(history, service_date)
    minutes = origins[:, None] + np.arange(1, leads + 1)
    inside = (minutes < SCORED_DAY_MINS)[:, :, None, None]
    rows = np.minimum(minutes, SCORED_DAY_MINS - 1)
    valid = day["valid"].values[rows] & inside
    event = day["arrived"].values[rows] & valid
    uneven = irregularity(day, normal, origins)
    cap_mins = float(history.grid.attrs["cap_mins"])
    return Truth(
        service_date, origins, day["headway"].values[rows], valid, event, normal[rows], uneven, cap_mins
    )
