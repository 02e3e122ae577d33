"""What the network is told of each lead: which trains are around then, and what simple methods forecast.

Tensors have the shape (batch, stations, directions, …) and face the travel; minutes unless said otherwise. The trains around
a lead are those that, when all pass as expected, have passed the platform last by the end of its minute (`holder`), before
that one (`before`) and next after it (`following`). Nothing here has weights.
"""

from itertools import pairwise
from typing import NamedTuple

from keras import ops

from headway_prediction.nn.prior_channels import (
    ARRIVES_IN,
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    NEXT_TRAINS,
    PRIOR_LEADS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
)

TRAIN_SCALES = (15.0, 15.0, 1.0, 1.0, 15.0, 10.0, 5.0, 5.0, 1.0, 3.0, 3.0, 1.0)
PLATFORM_SCALES = (4.0, 4.0, 15.0, 1.0)
"""What brings each channel of the first guess to the order of one."""
FORECAST_SCALE, CHANGE_SCALE = 15.0, 5.0
NEAR_MINS = 30.0
"""Beyond this it does not matter how far away a train is."""
MIN_SPREAD_MINS = 0.2
"""Nobody knows better than this when a train arrives."""
TAIL_LOGIT = 2.2
"""The logit of 0.9: nine trains in ten have passed by their latest arrival (TAIL of `forecasters.arrival_corrections`)."""
HEADWAY, HAS_HEADWAY, EARLIER, LATER, COMES = (
    TRAIN_CHANNELS.index(name)
    for name in ("headway", "has_headway", "earlier_by", "later_by", "arrival_probability")
)
TRAINS_AT_LEAD = 3
LEAD_FEATURES_WIDTH = (
    3 * NEXT_TRAINS + TRAINS_AT_LEAD * (len(TRAIN_CHANNELS) + 3) + 2 * len(FORECASTS) + TRAINS_AT_LEAD - 1
)
"""Without the lead itself."""


class PriorParts(NamedTuple):
    """The parts of guess_in: `trains` (…, NEXT_TRAINS, TRAIN_CHANNELS), `forecasts` (…, GUESS_LEADS, FORECASTS), and the
    channels of trains and platform brought to the order of one, `known` (…, CHANNELS_WIDTH)."""

    trains: object
    forecasts: object
    known: object


class TrainsAtLead(NamedTuple):
    """The trains before, holding and following at each lead: `headway`, whether it `exists` and how likely it is the one
    that `holds`, each (…, leads, AROUND), and `facts` (…, leads, AROUND × (TRAIN_CHANNELS + 3)) of the order of one."""

    headway: object
    exists: object
    holds: object
    facts: object


def split_prior(prior) -> PriorParts:
    """Take guess_in (…, GUESS_WIDTH) apart."""
    _, stations, directions, _ = ops.shape(prior)
    cells = (-1, stations, directions)
    trains = ops.reshape(prior[..., :TRAINS_WIDTH], (*cells, NEXT_TRAINS, len(TRAIN_CHANNELS)))
    by_method = ops.reshape(prior[..., CHANNELS_WIDTH:], (*cells, len(FORECASTS), PRIOR_LEADS))
    units = ops.convert_to_tensor(TRAIN_SCALES * NEXT_TRAINS + PLATFORM_SCALES, "float32")
    known = ops.minimum(prior[..., :CHANNELS_WIDTH], NEAR_MINS) / units
    return PriorParts(trains, ops.transpose(by_method, (0, 1, 2, 4, 3)), known)


def minutes_until_arrival(trains, leads: int):
    """Return the minutes from the end of each lead's minute until each train arrives, below zero once it has:
    (…, leads, trains)."""
    ends = ops.reshape(ops.arange(1, leads + 1, dtype="float32"), (1, 1, 1, -1, 1))
    return ops.expand_dims(trains[..., ARRIVES_IN], 3) - ends


