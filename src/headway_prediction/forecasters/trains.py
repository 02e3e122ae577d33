"""Which passings belong to one train, where the log does not say: first in, first out, nearest to the usual run."""

import numpy as np
import polars as pl

TOLERANCE_MINS = 6.0
"""A passing this far from the usual running time is taken for a train that entered in between."""


def identify(passings: pl.DataFrame, lags: np.ndarray) -> pl.DataFrame:
    """Return one direction's passings with `train` filled in: as logged, or matched where the log names no train (−1).

    `passings` has service_date, position, minute, train. `lags` are the usual minutes between neighbouring platforms,
    shape (positions - 1,). Passings without a train are matched among themselves, each when it happens and from earlier
    ones alone, so that what comes later changes nothing.
    """
    named, unnamed = passings.filter(pl.col("train") >= 0), passings.filter(pl.col("train") < 0)
    if unnamed.is_empty():
        return passings
    free = (named["train"].max() + 1) if named.height else 0
    days = unnamed.sort("service_date", "position", "minute").partition_by("service_date")
    matched = [
        day.with_columns(train=pl.Series(free + _match_day(day, lags), dtype=pl.Int64)) for day in days
    ]
    return pl.concat([named, *matched])


def _match_day(day: pl.DataFrame, lags: np.ndarray) -> np.ndarray:
    minutes, positions = day["minute"].to_numpy(), day["position"].to_numpy()
    trains = np.arange(len(minutes))
    for position, lag in enumerate(lags):
        upstream, downstream = (
            np.flatnonzero(positions == position),
            np.flatnonzero(positions == position + 1),
        )
        partner = match_runs(minutes[upstream], minutes[downstream], lag)
        found = partner >= 0
        trains[downstream[found]] = trains[upstream[partner[found]]]
    return trains


def match_runs(upstream: np.ndarray, downstream: np.ndarray, lag: float) -> np.ndarray:
    """Return, for each downstream passing, the index of the upstream passing of the same train, or −1.

    Each takes the upstream passing nearest to `lag` minutes before it (within 6 minutes) that is later than the one its
    predecessor took: first in, first out. Both arrays hold sorted minutes.
    """
    partner = np.full(len(downstream), -1)
    free = 0
    for index, minute in enumerate(downstream):
        misfit = np.abs(upstream[free:] + lag - minute)
        misfit[upstream[free:] >= minute] = np.inf
        if len(misfit) and misfit.min() <= TOLERANCE_MINS:
            partner[index] = free + int(np.argmin(misfit))
            free = partner[index] + 1
    return partner
