"""Prior features: the next trains at every platform and the forecasts of simple methods, as inputs of the network.

`nn.prior_channels` names the channels and their order.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import (
    FALLBACK_HEADWAY_MINS,
    LEADS,
    chunks_of,
    held_values,
    over_leads,
)
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals, ArrivalTimes
from headway_prediction.forecasters.physics.dead_reckoning import Origin
from headway_prediction.forecasters.physics.expected_trains import (
    TRAIN_FEATURES,
    ExpectedTrains,
    headways_with_fallback,
)
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.physics.running_times import HOURS
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory
from headway_prediction.nn.prior_channels import (
    CHANNELS_WIDTH,
    FAR_MINS,
    NEXT_TRAINS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
    prior_width,
)
from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.line import DIRECTIONS


def prior_features(
    prior: PhysicsPrior,
    history: LineHistory,
    service_date: date,
    origins: np.ndarray,
    arrival_residuals: ArrivalResiduals,
    leads: int = LEADS,
) -> np.ndarray:
    """Return the prior at each origin of a service date as `nn.prior_channels` lays it out: (origins, stations, directions,
    `prior_width(leads)`), float32.

    `arrival_residuals` move the arrivals of the next trains; FORECASTS are those of the prior alone. An unknown typical
    headway is 10 minutes. At a platform that does not exist no train arrives.
    """
    origins = np.asarray(origins)
    cells = np.zeros((len(origins), len(history.line.stations), 2, prior_width(leads)), dtype=np.float32)
    trains, of_trains = TRAINS_WIDTH, cells[..., :TRAINS_WIDTH]
    of_trains[..., :: len(TRAIN_CHANNELS)] = FAR_MINS
    held, cap_mins = held_values(history, service_date, origins), history.grid.attrs["cap_mins"]
    headways = over_leads(np.full_like(held, FALLBACK_HEADWAY_MINS), leads)
    for direction, day in zip(DIRECTIONS, prior.direction_days(history, service_date), strict=True):
        order = history.line.travel_order(direction)
        for some in chunks_of(len(origins)):
            t0 = origins[some]
            expected = day.expected(t0, leads)
            times = arrival_residuals.times(day, direction, expected, t0)
            channels = train_channels(expected, times, day.matched.last_observed(t0), t0)
            of_trains[some][:, order, direction] = channels.reshape(*channels.shape[:2], trains)
            at_origin = held[some][:, order, direction]
            ahead = headways_with_fallback(day, expected, at_origin, t0, leads, cap_mins)
            headways[some][:, :, order, direction] = ahead
        hours = np.minimum(origins // 60, HOURS - 1)
        running, edge = day.matched.runs.running[hours], np.zeros((len(origins), 1))
        cells[:, order, direction, trains] = np.concatenate([edge, running], axis=1)
        cells[:, order, direction, trains + 1] = np.concatenate([running, edge], axis=1)
        cells[:, order, direction, trains + 3] = day.matched.runs.served[0]
    forecasts = _forecasts(prior, headways, history, service_date, origins, leads)
    cells[..., CHANNELS_WIDTH:] = forecasts.transpose(0, 2, 3, 4, 1).reshape(*cells.shape[:3], -1)
    typical = prior.typical_headways(service_date)
    middle = np.minimum(origins + leads // 2 + 1, SCORED_DAY_MINS - 1) // 30
    cells[..., trains + 2] = np.where(np.isfinite(typical), typical, FALLBACK_HEADWAY_MINS)[middle]
    return cells


def _forecasts(
    prior: PhysicsPrior,
    headways: np.ndarray,
    history: LineHistory,
    service_date: date,
    origins: np.ndarray,
    leads: int,
) -> np.ndarray:
    """FORECASTS, 10 minutes where one has none: (origins, leads, stations, directions, methods).

    `headways` (origins, leads, stations, directions) are those of trip propagation.
    """
    methods = Propagation(prior.runs, leads), Climatology(prior.medians, leads=leads)
    others = [method.forecast(history, service_date, origins).mean for method in methods]
    forecasts = np.stack([headways, *others], axis=-1)
    return np.where(np.isnan(forecasts), np.float32(FALLBACK_HEADWAY_MINS), forecasts)


@dataclass(frozen=True)
class FittedPrior:
    """The prior of a network on the line that the prior and the arrival residuals were fitted on."""

    physics: PhysicsPrior
    arrival_residuals: ArrivalResiduals = field(default_factory=ArrivalResiduals.none)

    def channels(
        self, history: LineHistory, service_date: date, origins: np.ndarray, leads: int = LEADS
    ) -> np.ndarray:
        """Return `prior_features`."""
        return prior_features(self.physics, history, service_date, origins, self.arrival_residuals, leads)

    def fitted(self, origin: ForecastOrigin) -> Self:
        """Return itself, whatever the origin."""
        return self


def train_channels(
    expected: ExpectedTrains, times: ArrivalTimes, last_observed: np.ndarray, t0: Origin
) -> np.ndarray:
    """Return TRAIN_CHANNELS of the next trains at each position: (…, positions, NEXT_TRAINS, TRAIN_CHANNELS), float32.

    `expected` are the trains at the end of minute t0, `times` their arrivals, `last_observed` (…, positions) the last
    passing at each position, NaN before the first.
    """
    *origins, _, positions = expected.minutes.shape
    none = np.full((*origins, NEXT_TRAINS, positions), np.inf)
    minutes, earliest, latest, arrival_probability = (np.concatenate([part, none], axis=-2) for part in times)
    no_features = np.zeros((*origins, NEXT_TRAINS, len(TRAIN_FEATURES)))
    features = np.concatenate([expected.features, no_features], axis=-2)
    first = np.argsort(minutes, axis=-2, kind="stable")[..., :NEXT_TRAINS, :]
    arrivals = np.take_along_axis(minutes, first, axis=-2)
    previous = np.concatenate([last_observed[..., None, :], arrivals[..., :-1, :]], axis=-2)
    with np.errstate(invalid="ignore"):
        headways = arrivals - previous
        earlier = arrivals - np.take_along_axis(earliest, first, axis=-2)
        later = np.take_along_axis(latest, first, axis=-2) - arrivals
    comes, has_headway = np.isfinite(arrivals), np.isfinite(headways)
    of_first = np.take_along_axis(features[..., None, :], first[..., None], axis=-3)
    under_way, since_observed, observed_at, overdue, late, on_trip = np.moveaxis(of_first, -1, 0)
    ahead = arrivals - (np.asarray(t0)[..., None, None] + 1)
    channels = [
        np.where(comes, np.clip(ahead, 0.0, FAR_MINS), FAR_MINS),
        np.where(has_headway, headways, 0.0).clip(0.0, FAR_MINS),
        has_headway,
        under_way,
        since_observed.clip(-20.0, FAR_MINS),
        np.arange(positions) - observed_at,
        overdue.clip(0.0, 20.0),
        late.clip(-10.0, 30.0),
        on_trip,
        *(np.where(comes, spread, 0.0).clip(0.0, 15.0) for spread in (earlier, later)),
        np.where(comes, np.take_along_axis(arrival_probability, first, axis=-2), 0.0),
    ]
    # Not a product with `comes`: that leaves minus zeros, which depend on the trains expected elsewhere.
    stacked = np.stack([channels[0], *(np.where(comes, channel, 0.0) for channel in channels[1:])], axis=-1)
    return np.swapaxes(stacked, -3, -2).astype(np.float32)
