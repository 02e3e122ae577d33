"""The network's inputs per lead: the trains around the platform at that time, and the forecasts of simple methods.

Tensors have the shape (batch, stations, directions, …) and face the travel; minutes unless said otherwise. Nothing here has
weights.
"""

from itertools import pairwise
from typing import Any, NamedTuple

from keras import ops

from headway_prediction.nn.prior_channels import (
    ARRIVES_IN,
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    NEXT_TRAINS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
    lead_trains,
)

TRAIN_SCALES = (15.0, 15.0, 1.0, 1.0, 15.0, 10.0, 5.0, 5.0, 1.0, 3.0, 3.0, 1.0)
PLATFORM_SCALES = (4.0, 4.0, 15.0, 1.0)
"""Divisors that bring each channel of the prior to the order of one."""
FORECAST_SCALE, CHANGE_SCALE = 15.0, 5.0
NEAR_MINS = 30.0
"""Farther trains are treated as this far away."""
MIN_SPREAD_MINS = 0.2
"""Arrival times are never treated as more certain than this."""
TAIL_LOGIT = 2.2
"""The logit of 0.9: nine trains in ten pass before their latest arrival (`TAIL` of the arrival residuals)."""
HEADWAY, HAS_HEADWAY, EARLIER_BY, LATER_BY, ARRIVAL_PROBABILITY = (
    TRAIN_CHANNELS.index(name)
    for name in ("headway", "has_headway", "earlier_by", "later_by", "arrival_probability")
)
TRAINS_AT_LEAD = 3
"""The previous, the current and the next train."""
LEAD_FEATURES_WIDTH = (
    3 * NEXT_TRAINS + TRAINS_AT_LEAD * (len(TRAIN_CHANNELS) + 3) + 2 * len(FORECASTS) + TRAINS_AT_LEAD - 1
)
"""Without the one-hot lead itself."""


class PriorParts(NamedTuple):
    """The parts of prior_in: `trains` (…, NEXT_TRAINS, TRAIN_CHANNELS), `forecasts` (…, leads, FORECASTS), and the channels
    of trains and platform brought to the order of one, `scaled` (…, CHANNELS_WIDTH)."""

    trains: Any
    forecasts: Any
    scaled: Any


class TrainsAtLead(NamedTuple):
    """The previous, current and next train at each lead: the `headway` of each, whether it `exists` and the `probability`
    that the platform holds it, each (…, leads, TRAINS_AT_LEAD), and their `features` (…, leads, TRAINS_AT_LEAD ×
    (TRAIN_CHANNELS + 3)), of the order of one."""

    headway: Any
    exists: Any
    probability: Any
    features: Any


def split_prior(prior: Any, leads: int) -> PriorParts:
    """Take prior_in (…, `prior_width(leads)`) apart."""
    _, stations, directions, _ = ops.shape(prior)
    cells = (-1, stations, directions)
    trains = ops.reshape(prior[..., :TRAINS_WIDTH], (*cells, NEXT_TRAINS, len(TRAIN_CHANNELS)))
    by_method = ops.reshape(prior[..., CHANNELS_WIDTH:], (*cells, len(FORECASTS), leads))
    scales = ops.convert_to_tensor(TRAIN_SCALES * NEXT_TRAINS + PLATFORM_SCALES, "float32")
    scaled = ops.minimum(prior[..., :CHANNELS_WIDTH], NEAR_MINS) / scales
    return PriorParts(trains, ops.transpose(by_method, (0, 1, 2, 4, 3)), scaled)


def minutes_until_arrival(trains: Any, leads: int) -> Any:
    """Return the minutes from the end of each lead's minute until each train arrives, below zero once it has passed:
    (…, leads, trains)."""
    return trains[..., None, :, ARRIVES_IN] - _lead_ends(leads)


