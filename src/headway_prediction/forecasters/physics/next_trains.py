"""The next trains at every platform as of an origin: what a forecaster, and the network's first guess, are made of."""

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalTimes
from headway_prediction.forecasters.physics.dead_reckoning import held_headways_ahead
from headway_prediction.forecasters.physics.expected_trains import FACTS, DirectionDay, Expected
from headway_prediction.nn.prior_channels import FAR_MINS, NEXT_TRAINS

HORIZON_MINS = 15


def expected_headways(day: DirectionDay, t0: int, leads: int) -> np.ndarray:
    """Return the headways (leads, positions) held after t0 when every train passes as expected; NaN before the first."""
    minutes = day.expected(t0, leads).minutes
    arrivals = np.concatenate([minutes, np.full((1, minutes.shape[1]), np.inf)])
    return held_headways_ahead(np.sort(arrivals, axis=0), day.last_seen(t0), t0, leads)


def forecast_headways(
    day: DirectionDay, held: np.ndarray, t0: int, leads: int, cap_mins: float
) -> np.ndarray:
    """Return the expected headways, before them those `held` at t0 (positions,), else 10 minutes: (leads, positions)."""
    before = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)
    ahead = expected_headways(day, t0, leads)
    return np.minimum(np.where(np.isfinite(ahead), ahead, before), cap_mins)


def train_channels(expected: Expected, times: ArrivalTimes, last_seen: np.ndarray, t0: int) -> np.ndarray:
    """Return TRAIN_CHANNELS of the next trains at each position: (positions, NEXT_TRAINS, TRAIN_CHANNELS), float32.

    `expected` are the trains as of the end of minute t0, `times` when they are believed to pass, `last_seen` (positions,)
    when the last one passed, NaN before it.
    Times in minutes: until the train arrives (from the end of minute t0, 60 where none is expected), its headway then
    (with a flag that there is one), since it was last seen, overdue now, behind its trip; stations until it arrives; flags
    that it has left and that its trip is known; minutes earlier and later that it may arrive; how likely it comes at all.
    """
    positions = expected.minutes.shape[1]
    nobody = np.full((NEXT_TRAINS, positions), np.inf)
    minutes, earliest, latest, come = (np.concatenate([part, nobody]) for part in times)
    facts = np.concatenate([expected.facts, np.zeros((NEXT_TRAINS, len(FACTS)))])
    first = np.argsort(minutes, axis=0, kind="stable")[:NEXT_TRAINS]
    arrivals = np.take_along_axis(minutes, first, axis=0)
    before = np.concatenate([last_seen[None], arrivals[:-1]])
    with np.errstate(invalid="ignore"):
        headways = arrivals - before
        earlier = arrivals - np.take_along_axis(earliest, first, axis=0)
        later = np.take_along_axis(latest, first, axis=0) - arrivals
    comes, has_headway = np.isfinite(arrivals), np.isfinite(headways)
    under_way, since_seen, seen_at, overdue, late, on_trip = np.moveaxis(facts[first], -1, 0)
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
        np.where(comes, np.take_along_axis(come, first, axis=0), 0.0),
    ]
    stacked = np.stack([channels[0], *(channel * comes for channel in channels[1:])], axis=-1)
    return stacked.transpose(1, 0, 2).astype(np.float32)
