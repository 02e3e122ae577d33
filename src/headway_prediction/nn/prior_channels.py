"""The layout of the physics prior as an input of the network, and which train holds a platform at each lead.

The prior of a platform at an origin t0 is one row of numbers (minutes unless stated otherwise):

- of each of the NEXT_TRAINS trains that arrive next, one train after the other, TRAIN_CHANNELS: until it arrives, counted
from
  the end of minute t0 (FAR_MINS where none is expected); its headway then, and whether it has one; whether it has left its
  terminal; since it was last seen (below zero: until it is to leave); stations until it arrives; how far it is overdue now
  and behind its trip; whether its trip is known; how much earlier and later than expected it may arrive; the probability
  that it arrives at all (see `forecasters.physics.arrival_residuals`);
- PLATFORM_CHANNELS: typical running times from the previous platform and to the next one, the typical headway of the
  half-hour, and the share of trains that serve the platform;
- for each of FORECASTS, the headway that this simple method forecasts at each lead.

The functions work on NumPy arrays and on tensors: nothing here imports Keras.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

NEXT_TRAINS = 4
FAR_MINS = 60.0
TRAIN_CHANNELS = (
    "arrives_in",
    "headway",
    "has_headway",
    "under_way",
    "since_observed",
    "stations_away",
    "overdue",
    "late",
    "on_trip",
    "earlier_by",
    "later_by",
    "arrival_probability",
)
ARRIVES_IN = TRAIN_CHANNELS.index("arrives_in")
"""Also the channel of the whole row that holds the minutes until the next train arrives."""
PLATFORM_CHANNELS = ("run_from", "run_to", "typical_headway", "served")
FORECASTS = ("trip_propagation", "propagation", "climatology")
TRAINS_WIDTH = NEXT_TRAINS * len(TRAIN_CHANNELS)
CHANNELS_WIDTH = TRAINS_WIDTH + len(PLATFORM_CHANNELS)
"""Where the forecasts begin."""


def prior_width(leads: int) -> int:
    """Return how many channels the prior of a forecast of so many leads has."""
    return CHANNELS_WIDTH + len(FORECASTS) * leads


def prior_trains(prior: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the next trains of a prior (…, channels): (…, NEXT_TRAINS, TRAIN_CHANNELS)."""
    return prior[..., :TRAINS_WIDTH].reshape(*prior.shape[:-1], NEXT_TRAINS, len(TRAIN_CHANNELS))


def prior_forecasts(prior: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the forecasts of a prior (origins, stations, directions, channels): (origins, leads, stations, directions,
    FORECASTS), in minutes."""
    by_method = prior[..., CHANNELS_WIDTH:].reshape(*prior.shape[:-1], len(FORECASTS), -1)
    return by_method.transpose(0, 4, 1, 2, 3)


class LeadTrains(NamedTuple):
    """The trains of a platform at the end of each lead's minute, if all pass as expected: the one that passed last and so
    holds the platform (`current`), the ones before and after it, each (…, leads, channels), and how many of the next trains
    have `passed` by then (…, leads)."""

    previous: Any
    current: Any
    next: Any
    passed: Any


def lead_trains(
    in_order: Any, leads: int, namespace: ModuleType, select: Callable[[Any, Any], Any]
) -> LeadTrains:
    """Return the trains at each lead.

    `in_order` (…, trains + 3, channels), channel 0 being ARRIVES_IN, holds along its last axis but one: the train before the
    last one that passed, that last one, the next trains, and what stands for the train after those. `namespace` is `numpy`
    or `keras.ops`; `select(in_order, index)` takes the trains at index (…, leads).
    """
    ends = namespace.arange(1, leads + 1, dtype="float32")[:, None]
    arrives_in = in_order[..., None, 2:-1, 0]
    passed = namespace.sum(namespace.where(arrives_in < ends, 1, 0), axis=-1)
    previous, current, following = (select(in_order, passed + step) for step in range(3))
    return LeadTrains(previous, current, following, passed)
