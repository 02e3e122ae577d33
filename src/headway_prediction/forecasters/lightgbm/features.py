"""Features of every cell to forecast, for methods that learn cell by cell.

A cell is one (origin, lead, station, direction). Minutes and flags, float32, NaN where unknown. Upstream is where trains
come from. If every train passes as expected, the `current` train of a cell is the last to pass the platform by the end of
the lead's minute, the `previous` train passes before it, the `next` train after it.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.forecasters.base import LEADS, valid_minutes
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import SCHEDULE_CHANNELS, to_matrices
from headway_prediction.nn.prior_channels import (
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    NEXT_TRAINS,
    PLATFORM_CHANNELS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
    lead_trains,
    prior_forecasts,
    prior_trains,
)
from headway_prediction.transit.clock import is_weekend

AGES_MINS = (5, 10, 20, 30)
NEIGHBOURS = (1, 2, 4, -1, -2)
"""Stations upstream, negative for downstream."""
STATE_FEATURES = (
    "headway",
    "elapsed",
    *(f"headway_{age}_mins_ago" for age in AGES_MINS),
    *(f"{name}_{offset:+d}_upstream" for offset in NEIGHBOURS for name in ("headway", "elapsed")),
    "minute",
    "weekend",
    "station",
    "direction",
)
PHYSICS_TRAIN_CHANNELS = TRAIN_CHANNELS[: TRAIN_CHANNELS.index("earlier_by")]
"""Channels of the physics prior; the arrival residuals are not features of LightGBM."""
PRIOR_FEATURES = (
    *(f"train_{number}_{name}" for number in range(1, NEXT_TRAINS + 1) for name in PHYSICS_TRAIN_CHANNELS),
    *PLATFORM_CHANNELS,
)
NEARBY_TRAIN_CHANNELS = (
    "arrives_in",
    "headway",
    "under_way",
    "since_observed",
    "stations_away",
    "overdue",
    "late",
)
PLAN_FEATURES = SCHEDULE_CHANNELS[:3]
LEAD_FEATURES = (
    "lead",
    *FORECASTS,
    *PLAN_FEATURES,
    "expected_passings",
    *(f"{which}_{name}" for which in ("current", "next") for name in NEARBY_TRAIN_CHANNELS),
    "previous_headway",
    "since_current",
    "since_next",
    "next_change",
    "previous_change",
    "propagation_change",
    "climatology_change",
)
FEATURES = (*STATE_FEATURES, *PRIOR_FEATURES, *LEAD_FEATURES)


@dataclass(frozen=True)
class CellFeatures:
    """The features of all cells of some origins of a service date.

    `at_origin` (origins, stations, directions, STATE_FEATURES and PRIOR_FEATURES) is the same at every lead, `at_lead` is
    (origins, leads, stations, directions, LEAD_FEATURES).
    """

    at_origin: np.ndarray
    at_lead: np.ndarray

    @property
    def prior_headway(self) -> np.ndarray:
        """The forecast of trip propagation in minutes: (origins, leads, stations, directions)."""
        return self.at_lead[..., LEAD_FEATURES.index("trip_propagation")]

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Return the cells where `chosen` (origins, leads, stations, directions) is true, in order: (rows, FEATURES)."""
        origin, lead, station, direction = np.nonzero(chosen)
        own = self.at_origin[origin, station, direction], self.at_lead[origin, lead, station, direction]
        return np.concatenate(own, axis=-1)


def cell_features(
    prior: PhysicsPrior, history: LineHistory, service_date: date, origins: np.ndarray
) -> CellFeatures:
    """Return the features of every cell of a service date at leads 1 to LEADS, known at each origin."""
    origins = np.asarray(origins)
    state = _state(history, service_date, origins)
    prior_channels = FittedPrior(prior).channels(history, service_date, origins)
    channels, forecasts = prior_channels[..., :CHANNELS_WIDTH], prior_forecasts(prior_channels)
    leads = np.broadcast_to(
        np.arange(1, LEADS + 1, dtype=np.float32)[:, None, None, None], (*forecasts.shape[:-1], 1)
    )
    nearby = _nearby_trains(channels, state, forecasts)
    plan = _plan(history, service_date, origins, forecasts.shape)
    at_lead = np.concatenate([leads, forecasts, plan, nearby], axis=-1)
    return CellFeatures(np.concatenate([state, _physics_channels(channels)], axis=-1), at_lead)


