"""The next trains at every platform as of an origin: what a forecaster, and the network's first guess, are made of."""

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalTimes
from headway_prediction.forecasters.physics.dead_reckoning import headways_of_arrivals
from headway_prediction.forecasters.physics.expected_trains import (
    TRAIN_FEATURES,
    DirectionDay,
    ExpectedTrains,
)
from headway_prediction.nn.prior_channels import FAR_MINS, NEXT_TRAINS

HORIZON_MINS = 15


def expected_headways(day: DirectionDay, t0: int, leads: int) -> np.ndarray:
    """Return the headways (leads, positions) held after t0 when every train passes as expected; NaN before the first."""
    minutes = day.expected(t0, leads).minutes
    arrivals = np.concatenate([minutes, np.full((1, minutes.shape[1]), np.inf)])
    return headways_of_arrivals(np.sort(arrivals, axis=0), day.last_observed(t0), t0, leads)


def headways_with_fallback(
    day: DirectionDay, held: np.ndarray, t0: int, leads: int, cap_mins: float
) -> np.ndarray:
    """Return the expected headways, before them those `held` at t0 (positions,), else 10 minutes: (leads, positions)."""
    previous = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)
    ahead = expected_headways(day, t0, leads)
    return np.minimum(np.where(np.isfinite(ahead), ahead, previous), cap_mins)


def train_channels(
    expected: ExpectedTrains, times: ArrivalTimes, last_observed: np.ndarray, t0: int
) -> np.ndarray:
    """Return TRAIN_CHANNELS of the next trains at each position: (positions, NEXT_TRAINS, TRAIN_CHANNELS), float32.

    `expected` are the trains as of the end of minute t0, `times` when they are believed to pass, `last_observed` (positions,)
    when the last one passed, NaN before it.
    Times in minutes: until the train arrives (from the end of minute t0, 60 where none is expected), its headway then
    (with a flag that there is one), since it was last seen, overdue now, behind its trip; stations until it arrives; flags
    that it has left and that its trip is known; minutes earlier and later that it may arrive; how likely it comes at all.
    """
    positions = expected.minutes.shape[1]
    none = np.full((NEXT_TRAINS, positions), np.inf)
    minutes, earliest, latest, arrival_probability = (np.concatenate([part, none]) for part in times)
    features = np.concatenate([expected.features, np.zeros((NEXT_TRAINS, len(TRAIN_FEATURES)))])
    first = np.argsort(minutes, axis=0, kind="stable")[:NEXT_TRAINS]
    arrivals = np.take_along_axis(minutes, first, axis=0)
    previous = np.concatenate([last_observed[None], arrivals[:-1]])
    with np.errstate(invalid="ignore"):
        headways = arrivals - previous
        earlier = arrivals - np.take_along_axis(earliest, first, axis=0)
        later = np.take_along_axis(latest, first, axis=0) - arrivals
    comes, has_headway = np.isfinite(arrivals), np.isfinite(headways)
    under_way, since_seen, seen_at, overdue, late, on_trip = np.moveaxis(features[first], -1, 0)
    channels = [
        np.where(comes, np.clip(arrivals - (t0 + 1), 0.0, FAR_MINS), FAR_MINS),
        np.where(has_headway, headways, 0.0).clip(0.0, FAR_MINS),
        has_headway,
        under_way,
        since_seen.clip(-20.0, FAR_MINS),
        np.arange(positions) - seen_at,
        overdue.clip(0.0, 20.0),
        late.clip(-10.0, 30.0),
        on_trip,
        *(np.where(comes, spread, 0.0).clip(0.0, 15.0) for spread in (earlier, later)),
        np.where(comes, np.take_along_axis(arrival_probability, first, axis=0), 0.0),
    ]
    stacked = np.stack([channels[0], *(channel * comes for channel in channels[1:])], axis=-1)
    return stacked.transpose(1, 0, 2).astype(np.float32)
