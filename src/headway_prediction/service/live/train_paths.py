"""The string lines: where each train passed, and where it is expected, as the network is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.forecasters.physics.expected_trains import DirectionDay, ExpectedTrains
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.service.live.published import TrainPath
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import Line
from headway_prediction.transit.trip_keys import UNKNOWN, trip_keys

AHEAD_MINS = 60


def train_paths(
    fitted: FittedPrior, history: LineHistory, log: pl.DataFrame, service_date: date, t0: int, past_mins: int
) -> tuple[TrainPath, ...]:
    """Return the trains seen in the `past_mins` up to the end of minute `t0`, and those expected in the next hour.

    A train is called by its trip id where the `log` names one, else by when and where it was, or is expected, first.
    """
    ids = log.filter(pl.col("service_date") == service_date)["trip_id"].unique()
    names = dict(zip(trip_keys(ids).to_list(), ids.to_list(), strict=True)) if len(ids) else {}
    names.pop(UNKNOWN, None)
    paths = []
    for direction, day in enumerate(fitted.prior.direction_days(history, service_date)):
        expected = day.expected(t0, AHEAD_MINS)
        minutes = fitted.arrival_residuals.times(day, direction, expected, t0).minutes
        expected = replace(expected, minutes=_onward(minutes))
        paths += _paths_of(day, expected, history.line, direction, names, t0, past_mins)
    return tuple(paths)


def _onward(minutes: np.ndarray) -> np.ndarray:
    """No train arrives before it does at the position before: each position is corrected alone."""
    comes = np.isfinite(minutes)
    latest = np.maximum.accumulate(np.where(comes, minutes, -np.inf), axis=1)
    return np.where(comes, latest, np.inf)


def _paths_of(
    day: DirectionDay,
    expected: ExpectedTrains,
    line: Line,
    direction: int,
    names: Mapping[int, str],
    t0: int,
    past_mins: int,
) -> list[TrainPath]:
    order, nowhere = line.travel_order(direction), np.full(day.trains.minutes.shape[1], np.inf)
    paths = []
    for key, passed, minutes in _trains(day, expected, t0, past_mins, nowhere):
        ahead = np.flatnonzero(minutes < t0 + 1 + AHEAD_MINS).tolist()
        passings = tuple((order[position], minute) for position, minute in sorted(passed.items()))
        to_come = tuple((order[position], float(minutes[position])) for position in ahead)
        if passings or to_come:
            name = names.get(key) or _first_place(passings or to_come, line)
            paths.append(TrainPath(name, direction, passings, to_come))
    return paths


def _trains(
    day: DirectionDay, expected: ExpectedTrains, t0: int, past_mins: int, nowhere: np.ndarray
) -> Iterator[tuple[int, dict[int, float], np.ndarray]]:
    """Key, minutes passed by position, and minutes expected at each position (infinite where not), train by train."""
    passed = _passed(day, t0, past_mins)
    under_way = day.under_way(t0).tolist()
    coming = dict(zip(under_way, expected.minutes, strict=False))
    for train in sorted({*passed, *under_way}):
        yield int(day.trains.key_of_trip[train]), passed.get(train, {}), coming.get(train, nowhere)
    for key, minutes in list(zip(expected.keys.tolist(), expected.minutes, strict=True))[len(under_way) :]:
        yield key, {}, minutes


def _passed(day: DirectionDay, t0: int, past_mins: int) -> dict[int, dict[int, float]]:
    """Minutes by position of every train with a passing in the past."""
    passed: dict[int, dict[int, float]] = {}
    for train, position, minute in zip(*(part.tolist() for part in day.known(t0)), strict=True):
        if minute >= t0 + 1 - past_mins:
            passed.setdefault(train, {})[position] = minute
    return passed


def _first_place(places: Sequence[tuple[int, float]], line: Line) -> str:
    station, minute = places[0]
    return f"{gtfs_time(minute)} {line.station_names[station]}"
