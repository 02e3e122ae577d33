"""Propagation: each train runs on from where it was last seen, new trains leave the first platform as planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.base import LEADS, Forecast, held_values, over_leads
from headway_prediction.forecasters.climatology import Climatology, is_weekend
from headway_prediction.forecasters.running_times import (
    HOURS,
    likeliest_lag,
    running_times,
    travel_positions,
)
from headway_prediction.forecasters.trains import identify
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import DIRECTIONS

TRAIN_OVERDUE_MINS = 3.0
DEPARTURE_OVERDUE_MINS = 6.0
PLAN_KEPT_SHARE = 1 / 8
"""Departures at random are a quarter of a headway off the nearest planned one; half of that still tells something."""
USUALLY_SERVED = 0.5
"""A platform that fewer of the trains seen upstream go on to serve is left out of their run."""

FITTED = ("running", "served", "usual_headways", "keeps_plan")


@dataclass(frozen=True)
class DirectionRuns:
    """What was fitted for one direction, platforms numbered along the travel.

    `running` (hours, positions - 1): usual minutes to the next platform. `served` (positions, positions): share of the
    trains seen at a platform that are seen at a later one. `usual_headways` (weekday or weekend, half-hours): the
    climatology of the first platform, in minutes. `keeps_plan` (a single bool): whether the planned departures tell
    when trains really leave.
    """

    running: np.ndarray
    served: np.ndarray
    usual_headways: np.ndarray
    keeps_plan: np.ndarray

    def since_first(self, minute: float) -> np.ndarray:
        """Return usual minutes from the first platform to each one at that time of day: (positions,)."""
        hour = min(int(minute) // 60, HOURS - 1)
        return np.concatenate([[0.0], np.cumsum(self.running[hour])])


@dataclass(frozen=True)
class Propagation:
    """The runs of both directions; see the module."""

    runs: tuple[DirectionRuns, DirectionRuns]
    name: ClassVar[str] = "propagation"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Learn running times by hour, stopping patterns and the usual headways at the terminals."""
        placed = travel_positions(training.passings, training.line)
        medians = Climatology.fit(training).medians
        return cls(tuple(_fit_direction(training, placed, medians, d) for d in DIRECTIONS))

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Let the trains known at each origin run on, and hold the headways that follow."""
        placed = travel_positions(history.passings_on(service_date), history.line)
        headways = over_leads(held_values(history, service_date, origins)).astype(np.float64)
        for direction in DIRECTIONS:
            day = self._trains_of_day(history, service_date, placed, direction)
            order = history.line.travel_order(direction)
            for index, t0 in enumerate(origins):
                ahead = _run_on(day, self.runs[direction], int(t0))
                known = np.isfinite(ahead)
                headways[index][:, order, direction] = np.where(
                    known, ahead, headways[index][:, order, direction]
                )
        capped = np.minimum(headways, history.grid.attrs["cap_mins"])
        return Forecast.of_points(service_date, origins, capped)

    def _trains_of_day(
        self, history: LineHistory, service_date: date, placed: pl.DataFrame, direction: int
    ) -> "TrainsOfDay":
        runs = self.runs[direction]
        one_way = identify(placed.filter(pl.col("direction") == direction), np.median(runs.running, axis=0))
        ordered = one_way.sort("minute", "position", "train")
        usual = runs.usual_headways[int(is_weekend(service_date))]
        return TrainsOfDay(
            ordered["minute"].to_numpy(),
            ordered["position"].to_numpy().astype(np.int64),
            ordered["train"].to_numpy(),
            _planned_departures(history, service_date, direction) if runs.keeps_plan else None,
            usual,
        )

    def state(self) -> dict[str, np.ndarray]:
        """Return what was fitted, by direction."""
        return {
            f"{name}_{direction}": getattr(runs, name)
            for direction, runs in enumerate(self.runs)
            for name in FITTED
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        return cls(tuple(DirectionRuns(*(state[f"{name}_{d}"] for name in FITTED)) for d in DIRECTIONS))


@dataclass(frozen=True)
class TrainsOfDay:
    """One direction's passings of a service day in order of time, its planned departures, and the usual headways.

    `planned` holds the sorted minutes of the planned departures at the first platform, None without a plan.
    """

    minutes: np.ndarray
    positions: np.ndarray
    trains: np.ndarray
    planned: np.ndarray | None
    usual_headways: np.ndarray


def _fit_direction(
    training: LineHistory, placed: pl.DataFrame, medians: np.ndarray, direction: int
) -> DirectionRuns:
    one_way = placed.filter(pl.col("direction") == direction)
    positions = len(training.line.travel_order(direction))
    known = identify(one_way, _lags(one_way, positions))
    usual = medians[:, :, training.line.first_station(direction), direction]
    departed = one_way.filter(pl.col("position") == 0)
    keeps_plan = np.array(_keeps_plan(training, departed, direction))
    return DirectionRuns(running_times(known, positions), _served_shares(known, positions), usual, keeps_plan)


def _keeps_plan(training: LineHistory, departed: pl.DataFrame, direction: int) -> bool:
    """Tell whether the departures of the training days stay close to the planned ones, for their headway."""
    misfits, headways = [], []
    for service_date in training.service_dates:
        planned = _planned_departures(training, service_date, direction)
        minutes = departed.filter(pl.col("service_date") == service_date)["minute"].to_numpy()
        if planned is not None and len(minutes):
            misfits.append(np.abs(minutes[:, None] - planned[None, :]).min(axis=1))
            headways.append(np.diff(planned))
    if not misfits:
        return False
    return bool(np.median(np.concatenate(misfits)) <= PLAN_KEPT_SHARE * np.median(np.concatenate(headways)))


def _lags(one_way: pl.DataFrame, positions: int) -> np.ndarray:
    days = one_way.sort("minute").partition_by("service_date")
    minutes = [
        [day.filter(pl.col("position") == position)["minute"].to_numpy() for day in days]
        for position in range(positions)
    ]
    return np.array([likeliest_lag(minutes[p], minutes[p + 1]) for p in range(positions - 1)])


def _served_shares(known: pl.DataFrame, positions: int) -> np.ndarray:
    trains = known.select("service_date", "train").unique(maintain_order=True).with_row_index("row")
    rows = known.join(trains, on=["service_date", "train"])
    seen = np.zeros((trains.height, positions), dtype=np.float32)
    seen[rows["row"].to_numpy(), rows["position"].to_numpy()] = 1
    return (seen.T @ seen) / np.maximum(seen.sum(axis=0), 1)[:, None]


def _planned_departures(history: LineHistory, service_date: date, direction: int) -> np.ndarray | None:
    if history.timetable is None:
        return None
    planned = history.timetable.departures(service_date, direction, history.line.first_station(direction))
    return planned if len(planned) else None


def _run_on(day: TrainsOfDay, runs: DirectionRuns, t0: int) -> np.ndarray:
    """Return headways (leads, positions) that follow from the trains known at t0; NaN where no train is expected."""
    known = int(np.searchsorted(day.minutes, t0 + 1, side="left"))
    minutes, positions = day.minutes[:known], day.positions[:known]
    last_seen = np.full(runs.served.shape[0], np.nan)
    last_seen[positions] = minutes  # sorted by time: the last one stays
    since_first = runs.since_first(t0)
    arrivals = np.concatenate(
        [
            _trains_under_way(minutes, positions, day.trains[:known], runs, since_first, t0),
            _trains_to_come(day, minutes[positions == 0], runs, since_first, t0),
            np.full((1, len(since_first)), np.inf),  # there may be no train at all
        ]
    )
    return _held_headways(np.sort(arrivals, axis=0), last_seen, t0)


def _trains_under_way(
    minutes: np.ndarray,
    positions: np.ndarray,
    trains: np.ndarray,
    runs: DirectionRuns,
    since_first: np.ndarray,
    t0: int,
) -> np.ndarray:
    """Expected arrivals (trains, positions) of the trains on the line; infinite where a train will not come."""
    _, from_end = np.unique(trains[::-1], return_index=True)
    last = len(trains) - 1 - from_end
    at, seen = positions[last], minutes[last]
    expected = seen[:, None] + since_first[None, :] - since_first[at][:, None]
    ahead = np.arange(len(since_first))[None, :] > at[:, None]
    served = runs.served[at] >= USUALLY_SERVED
    coming = ahead & served & (expected >= t0 + 1 - TRAIN_OVERDUE_MINS)
    # A train that is overdue at the next platform arrives at once and carries its delay along.
    lateness = np.where(coming, t0 + 1 - expected, -np.inf).max(axis=1, initial=0.0).clip(0, None)
    return np.where(coming, expected + lateness[:, None], np.inf)


def _trains_to_come(
    day: TrainsOfDay, departed: np.ndarray, runs: DirectionRuns, since_first: np.ndarray, t0: int
) -> np.ndarray:
    """Expected arrivals (trains, positions) of the trains that have not left the first platform yet."""
    last = departed[-1] if len(departed) else None
    if day.planned is not None:
        departures = _pending_departures(day.planned, last, t0)
    else:
        departures = _usual_departures(day.usual_headways, last, t0)
    expected = np.maximum(departures, t0 + 1)[:, None] + since_first[None, :]
    return np.where(runs.served[0][None, :] >= USUALLY_SERVED, expected, np.inf)


def _pending_departures(planned: np.ndarray, last_departure: float | None, t0: int) -> np.ndarray:
    """Planned departures that are still to come: after the one that the last departure fulfilled, ≤ 6 min overdue."""
    pending = (planned >= t0 + 1 - DEPARTURE_OVERDUE_MINS) & (planned < t0 + 1 + LEADS)
    if last_departure is not None:
        fulfilled = planned[np.argmin(np.abs(planned - last_departure))]
        pending &= planned > min(fulfilled, last_departure + DEPARTURE_OVERDUE_MINS)
    return planned[pending]


def _usual_departures(usual_headways: np.ndarray, last_departure: float | None, t0: int) -> np.ndarray:
    """Departures at the usual headway after the last one, the first of them not before now; none before a first train."""
    half_hour = min(t0 // 30, len(usual_headways) - 1)
    headway = usual_headways[half_hour]
    if last_departure is None or not np.isfinite(headway):
        return np.empty(0)
    first = max(last_departure + headway, t0 + 1)
    return np.arange(first, t0 + 1 + LEADS, max(headway, 1.0))


def _held_headways(arrivals: np.ndarray, last_seen: np.ndarray, t0: int) -> np.ndarray:
    """Headways (leads, positions) held at the end of each minute; NaN where no train is expected by then."""
    before = np.concatenate([last_seen[None, :], arrivals[:-1]])
    with np.errstate(invalid="ignore"):
        headways = arrivals - before
    ends = np.arange(t0 + 2, t0 + LEADS + 2)
    passed = (arrivals[None, :, :] < ends[:, None, None]).sum(axis=1)  # (leads, positions)
    held = np.take_along_axis(headways, np.maximum(passed - 1, 0), axis=0)
    return np.where(passed > 0, held, np.nan)
