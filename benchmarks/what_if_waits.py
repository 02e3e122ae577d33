"""Effects of a changed plan on the platforms of a line: on headways by lead, and on waits until each of LEADS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.effect import Wait, last_passings, wait_totals

LEADS = (5, 10, 15, 30, 45, 60)


@dataclass(frozen=True)
class Change:
    """The increase in minutes of `headways` (leads, stations, directions) and `waits` (LEADS, stations, directions); NaN
    where no train comes."""

    headways: np.ndarray
    waits: np.ndarray

    @classmethod
    def mean(cls, changes: Sequence[Self]) -> Self:
        """Return the mean of changes; NaN where one of them is."""
        return cls(
            *(np.mean([getattr(one, name) for one in changes], axis=0) for name in ("headways", "waits"))
        )

    def where(self, reached: np.ndarray) -> Self:
        """Return the change with headways 0 where it can have no effect."""
        return type(self)(np.where(reached, self.headways, 0.0), self.waits)


def platforms(baseline: Baseline, of: Callable[[int], np.ndarray]) -> np.ndarray:
    """Return the values of `of` for each direction, (…, positions), as (…, stations, directions)."""
    line, parts = baseline.history.line, [of(direction) for direction in DIRECTIONS]
    found = np.full((*parts[0].shape[:-1], len(line.stations), 2), np.nan)
    for direction, part in zip(DIRECTIONS, parts, strict=True):
        found[..., line.travel_order(direction), direction] = part
    return found


def wait_increase(baseline: Baseline, plans: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return the increase of waits under the second of two plans: (LEADS, stations, directions).

    Passengers count who arrive until each of LEADS and before the last train of either plan. A plan is, by direction, the
    minutes of trains (trains, positions).
    """
    return platforms(
        baseline, lambda direction: _increase(*(plan[direction] for plan in plans), baseline.now)
    )


def _increase(before: np.ndarray, after: np.ndarray, now: int) -> np.ndarray:
    upcoming = [np.where(minutes >= now, minutes, np.inf) for minutes in (before, after)]
    last = np.min([last_passings(minutes) for minutes in upcoming], axis=0)
    found = np.empty((len(LEADS), len(last)))
    for place, lead in enumerate(LEADS):
        waits = [wait_totals(minutes, now, np.minimum(last, now + lead)).mean for minutes in upcoming]
        found[place] = waits[1] - waits[0]
    return found


def minutes_of_passings(history: LineHistory, service_date: date) -> list[np.ndarray]:
    """Return the minutes of a date's passings by direction, padded with infinity: (passings, positions)."""
    rows, found = history.passings_on(service_date), []
    for direction in DIRECTIONS:
        columns = [
            rows.filter(direction=direction, station=station)["minute"].to_numpy()
            for station in history.line.travel_order(direction)
        ]
        minutes = np.full((max(len(column) for column in columns), len(columns)), np.inf)
        for position, column in enumerate(columns):
            minutes[: len(column), position] = column
        found.append(minutes)
    return found


def waits_by_platform(
    waits: Sequence[Mapping[tuple[int, int], Wait]], stations: int, name: str
) -> np.ndarray:
    """Return the attribute `name` of waits by (direction, station), NaN without one: (LEADS, stations, directions)."""
    found = np.full((len(waits), stations, 2), np.nan)
    for place, by_platform in enumerate(waits):
        for (direction, station), wait in by_platform.items():
            found[place, station, direction] = getattr(wait, name)
    return found