def trains_at_leads(trains: Any, leads: int, held: Any, elapsed: Any, valid: Any) -> TrainsAtLead:
    """Return the trains at each lead; `held`, `elapsed` and `valid` (…, 1) describe the train that passed last."""
    in_order = _in_order(trains, held, elapsed, valid)
    headway, exists, passed, features = [], [], [], []
    for train in lead_trains(in_order, leads, ops, _select)[:TRAINS_AT_LEAD]:
        until = train[..., ARRIVES_IN : ARRIVES_IN + 1] - _lead_ends(leads)
        headway.append(train[..., HEADWAY : HEADWAY + 1])
        exists.append(train[..., HAS_HEADWAY : HAS_HEADWAY + 1])
        passed.append(_probability_passed(until, train))
        features += [_scaled(train), *_soft_steps(until), passed[-1]]
    # A train holds the platform when it has passed and the one after it has not; the train after the next is not looked at.
    probability = [ops.relu(own - following) for own, following in pairwise([*passed, 0.0])]
    return TrainsAtLead(
        *(ops.concatenate(part, axis=-1) for part in (headway, exists, probability, features))
    )


def lead_features(trains: Any, at_leads: TrainsAtLead, forecasts: Any) -> Any:
    """Return the features of each lead, of the order of one: (…, leads, LEAD_FEATURES_WIDTH); `forecasts` (…, leads,
    FORECASTS)."""
    until = minutes_until_arrival(trains, forecasts.shape[3])
    changes = ops.concatenate([forecasts[..., 1:], at_leads.headway], axis=-1) - forecasts[..., :1]
    exists = ops.concatenate([ops.ones_like(forecasts[..., 1:]), at_leads.exists], axis=-1)
    passed = _probability_passed(ops.expand_dims(until, -1), ops.expand_dims(trains, 3))
    return ops.concatenate(
        [
            ops.clip(until / CHANGE_SCALE, -2.0, 2.0),
            ops.squeeze(passed, -1),
            ops.sigmoid(-0.5 * until),
            at_leads.features,
            forecasts / FORECAST_SCALE,
            ops.clip(changes * exists / CHANGE_SCALE, -3.0, 3.0),
        ],
        axis=-1,
    )


def _lead_ends(leads: int) -> Any:
    return ops.arange(1, leads + 1, dtype="float32")[:, None]


def _in_order(trains: Any, held: Any, elapsed: Any, valid: Any) -> Any:
    """Return the trains as `lead_trains` takes them: of the train before the last one that passed nothing is known."""
    nothing = ops.zeros_like(trains[..., :1, :])
    last = ops.concatenate([-elapsed, held, valid, nothing[..., 0, 3:-1], valid], axis=-1)
    none = ops.concatenate([nothing[..., :1] + FAR_MINS, nothing[..., 1:]], axis=-1)
    return ops.concatenate([nothing, ops.expand_dims(last, -2), trains, none], axis=-2)


def _select(in_order: Any, index: Any) -> Any:
    # A product with one-hot rows is several times faster on CPUs than a gather along an axis.
    return ops.matmul(ops.one_hot(index, NEXT_TRAINS + 3, dtype="float32"), in_order)


def _scaled(train: Any) -> Any:
    """The channels of one train brought to the order of one, without its arrival: that is in `_soft_steps`."""
    return ops.minimum(train[..., 1:], NEAR_MINS) / ops.convert_to_tensor(TRAIN_SCALES[1:], "float32")


def _soft_steps(until: Any) -> tuple[Any, Any, Any]:
    """The minutes until a train arrives as steps around zero: a sharp one, a less sharp one and a wide one."""
    return ops.tanh(until), ops.tanh(until / 3.0), ops.clip(until / FORECAST_SCALE, -2.0, 2.0)


def _probability_passed(until: Any, train: Any) -> Any:
    """The probability that trains have passed by the lead's end: from when they are expected (…, 1), how far that may be
    off, and the probability that they arrive at all."""
    earlier, later = train[..., EARLIER_BY : EARLIER_BY + 1], train[..., LATER_BY : LATER_BY + 1]
    spread = ops.where(until > 0, earlier, later)
    in_time = ops.sigmoid(-TAIL_LOGIT * until / ops.maximum(spread, MIN_SPREAD_MINS))
    return train[..., ARRIVAL_PROBABILITY : ARRIVAL_PROBABILITY + 1] * in_time
