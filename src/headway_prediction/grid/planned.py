"""Timetable to planned terminal headways and departures per minute: the forcings known in advance."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from headway_prediction.grid.headway_grid import CAP_MINS, held_headways
from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.timetable import Timetable


def planned_terminals(
    timetable: Timetable | None, line: Line, service_dates: Sequence[date], cap_mins: float = CAP_MINS
) -> tuple[np.ndarray, np.ndarray]:
    """Return planned terminal headways (float32, minutes) and departures (uint8, a count): (days x 1620, 2) each.

    The headway is that of the latest planned departure at the first platform, held and capped; NaN without a plan.
    """
    headways = np.full((len(service_dates), SCORED_DAY_MINS, 2), np.nan, dtype=np.float32)
    departures = np.zeros((len(service_dates), SCORED_DAY_MINS, 2), dtype=np.uint8)
    for day, service_date in enumerate(service_dates if timetable else ()):
        for direction in DIRECTIONS:
            minutes = timetable.departures(service_date, direction, line.first_station(direction))
            held, _, _ = held_headways(minutes, np.zeros(len(minutes), dtype=np.int64), 1)
            headways[day, :, direction] = np.minimum(held[:, 0], cap_mins)
            rows = np.floor(minutes[minutes < SCORED_DAY_MINS]).astype(np.int64)
            np.add.at(departures[day, :, direction], rows, 1)
    return headways.reshape(-1, 2), departures.reshape(-1, 2)
