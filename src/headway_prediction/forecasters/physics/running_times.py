"""Running times and stopping patterns of one direction, fitted on the passings of training days.

`DirectionRuns` holds typical minutes between neighbouring platforms by hour, the share of trains that serve each platform,
typical headways at the first one, and whether departures follow the plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.match_trains import DirectionPassings, identify_trains
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

HOURS = SCORED_DAY_MINS // 60
MAX_RUN_MINS = 60
MIN_RUNS = 5
"""An hour with fewer runs takes the median of all hours."""
MAX_PLAN_DEVIATION_SHARE = 1 / 8
"""The plan is followed where departures deviate from it by at most this share of the headway: random ones deviate by 1/4."""


def running_times(passings: pl.DataFrame, position_count: int) -> np.ndarray:
    """Return median minutes from each platform to the next one of its direction: (hours, position_count - 1).

    `passings` are one direction's, with `position` and trains numbered (see match_trains.identify_trains). Hours (of the
    service day, by departure) with fewer than 5 runs take the median of all hours; a pair of platforms without runs takes
    2 minutes.
    """
    runs = (
        passings.sort("service_date", "train", "position", "minute")
        .with_columns(
            next_position=pl.col("position").shift(-1).over("service_date", "train"),
            run=pl.col("minute").shift(-1).over("service_date", "train") - pl.col("minute"),
        )
        .filter(
            (pl.col("next_position") == pl.col("position") + 1) & pl.col("run").is_between(0, MAX_RUN_MINS)
        )
        .with_columns(hour=(pl.col("minute") // 60).cast(pl.Int64).clip(0, HOURS - 1))
    )
    overall = _table(runs.group_by("position").agg(pl.col("run").median(), pl.len()), position_count)
    by_hour = runs.group_by("hour", "position").agg(pl.col("run").median(), pl.len())
    return np.stack(
        [_table(by_hour.filter(pl.col("hour") == hour), position_count, overall) for hour in range(HOURS)]
    )


def _table(medians: pl.DataFrame, position_count: int, otherwise: np.ndarray | None = None) -> np.ndarray:
    table = np.full(position_count - 1, 2.0) if otherwise is None else otherwise.copy()
    enough = medians.filter(pl.col("len") >= (MIN_RUNS if otherwise is not None else 1))
    table[enough["position"].to_numpy()] = enough["run"].to_numpy()
    return table


def modal_running_time(upstream: Sequence[np.ndarray], downstream: Sequence[np.ndarray]) -> float:
    """Return the running time (minutes) that most trains share, without knowing which passings belong to one train.

    `upstream` and `downstream` hold the sorted minutes of two neighbouring platforms, one array per service day. Of all
    differences up to 60 minutes, those of a train to itself concentrate at its running time while the others spread. The
    result is the mode of their histogram (1-minute bins, smoothed over three), refined by the median around it.
    """
    pairs = zip(upstream, downstream, strict=True)
    lags = np.concatenate([np.empty(0), *(_differences(*pair) for pair in pairs)])
    if not len(lags):
        return 2.0
    counts = np.bincount(lags.astype(np.int64), minlength=MAX_RUN_MINS + 2).astype(float)
    smooth = np.convolve(counts, np.ones(3), mode="same")
    mode = int(np.argmax(smooth)) + 0.5
    return float(np.median(lags[np.abs(lags - mode) <= 1.5]))


def _differences(upstream: np.ndarray, downstream: np.ndarray) -> np.ndarray:
    differences = downstream[None, :] - upstream[:, None]
    positive: np.ndarray = differences[(differences > 0) & (differences <= MAX_RUN_MINS)]
    return positive


@dataclass(frozen=True)
class DirectionRuns:
    """Running times and stopping pattern of one direction, platforms numbered along the travel.

    `running` (hours, positions - 1): typical minutes to the next platform. `served` (positions, positions): share of the
    trains observed at a platform that are observed at a later one. `typical_headways` (weekday or weekend, half-hours):
    climatology of the first platform in minutes. `follows_plan` (a single bool): whether departures follow the plan.
    """

    running: np.ndarray
    served: np.ndarray
    typical_headways: np.ndarray
    follows_plan: np.ndarray

    def since_first(self, minutes: float | np.ndarray) -> np.ndarray:
        """Return typical minutes from the first platform to each one at those times of day: (…, positions)."""
        hours = np.minimum(np.asarray(minutes, dtype=np.int64) // 60, HOURS - 1)
        running = self.running[hours]
        return np.concatenate([np.zeros((*running.shape[:-1], 1)), np.cumsum(running, axis=-1)], axis=-1)

    def state(self, direction: int) -> dict[str, np.ndarray]:
        """Return the arrays under names that end with the direction."""
        return {
            f"running_{direction}": self.running,
            f"served_{direction}": self.served,
            f"typical_headways_{direction}": self.typical_headways,
            f"follows_plan_{direction}": self.follows_plan,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], direction: int) -> Self:
        """Rebuild what `state` returned for the direction."""
        names = ("running", "served", "typical_headways", "follows_plan")
        return cls(*(state[f"{name}_{direction}"] for name in names))


def fit_direction(
    training: LineHistory,
    passings: Mapping[date, DirectionPassings],
    medians: np.ndarray,
    direction: int,
) -> DirectionRuns:
    """Fit one direction on its `passings` on training days; `medians` are the climatology's, of both directions."""
    positions = len(training.line.travel_order(direction))
    lags = _lags(list(passings.values()), positions)
    known = rows_of({day: identify_trains(own, lags) for day, own in passings.items()})
    typical = medians[:, :, training.line.first_station(direction), direction]
    follows_plan = np.array(_follows_plan(training, passings, direction))
    return DirectionRuns(
        running_times(known, positions), _served_shares(known, positions), typical, follows_plan
    )