def _physics_channels(channels: np.ndarray) -> np.ndarray:
    """The channels of trains and platform without arrival residuals."""
    physics = prior_trains(channels)[..., : len(PHYSICS_TRAIN_CHANNELS)].reshape(*channels.shape[:-1], -1)
    return np.concatenate([physics, channels[..., TRAINS_WIDTH:]], axis=-1)


def _state(history: LineHistory, service_date: date, origins: np.ndarray) -> np.ndarray:
    """STATE_FEATURES: (origins, stations, directions, features)."""
    day = history.day(service_date)
    headway, elapsed = (day[name].values[origins] for name in ("headway", "elapsed"))
    ages = [_some_minutes_ago(day["headway"].values, origins, age) for age in AGES_MINS]
    nearby = [_upstream(cells, offset) for offset in NEIGHBOURS for cells in (headway, elapsed)]
    _, station, direction = np.indices(headway.shape)
    minute = np.broadcast_to(origins[:, None, None], headway.shape)
    weekend = np.full(headway.shape, is_weekend(service_date))
    parts = [headway, elapsed, *ages, *nearby, minute, weekend, station, direction]
    return np.stack([part.astype(np.float32) for part in parts], axis=-1)


def _some_minutes_ago(headway: np.ndarray, origins: np.ndarray, age: int) -> np.ndarray:
    earlier = headway[np.maximum(origins - age, 0)]
    return np.where((origins >= age)[:, None, None], earlier, np.nan)


def _upstream(cells: np.ndarray, offset: int) -> np.ndarray:
    """The cells `offset` stations upstream, (origins, stations, directions); NaN beyond the ends of the line."""
    shifted = np.full_like(cells, np.nan)
    for direction, step in ((0, offset), (1, -offset)):
        one_way = cells[:, :, direction]
        if step > 0:
            shifted[:, step:, direction] = one_way[:, :-step]
        else:
            shifted[:, :step, direction] = one_way[:, -step:]
    return shifted


def _plan(
    history: LineHistory, service_date: date, origins: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """PLAN_FEATURES of the direction in the lead's minute, at every station."""
    _, schedule = to_matrices(history.day(service_date))
    minutes = np.minimum(valid_minutes(origins), len(schedule) - 1)
    plan = schedule[minutes][:, :, None, :, : len(PLAN_FEATURES)]
    return np.broadcast_to(plan, (*shape[:-1], len(PLAN_FEATURES)))


def _nearby_trains(channels: np.ndarray, state: np.ndarray, forecasts: np.ndarray) -> np.ndarray:
    """The remaining LEAD_FEATURES, from `expected_passings` on: (origins, leads, stations, directions, features)."""
    leads = forecasts.shape[1]
    found = lead_trains(_trains_in_order(channels, state), leads, np, _select)
    previous, current, following, passed = (np.moveaxis(part, 3, 1) for part in found)
    lead = np.arange(1, leads + 1)[:, None, None]
    trip, plain, typical = np.moveaxis(forecasts, -1, 0)
    headway_before, headway_after = previous[..., 1], following[..., 1]
    single = [
        headway_before, lead - current[..., 0], lead - following[..., 0],
        headway_after - trip, headway_before - trip, plain - trip, typical - trip,
    ]  # fmt: skip
    parts = [passed[..., None].astype(np.float32), current, following, np.stack(single, axis=-1)]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def _trains_in_order(channels: np.ndarray, state: np.ndarray) -> np.ndarray:
    """NEARBY_TRAIN_CHANNELS of the trains as `lead_trains` takes them, NaN where nothing is known: (origins, stations,
    directions, NEXT_TRAINS + 3, channels)."""
    named = dict(zip(TRAIN_CHANNELS, np.moveaxis(prior_trains(channels), -1, 0), strict=True))
    named["headway"] = np.where(named["has_headway"] > 0, named["headway"], np.nan)
    coming = np.stack([named[name] for name in NEARBY_TRAIN_CHANNELS], axis=-1)
    unknown = np.full((*coming.shape[:-2], 1, len(NEARBY_TRAIN_CHANNELS)), np.nan, np.float32)
    last, none = unknown.copy(), unknown.copy()
    last[..., 0, 0] = -state[..., STATE_FEATURES.index("elapsed")]
    last[..., 0, 1] = state[..., STATE_FEATURES.index("headway")]
    none[..., 0] = FAR_MINS
    return np.concatenate([unknown, last, coming, none], axis=-2)


def _select(in_order: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.take_along_axis(in_order, index[..., None], axis=-2)
