"""Join passings into trains: by trip id where the log has one, else first in, first out along typical running times."""

from bisect import bisect_left

import numpy as np
import polars as pl

from headway_prediction.grid.passings import HAS_TRIP_ID

TOLERANCE_MINS = 6.0
"""A passing further from the typical running time is a train that entered the line in between."""

MAX_UNOBSERVED_MINS = 75.0
"""A train not observed for longer has left the line; observed again, it is another train."""


def identify_trains(passings: pl.DataFrame, lags: np.ndarray) -> pl.DataFrame:
    """Return the passings of one direction with `train`, the number of the train.

    `passings` has service_date, position, minute, trip_id. `lags` (positions - 1,) are typical minutes between
    neighbouring platforms. Trip ids are numbered in their order, from 0 on. Passings without a trip id are matched among
    themselves and get negative numbers; a match depends on earlier passings only.
    """
    numbered = with_trip_numbers(passings)
    named, unnamed = numbered.filter(HAS_TRIP_ID), numbered.filter(~HAS_TRIP_ID)
    if unnamed.is_empty():
        return numbered
    days = unnamed.sort("service_date", "position", "minute").partition_by("service_date")
    matched = [day.with_columns(train=pl.Series(-1 - _match_day(day, lags), dtype=pl.Int64)) for day in days]
    return pl.concat([named, *matched])


def with_trip_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `train`: the place of each row's trip id among those of all rows, in their alphabetical order, from 0 on.

    More rows change the numbers but not their order, and nothing else is read from them.
    """
    return rows.with_columns(train=pl.col("trip_id").rank("dense").cast(pl.Int64) - 1)


def split_vehicle_trips(passings: pl.DataFrame) -> pl.DataFrame:
    """Return the passings of one direction with a separate `train` for each trip of a vehicle.

    Some logs name vehicles instead of trips, and some report a train hours before it runs. A train that passes a platform
    again, or was not observed for over 75 minutes, gets another (negative) number; this depends on earlier passings only.
    Matched trains (numbered below zero) stay unchanged: they pass each platform once, without long gaps.
    """
    train = ("service_date", "train")
    again = pl.int_range(pl.len()).over(*train, "position").cum_max().over(train)
    returned = (pl.col("minute").diff() > MAX_UNOBSERVED_MINS).fill_null(False).cum_sum().over(train)
    rounds = passings.sort("service_date", "minute", "position").with_columns(round=again + returned)
    place = pl.struct("train", "round").rank("dense").cast(pl.Int64)
    lowest = pl.min_horizontal(pl.col("train").min(), 0)
    anew = (pl.col("round") > 0) & (pl.col("train") >= 0)
    renamed = pl.when(anew).then(lowest - place).otherwise("train")
    return rounds.with_columns(train=renamed).drop("round")


def _match_day(day: pl.DataFrame, lags: np.ndarray) -> np.ndarray:
    minutes, positions = day["minute"].to_numpy(), day["position"].to_numpy()
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
