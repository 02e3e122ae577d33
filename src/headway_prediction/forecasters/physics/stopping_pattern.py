"""What propagation learns of one direction: running times, stopping patterns, usual headways, whether the plan is kept."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.match_trains import identify_trains
from headway_prediction.forecasters.physics.running_times import HOURS, modal_running_time, running_times
from headway_prediction.grid.history import LineHistory

FITTED = ("running", "served", "typical_headways", "follows_plan")
MAX_PLAN_DEVIATION_SHARE = 1 / 8
"""Departures at random are a quarter of a headway off the nearest planned one; half of that still tells something."""


@dataclass(frozen=True)
class DirectionRuns:
    """What was fitted for one direction, platforms numbered along the travel.

    `running` (hours, positions - 1): usual minutes to the next platform. `served` (positions, positions): share of the
    trains seen at a platform that are seen at a later one. `typical_headways` (weekday or weekend, half-hours): the
    climatology of the first platform, in minutes. `follows_plan` (a single bool): whether the planned departures tell
    when trains really leave.
    """

    running: np.ndarray
    served: np.ndarray
    typical_headways: np.ndarray
    follows_plan: np.ndarray

    def since_first(self, minutes: float | np.ndarray) -> np.ndarray:
        """Return usual minutes from the first platform to each one at those times of day: (…, positions)."""
        hours = np.minimum(np.asarray(minutes, dtype=np.int64) // 60, HOURS - 1)
        running = self.running[hours]
        return np.concatenate([np.zeros((*running.shape[:-1], 1)), np.cumsum(running, axis=-1)], axis=-1)


def fit_direction(
    training: LineHistory, placed: pl.DataFrame, medians: np.ndarray, direction: int
) -> DirectionRuns:
    """Fit one direction on training days.

    `placed` are the training passings with their positions, `medians` the climatology's, both of all directions.
    """
    one_way = placed.filter(pl.col("direction") == direction)
    positions = len(training.line.travel_order(direction))
    known = identify_trains(one_way, _lags(one_way, positions))
    typical = medians[:, :, training.line.first_station(direction), direction]
    departed = one_way.filter(pl.col("position") == 0)
    follows_plan = np.array(_keeps_plan(training, departed, direction))
    return DirectionRuns(
        running_times(known, positions), _served_shares(known, positions), typical, follows_plan
    )


def _keeps_plan(training: LineHistory, departed: pl.DataFrame, direction: int) -> bool:
    """Tell whether the departures of the training days stay close to the planned ones, for their headway."""
    misfits, headways = [], []
    for service_date in training.service_dates:
        planned = planned_departures(training, service_date, direction)
        minutes = departed.filter(pl.col("service_date") == service_date)["minute"].to_numpy()
        if planned is not None and len(minutes):
            misfits.append(np.abs(minutes[:, None] - planned[None, :]).min(axis=1))
            headways.append(np.diff(planned))
    if not misfits:
        return False
    return bool(
        np.median(np.concatenate(misfits)) <= MAX_PLAN_DEVIATION_SHARE * np.median(np.concatenate(headways))
    )


def _lags(one_way: pl.DataFrame, positions: int) -> np.ndarray:
    days = one_way.sort("minute").partition_by("service_date")
    minutes = [
        [day.filter(pl.col("position") == position)["minute"].to_numpy() for day in days]
        for position in range(positions)
    ]
    return np.array([modal_running_time(minutes[p], minutes[p + 1]) for p in range(positions - 1)])


def _served_shares(known: pl.DataFrame, positions: int) -> np.ndarray:
    trains = known.select("service_date", "train").unique(maintain_order=True).with_row_index("row")
    rows = known.join(trains, on=["service_date", "train"])
    observed = np.zeros((trains.height, positions), dtype=np.float32)
    observed[rows["row"].to_numpy(), rows["position"].to_numpy()] = 1
    count = observed.sum(axis=0)[:, None]
    # From where no train was ever seen, trains go on everywhere until one shows otherwise.
    return np.where(count > 0, (observed.T @ observed) / np.maximum(count, 1), np.float32(1))


def planned_departures(history: LineHistory, service_date: date, direction: int) -> np.ndarray | None:
    """Return the sorted planned minutes at the first platform, None without a plan for that service date."""
    if history.timetable is None:
        return None
    planned = history.timetable.departures(service_date, direction, history.line.first_station(direction))
    return planned if len(planned) else None
