"""Join passings into trains: by trip id where the log has one, else first in, first out along typical running times."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl

from headway_prediction.transit.line import Line

TOLERANCE_MINS = 6.0
"""A passing further from the typical running time is a train that entered the line in between."""

MAX_UNOBSERVED_MINS = 75.0
"""A train not observed for longer has left the line; observed again, it is another train."""


@dataclass(frozen=True)
class DirectionPassings:
    """The passings of one direction on one service date, as arrays (passings,).

    `positions` count along the travel, from 0; `minutes` in the service day; `trains` are numbers: those from 0 on have the
    id of that index in `trip_ids`, in alphabetical order, others none.
    """

    positions: np.ndarray
    minutes: np.ndarray
    trains: np.ndarray
    trip_ids: np.ndarray

    @classmethod
    def of(cls, rows: pl.DataFrame, line: Line, direction: int) -> Self:
        """Return those of `rows` with direction, station, minute and trip_id, numbered by trip id."""
        order = line.travel_order(direction)
        places = np.full(len(line.stations), -1)
        places[order] = np.arange(len(order))
        rows = rows.filter(pl.col("direction") == direction)
        positions = places[rows["station"].to_numpy()]
        on_line = positions >= 0
        codes = rows["trip_id"].to_physical().to_numpy()
        _, first, trains = np.unique(codes, return_index=True, return_inverse=True)
        trip_ids = np.array(rows["trip_id"].gather(first).cast(pl.String).to_list(), dtype=np.str_)
        alphabetical = np.argsort(trip_ids)
        rank = np.empty(len(trip_ids), np.int64)
        rank[alphabetical] = np.arange(len(trip_ids))
        minutes = rows["minute"].to_numpy()
        return cls(positions[on_line], minutes[on_line], rank[trains][on_line], trip_ids[alphabetical])


def identify_trains(passings: DirectionPassings, lags: np.ndarray) -> DirectionPassings:
    """Return the passings with a number for each train: passings without a trip id are matched among themselves and get
    negative numbers.

    `lags` (positions - 1,) are typical minutes between neighbouring platforms. A match depends on earlier passings only.
    """
    unnamed = np.flatnonzero(np.append(passings.trip_ids, "")[passings.trains] == "")
    if not len(unnamed):
        return passings
    order = unnamed[np.lexsort((passings.minutes[unnamed], passings.positions[unnamed]))]
    trains = passings.trains.copy()
    trains[order] = -1 - _match_day(passings.minutes[order], passings.positions[order], lags)
    return replace(passings, trains=trains)


def split_vehicle_trips(passings: DirectionPassings) -> DirectionPassings:
    """Return the passings with a separate train for each trip of a vehicle.

    Some logs name vehicles instead of trips, and some report a train hours before it runs. A train that passes a platform
    again, or was not observed for over 75 minutes, gets another (negative) number; this depends on earlier passings only.
    Matched trains (numbered below zero) stay unchanged: they pass each platform once, without long gaps.
    """
    if not len(passings.trains):
        return passings
    # Train by train, in order of time.
    order = np.lexsort((passings.positions, passings.minutes, passings.trains))
    train, position, minute = passings.trains[order], passings.positions[order], passings.minutes[order]
    starts = np.append(True, np.diff(train) != 0)
    gap = np.append(False, np.diff(minute) > MAX_UNOBSERVED_MINS) & ~starts
    again = np.zeros(len(order), np.int64)
    by_platform = np.lexsort((np.arange(len(order)), position, train))
    new = np.append(True, (np.diff(train[by_platform]) != 0) | (np.diff(position[by_platform]) != 0))
    again[by_platform] = _count_since(new)
    if not gap.any() and not again.any():
        return passings
    group = np.cumsum(starts) - 1
    laps = np.maximum.accumulate(again + group * (again.max() + 1)) - group * (again.max() + 1)
    gaps = np.cumsum(gap)
    rounds = laps + gaps - gaps[starts][group]
    _, place = np.unique(group * (rounds.max() + 1) + rounds, return_inverse=True)
    anew = (rounds > 0) & (train >= 0)
    trains = passings.trains.copy()
    trains[order] = np.where(anew, min(train.min(), 0) - 1 - place, train)
    return replace(passings, trains=trains)


def _count_since(starts: np.ndarray) -> np.ndarray:
    """The number of each element within its group, from 0 on, where `starts` marks the first of each group."""
    index = np.arange(len(starts))
    return index - np.maximum.accumulate(np.where(starts, index, 0))


def _match_day(minutes: np.ndarray, positions: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Number the trains of passings in order of position and minute."""
    trains = np.arange(len(minutes))
    for position, lag in enumerate(lags):
        upstream, downstream = (
            np.flatnonzero(positions == position),
            np.flatnonzero(positions == position + 1),
        )
        partner = match_first_in_first_out(minutes[upstream], minutes[downstream], lag)
        found = partner >= 0
        trains[downstream[found]] = trains[upstream[partner[found]]]
    return trains


def match_first_in_first_out(upstream: np.ndarray, downstream: np.ndarray, lag: float) -> np.ndarray:
    """Return, for each downstream passing, the index of the upstream passing of the same train, or −1.

    Each takes the upstream passing nearest to `lag` minutes before it (within 6 minutes) that is later than the one that
    the previous downstream passing took: first in, first out. Both arrays hold sorted minutes.
    """
    partner, free = np.full(len(downstream), -1), 0
    # Plain lists: their bisection is many times faster than NumPy's on single numbers.
    passed, expected = upstream.tolist(), (upstream + lag).tolist()
    for index, minute in enumerate(downstream.tolist()):
        nearest = _nearest(expected, minute, free, bisect_left(passed, minute, free))
        if nearest is not None and abs(expected[nearest] - minute) <= TOLERANCE_MINS:
            partner[index] = nearest
            free = nearest + 1
    return partner


def _nearest(minutes: list[float], minute: float, start: int, stop: int) -> int | None:
    """Index between `start` and `stop` of the sorted minute nearest to `minute`, the earlier of two at the same distance."""
    if start == stop:
        return None
    later = bisect_left(minutes, minute, start, stop)
    if later == stop or (later > start and minute - minutes[later - 1] <= minutes[later] - minute):
        return later - 1
    return later
