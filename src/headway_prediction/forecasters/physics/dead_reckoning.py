"""Dead reckoning: move each train of one direction along its typical running times, and derive the headways.

The base of the propagation forecaster. `physics.expected_trains` adds trips, turnarounds and train following.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headway_prediction.forecasters.physics.running_times import DirectionRuns

TRAIN_OVERDUE_MINS = 3.0
DEPARTURE_OVERDUE_MINS = 6.0
"""A train or departure overdue by more than this is no longer expected."""
MIN_SERVED_SHARE = 0.5
"""A train is expected only at platforms that at least this share of the trains observed upstream serve."""
Origin = int | np.ndarray
"""The minute t0 of one origin, or of several: (origins,)."""


@dataclass(frozen=True)
class TrainsOfDay:
    """One direction on a service day: passings in order of time, planned departures, typical headways at the first platform.

    `minutes`, `positions` and `trains` have shape (passings,). `planned` holds the sorted minutes of the planned departures
    at the first platform, None without a plan. `typical_headways` has shape (half-hours,).
    """

    minutes: np.ndarray
    positions: np.ndarray
    trains: np.ndarray
    planned: np.ndarray | None
    typical_headways: np.ndarray

    @cached_property
    def by_train(self) -> tuple[np.ndarray, np.ndarray]:
        """Minutes and positions of the passings of each train in order of time, infinite and 0 after the last: (trains,
        most passings of a train)."""
        _, train, count = np.unique(self.trains, return_inverse=True, return_counts=True)
        order = np.argsort(train, kind="stable")
        row, column = train[order], np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
        shape = len(count), int(count.max(initial=0))
        minutes, positions = np.full(shape, np.inf), np.zeros(shape, np.int64)
        minutes[row, column], positions[row, column] = self.minutes[order], self.positions[order]
        return minutes, positions

    def last_observed(self, origins: np.ndarray, positions: int) -> np.ndarray:
        """Return the minute of the last passing known at each position, NaN before the first: (origins, positions)."""
        by_position = [self.minutes[self.positions == position] for position in range(positions)]
        return last_before(by_position, origins + 1)


def last_before(minutes: Sequence[np.ndarray], now: np.ndarray) -> np.ndarray:
    """Return the last of the sorted `minutes` of each position before each moment, NaN before the first: (…, positions)."""
    last = [np.append(np.nan, own)[np.searchsorted(own, now)] for own in minutes]
    return np.stack(last, axis=-1)


def dead_reckoning(day: TrainsOfDay, runs: DirectionRuns, origins: np.ndarray, leads: int) -> np.ndarray:
    """Return the headways (origins, leads, positions) of the trains known at the end of each minute t0; NaN where no train
    is expected."""
    last_observed = day.last_observed(origins, runs.served.shape[0])
    since_first = runs.since_first(origins)[:, None]  # (origins, 1, positions)
    arrivals = np.concatenate(
        [
            _trains_under_way(day, runs, since_first, origins),
            _trains_to_come(day, last_observed[:, 0], runs, since_first, origins, leads),
            np.full(since_first.shape, np.inf),  # at least one row, even without trains
        ],
        axis=1,
    )
    return headways_of_arrivals(np.sort(arrivals, axis=1), last_observed, origins, leads)


def _trains_under_way(
    day: TrainsOfDay, runs: DirectionRuns, since_first: np.ndarray, origins: np.ndarray
) -> np.ndarray:
    """Expected arrivals (origins, trains, positions) of the trains on the line; infinite where a train will not pass."""
    now = origins[:, None, None] + 1
    minutes, positions = day.by_train
    last = np.where(np.isfinite(minutes), minutes, -np.inf).max(axis=1, initial=-np.inf)
    # A train that was last observed longer ago than a whole run takes is expected nowhere.
    recent = last >= origins.min() + 1 - TRAIN_OVERDUE_MINS - since_first.max(initial=0.0)
    recent &= minutes.min(axis=1, initial=np.inf) < origins.max() + 1
    minutes, positions = minutes[recent], positions[recent]
    count = (minutes < now).sum(axis=-1)
    row, newest = np.arange(len(minutes)), np.maximum(count - 1, 0)
    at, observed = positions[row, newest], np.where(count > 0, minutes[row, newest], np.nan)
    since_at = np.take_along_axis(since_first[:, 0], at, axis=1)
    expected = observed[..., None] + since_first - since_at[..., None]
    ahead = np.arange(since_first.shape[-1]) > at[..., None]
    served = runs.served[at] >= MIN_SERVED_SHARE
    # Comparisons with NaN are false: a train that has not been observed yet is expected nowhere.
    coming = ahead & served & (expected >= now - TRAIN_OVERDUE_MINS)
    # A train that is overdue at the next platform arrives at once and carries its delay along.
    lateness = np.where(coming, now - expected, -np.inf).max(axis=-1, initial=0).clip(0, None)
    return np.where(coming, expected + lateness[..., None], np.inf)


def _trains_to_come(
    day: TrainsOfDay,
    last_departures: np.ndarray,
    runs: DirectionRuns,
    since_first: np.ndarray,
    origins: np.ndarray,
    leads: int,
) -> np.ndarray:
    """Expected arrivals (origins, trains, positions) of trains that have not left the first platform."""
    if day.planned is None:
        departures = all_typical_departures(day.typical_headways, last_departures, origins, leads)
    else:
        moments = zip(last_departures.tolist(), origins.tolist(), strict=True)
        departures = _padded([_pending_departures(day.planned, last, t0, leads) for last, t0 in moments])
    expected = np.maximum(departures, origins[:, None] + 1)[..., None] + since_first
    return np.where(runs.served[0] >= MIN_SERVED_SHARE, expected, np.inf)


def _pending_departures(planned: np.ndarray, last_departure: float, t0: int, leads: int) -> np.ndarray:
    """Planned departures after the one that the last departure fulfilled, at most 6 minutes overdue: (departures,)."""
    pending = (planned >= t0 + 1 - DEPARTURE_OVERDUE_MINS) & (planned < t0 + 1 + leads)
    if not np.isnan(last_departure):
        fulfilled = planned[np.argmin(np.abs(planned - last_departure))]
        pending &= planned > min(fulfilled, last_departure + DEPARTURE_OVERDUE_MINS)
    return planned[pending]


def all_typical_departures(
    typical_headways: np.ndarray, last_departures: np.ndarray, origins: np.ndarray, leads: int
) -> np.ndarray:
    """Return `typical_departures` of each origin, infinite after the last: (origins, departures)."""
    moments = zip(last_departures.tolist(), origins.tolist(), strict=True)
    return _padded([typical_departures(typical_headways, last, t0, leads) for last, t0 in moments])


def typical_departures(
    typical_headways: np.ndarray, last_departure: float, t0: int, leads: int
) -> np.ndarray:
    """Return departures at the typical headway after the last one, none before the end of t0; empty where the last
    departure is NaN: before a first train."""
    half_hour = min(t0 // 30, len(typical_headways) - 1)
    headway = typical_headways[half_hour]
    if np.isnan(last_departure) or not np.isfinite(headway):
        return np.empty(0)
    first = max(last_departure + headway, t0 + 1)
    return np.arange(first, t0 + 1 + leads, max(headway, 1.0))


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of several lengths as one array, infinite after the end of each: (rows, longest)."""
    table = np.full((len(rows), max(map(len, rows))), np.inf)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


def headways_of_arrivals(
    arrivals: np.ndarray, last_observed: np.ndarray, t0: Origin, leads: int
) -> np.ndarray:
    """Return the headways (…, leads, positions) held at the end of each minute after t0; NaN where no train passes by then.

    `arrivals` (…, trains, positions) are sorted along trains, infinite where none passes; `last_observed` (…, positions).
    """
    previous = np.concatenate([last_observed[..., None, :], arrivals[..., :-1, :]], axis=-2)
    with np.errstate(invalid="ignore"):
        headways = arrivals - previous
    ends = np.asarray(t0)[..., None] + np.arange(2, leads + 2)
    passed = (arrivals[..., None, :, :] < ends[..., None, None]).sum(axis=-2)  # (…, leads, positions)
    held = np.take_along_axis(headways, np.maximum(passed - 1, 0), axis=-2)
    return np.where(passed > 0, held, np.nan)