def trains_at_leads(trains, to_come, held, elapsed, valid) -> TrainsAtLead:
    """Choose by lead among the train that passed last, the next ones and none; `held`, `elapsed` and `valid` (…, 1)."""
    in_turn = _in_turn(trains, held, elapsed, valid)
    leads = to_come.shape[3]
    count = ops.sum(ops.cast(to_come < 0, "float32"), axis=-1, keepdims=True)
    ends = ops.reshape(ops.arange(1, leads + 1, dtype="float32"), (1, 1, 1, -1, 1))
    place = ops.reshape(ops.arange(NEXT_TRAINS + 2, dtype="float32"), (1, 1, 1, 1, -1))
    headway, exists, passed_by, facts = [], [], [], []
    for step in range(-1, TRAINS_AT_LEAD - 1):
        chosen = ops.matmul(ops.cast(ops.abs(place - count - step) < 0.5, "float32"), in_turn)
        headway.append(chosen[..., HEADWAY : HEADWAY + 1])
        exists.append(chosen[..., HAS_HEADWAY : HAS_HEADWAY + 1])
        to_arrive = chosen[..., :1] - ends
        passed_by.append(_chance_passed(to_arrive, chosen))
        facts += [_near(chosen), *_steps_in_time(to_arrive), passed_by[-1]]
    # A train holds when it has passed and the next one has not; of the train after the following one nothing is told.
    holds = [ops.relu(passed - next_passed) for passed, next_passed in pairwise([*passed_by, 0.0])]
    return TrainsAtLead(*(ops.concatenate(part, axis=-1) for part in (headway, exists, holds, facts)))


def lead_features_of(trains, to_come, around: TrainsAtLead, forecasts):
    """Return what is told of each lead, of the order of one: (…, leads, FACTS_WIDTH); `forecasts` (…, leads, FORECASTS)."""
    changes = ops.concatenate([forecasts[..., 1:], around.headway], axis=-1) - forecasts[..., :1]
    exists = ops.concatenate([ops.ones_like(forecasts[..., 1:]), around.exists], axis=-1)
    return ops.concatenate(
        [
            ops.clip(to_come / CHANGE_SCALE, -2.0, 2.0),
            ops.squeeze(_chance_passed(ops.expand_dims(to_come, -1), ops.expand_dims(trains, 3)), -1),
            ops.sigmoid(-0.5 * to_come),
            around.facts,
            forecasts / FORECAST_SCALE,
            ops.clip(changes * exists / CHANGE_SCALE, -3.0, 3.0),
        ],
        axis=-1,
    )


def _in_turn(trains, held, elapsed, valid):
    """TRAIN_CHANNELS of the train that passed last, of the next ones, and of none: (…, NEXT_TRAINS + 2, TRAIN_CHANNELS)."""
    nothing = ops.zeros_like(trains[..., :1, :])
    last = ops.concatenate([-elapsed, held, valid, nothing[..., 0, 3:-1], valid], axis=-1)
    none = ops.concatenate([nothing[..., :1] + FAR_MINS, nothing[..., 1:]], axis=-1)
    return ops.concatenate([ops.expand_dims(last, -2), trains, none], axis=-2)


def _near(train):
    """The channels of one train brought to the order of one; when it arrives is told by `_steps_in_time`."""
    return ops.minimum(train[..., 1:], NEAR_MINS) / ops.convert_to_tensor(TRAIN_SCALES[1:], "float32")


def _steps_in_time(to_come):
    """When a train arrives, from the lead's end: sharply around zero, less so, and from afar."""
    return ops.tanh(to_come), ops.tanh(to_come / 3.0), ops.clip(to_come / FORECAST_SCALE, -2.0, 2.0)


def _chance_passed(to_come, train):
    """How likely trains have passed by the lead's end: from when they are expected (…, 1), how far that may be wrong, and
    how likely they come at all."""
    spread = ops.where(to_come > 0, train[..., EARLIER : EARLIER + 1], train[..., LATER : LATER + 1])
    in_time = ops.sigmoid(-TAIL_LOGIT * to_come / ops.maximum(spread, MIN_SPREAD_MINS))
    return train[..., COMES : COMES + 1] * in_time
