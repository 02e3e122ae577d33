"""Dead reckoning: move each train of one direction along its typical running times, and derive the headways.

The base of the propagation forecaster. `physics.expected_trains` adds trips, turnarounds and train following.
"""

from dataclasses import dataclass

import numpy as np

from headway_prediction.forecasters.physics.running_times import DirectionRuns

TRAIN_OVERDUE_MINS = 3.0
DEPARTURE_OVERDUE_MINS = 6.0
"""A train or departure overdue by more than this is no longer expected."""
MIN_SERVED_SHARE = 0.5
"""A train is expected only at platforms that at least this share of the trains observed upstream serve."""


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


def dead_reckoning(day: TrainsOfDay, runs: DirectionRuns, t0: int, leads: int) -> np.ndarray:
    """Return the headways (leads, positions) of the trains known at the end of minute t0; NaN where no train is expected."""
    known = int(np.searchsorted(day.minutes, t0 + 1, side="left"))
    minutes, positions = day.minutes[:known], day.positions[:known]
    last_observed = np.full(runs.served.shape[0], np.nan)
    last_observed[positions] = minutes  # sorted by time: the last one stays
    since_first = runs.since_first(t0)
    arrivals = np.concatenate(
        [
            _trains_under_way(minutes, positions, day.trains[:known], runs, since_first, t0),
            _trains_to_come(day, minutes[positions == 0], runs, since_first, t0, leads),
            np.full((1, len(since_first)), np.inf),  # at least one row, even without trains
        ]
    )
    return headways_of_arrivals(np.sort(arrivals, axis=0), last_observed, t0, leads)


def _trains_under_way(
    minutes: np.ndarray,
    positions: np.ndarray,
    trains: np.ndarray,
    runs: DirectionRuns,
    since_first: np.ndarray,
    t0: int,
) -> np.ndarray:
    """Expected arrivals (trains, positions) of the trains on the line; infinite where a train will not pass."""
    _, from_end = np.unique(trains[::-1], return_index=True)
    last = len(trains) - 1 - from_end
    at, observed = positions[last], minutes[last]
    expected = observed[:, None] + since_first[None, :] - since_first[at][:, None]
    ahead = np.arange(len(since_first))[None, :] > at[:, None]
    served = runs.served[at] >= MIN_SERVED_SHARE
    coming = ahead & served & (expected >= t0 + 1 - TRAIN_OVERDUE_MINS)
    # A train that is overdue at the next platform arrives at once and carries its delay along.
    lateness = np.where(coming, t0 + 1 - expected, -np.inf).max(axis=1, initial=0.0).clip(0, None)
    return np.where(coming, expected + lateness[:, None], np.inf)


def _trains_to_come(
    day: TrainsOfDay, departed: np.ndarray, runs: DirectionRuns, since_first: np.ndarray, t0: int, leads: int
) -> np.ndarray:
    """Expected arrivals (trains, positions) of trains that have not left the first platform."""
    last = departed[-1] if len(departed) else None
    if day.planned is not None:
        departures = _pending_departures(day.planned, last, t0, leads)
    else:
        departures = typical_departures(day.typical_headways, last, t0, leads)
    expected = np.maximum(departures, t0 + 1)[:, None] + since_first[None, :]
    return np.where(runs.served[0][None, :] >= MIN_SERVED_SHARE, expected, np.inf)


def _pending_departures(planned: np.ndarray, last_departure: float | None, t0: int, leads: int) -> np.ndarray:
    """Planned departures after the one that the last departure fulfilled, at most 6 minutes overdue: (departures,)."""
    pending = (planned >= t0 + 1 - DEPARTURE_OVERDUE_MINS) & (planned < t0 + 1 + leads)
    if last_departure is not None:
        fulfilled = planned[np.argmin(np.abs(planned - last_departure))]
        pending &= planned > min(fulfilled, last_departure + DEPARTURE_OVERDUE_MINS)
    return planned[pending]


def typical_departures(
    typical_headways: np.ndarray, last_departure: float | None, t0: int, leads: int
) -> np.ndarray:
    """Return departures at the typical headway after the last one, none before the end of t0; empty before a first train."""
    half_hour = min(t0 // 30, len(typical_headways) - 1)
    headway = typical_headways[half_hour]
    if last_departure is None or not np.isfinite(headway):
        return np.empty(0)
    first = max(last_departure + headway, t0 + 1)
    return np.arange(first, t0 + 1 + leads, max(headway, 1.0))


def headways_of_arrivals(arrivals: np.ndarray, last_observed: np.ndarray, t0: int, leads: int) -> np.ndarray:
    """Return the headways (leads, positions) held at the end of each minute after t0; NaN where no train passes by then.

    `arrivals` (trains, positions) are sorted along trains, infinite where none passes; `last_observed` (positions,).
    """
    previous = np.concatenate([last_observed[None, :], arrivals[:-1]])
    with np.errstate(invalid="ignore"):
        headways = arrivals - previous
    ends = np.arange(t0 + 2, t0 + leads + 2)
    passed = (arrivals[None, :, :] < ends[:, None, None]).sum(axis=1)  # (leads, positions)
    held = np.take_along_axis(headways, np.maximum(passed - 1, 0), axis=0)
    return np.where(passed > 0, held, np.nan)