def rows_of(passings: Mapping[date, DirectionPassings]) -> pl.DataFrame:
    """Return the passings of one direction on several service dates as a table: service_date, position, minute, train."""
    none = pl.DataFrame(
        schema={"service_date": pl.Date, "position": pl.Int64, "minute": pl.Float64, "train": pl.Int64}
    )
    tables = [
        pl.DataFrame({"position": own.positions, "minute": own.minutes, "train": own.trains}).select(
            pl.lit(day).alias("service_date"), "position", "minute", "train"
        )
        for day, own in passings.items()
    ]
    return pl.concat([none, *tables])


def _follows_plan(training: LineHistory, passings: Mapping[date, DirectionPassings], direction: int) -> bool:
    """Whether the departures of training days stay close to the planned ones, relative to the planned headway."""
    misfits, headways = [], []
    for service_date, own in passings.items():
        planned = planned_departures(training, service_date, direction)
        minutes = own.minutes[own.positions == 0]
        if planned is not None and len(minutes):
            misfits.append(np.abs(minutes[:, None] - planned[None, :]).min(axis=1))
            headways.append(np.diff(planned))
    if not misfits:
        return False
    return bool(
        np.median(np.concatenate(misfits)) <= MAX_PLAN_DEVIATION_SHARE * np.median(np.concatenate(headways))
    )


def _lags(days: Sequence[DirectionPassings], positions: int) -> np.ndarray:
    minutes = [
        [np.sort(day.minutes[day.positions == position]) for day in days] for position in range(positions)
    ]
    return np.array([modal_running_time(minutes[p], minutes[p + 1]) for p in range(positions - 1)])


def _served_shares(known: pl.DataFrame, positions: int) -> np.ndarray:
    trains = known.select("service_date", "train").unique(maintain_order=True).with_row_index("row")
    rows = known.join(trains, on=["service_date", "train"])
    observed = np.zeros((trains.height, positions), dtype=np.float32)
    observed[rows["row"].to_numpy(), rows["position"].to_numpy()] = 1
    count = observed.sum(axis=0)[:, None]
    # Without any train at a platform, trains from there are expected everywhere.
    return np.where(count > 0, (observed.T @ observed) / np.maximum(count, 1), np.float32(1))


def planned_departures(history: LineHistory, service_date: date, direction: int) -> np.ndarray | None:
    """Return the sorted planned minutes at the first platform, None without a plan for that service date."""
    if history.timetable is None:
        return None
    planned = history.timetable.departures(service_date, direction, history.line.first_station(direction))
    return np.asarray(planned) if len(planned) else None
