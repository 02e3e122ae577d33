"""Arrival residuals: a small network that corrects the expected arrival of each train, with its spread and probability.

The physics prior moves every train by rule. This network learns from training days how the rules err: how late trains catch
up, how long an overdue train still takes, what the previous train does to it. Headways follow from single trains, and there
are more arrivals to learn from than grid cells. Applied with NumPy alone; `training.arrival_residuals` fits it.

Its inputs (`arrival_features`) have one row per expected train and position ahead of it. They describe the train, the train
expected there before it, how far away both are, how slow trains lately were on the way, and the hour; all are known at the
origin and of the order of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from headway_prediction.forecasters.physics.dead_reckoning import Origin
from headway_prediction.forecasters.physics.expected_trains import (
    TRAIN_FEATURES,
    DirectionDay,
    ExpectedTrains,
)
from headway_prediction.transit.line import DIRECTIONS

NEAR_SECTIONS = (2, 5)
"""Delay is measured over these numbers of a train's last sections."""
TRAIN_FEATURE_COUNT = 7 + len(NEAR_SECTIONS)
ARRIVAL_FEATURE_COUNT = 2 * TRAIN_FEATURE_COUNT + 14
MAX_AHEAD_MINS = 25.0
"""Distances in time are clipped to this; nothing is learned beyond."""
MAX_GAP_MINS = 30.0
RECENT_MINS = 30
RECENCY_DECAY_MINS = 12.0
RECENCY_PRIOR_WEIGHT = 0.3
"""Recent delay of a section: runs of the last RECENT_MINS, decaying, shrunk to 0 with this weight."""
MAX_SLOW_MINS = 3.0
DAY_MINS = 1440
TAIL = 0.1
"""Share of trains earlier than `ArrivalTimes.earliest`, and of those later than `latest`."""
MIN_ARRIVAL_PROBABILITY = 0.5
"""A train less likely to pass is not expected."""
DEFAULT_SPREAD_MINS = 1.5
"""How much earlier and later a train may pass where no residuals were fitted."""


@dataclass(frozen=True)
class ArrivalFeatures:
    """One row per train and position where it is expected, position by position, in the order of passing.

    `rows` (rows, ARRIVAL_FEATURE_COUNT). `place` is the index of each row in `ExpectedTrains.minutes`: its train and
    position, after its origin where there are several. The last `observed` position (−1 before departure) and the expected
    `minutes` have shape (rows,).
    """

    rows: np.ndarray
    place: tuple[np.ndarray, ...]
    observed: np.ndarray
    minutes: np.ndarray

    @property
    def position(self) -> np.ndarray:
        """The position of each row: (rows,)."""
        return self.place[-1]


def arrival_features(day: DirectionDay, expected: ExpectedTrains, t0: Origin) -> ArrivalFeatures:
    """Return the features of the trains `expected` at the end of minute t0, origin by origin."""
    in_order = np.argsort(expected.minutes, axis=-2, kind="stable")
    ordered = np.take_along_axis(expected.minutes, in_order, axis=-2)
    *own, rank, position = np.nonzero(np.isfinite(ordered))
    origin, first, ahead = tuple(own), rank == 0, np.maximum(rank - 1, 0)
    train, minutes = in_order[*origin, rank, position], ordered[*origin, rank, position]
    previous = in_order[*origin, ahead, position]
    last_observed = day.matched.last_observed(t0)[*origin, position]
    passed = np.where(first, last_observed, ordered[*origin, ahead, position])
    delay, of_trains = _recent_delay(day, t0), _train_features(day, expected, t0)
    last_positions = expected.features[..., TRAIN_FEATURES.index("position")].astype(int)
    observed = last_positions[*origin, train]
    of_previous = np.where(first[:, None], 0.0, of_trains[*origin, previous])
    previous_stations_away = np.where(first, 0.0, position - last_positions[*origin, previous])
    now = np.broadcast_to(np.asarray(t0)[origin] + 1, rank.shape)
    rows = [
        of_trains[*origin, train],
        of_previous,
        _distances(minutes - now, position - observed),
        np.stack([first, previous_stations_away / 10], axis=-1),
        delay[*origin, position] - delay[*origin, np.maximum(observed, 0)],
        _gaps(minutes - passed),
        _hour(now - 1),
    ]
    features = np.concatenate(rows, axis=-1).astype(np.float32)
    return ArrivalFeatures(features, (*origin, train, position), observed, minutes)


def _train_features(day: DirectionDay, expected: ExpectedTrains, t0: Origin) -> np.ndarray:
    """Features of each expected train, the same at all positions: (…, trains, TRAIN_FEATURE_COUNT)."""
    under_way, since_observed, position, overdue, late, on_trip = np.moveaxis(expected.features, -1, 0)
    delay = _delay_so_far(day, expected.rows, t0)
    at = np.maximum(position.astype(int), 0)[..., None]
    here = np.take_along_axis(delay, at, axis=-1)[..., 0]
    lately = [
        here - np.take_along_axis(delay, np.maximum(at - sections, 0), axis=-1)[..., 0]
        for sections in NEAR_SECTIONS
    ]
    columns = [
        under_way,
        since_observed.clip(-20.0, 20.0) / 5,
        overdue.clip(0.0, 3.0),
        np.tanh(late / 2),
        late.clip(-10.0, 30.0) / 5,
        on_trip,
        here.clip(-15.0, 15.0) / 4,
        *(minutes.clip(-8.0, 8.0) / 2 for minutes in lately),
    ]
    return np.stack(columns, axis=-1)


def _delay_so_far(day: DirectionDay, rows: np.ndarray, t0: Origin) -> np.ndarray:
    """Minutes that each train ran longer than expected up to each position, 0 where unknown: (…, trains, positions)."""
    minutes, sections = day.matched.trains.minutes, day.matched.sections
    longer = np.zeros((*rows.shape, minutes.shape[1]))
    if not len(minutes):
        return longer
    excess, now = (sections.run_mins - sections.typical)[rows], np.asarray(t0)[..., None, None] + 1
    known = (rows >= 0)[..., None] & (minutes[rows, 1:] < now) & np.isfinite(excess)
    longer[..., 1:] = np.where(known, excess, 0.0)
    return np.cumsum(longer, axis=-1)


def _recent_delay(day: DirectionDay, t0: Origin) -> np.ndarray:
    """Minutes that trains lately ran longer than expected, cumulated from the first position: (…, positions, 2).

    Column 0 takes the last train of each section, column 1 the weighted mean of the last RECENT_MINS.
    """
    recently = day.matched.seen_between(np.min(t0) + 1 - RECENT_MINS, np.max(t0) + 1)
    sections = day.matched.sections
    since = np.asarray(t0)[..., None, None] + 1 - day.matched.trains.minutes[recently, 1:]
    longer = (sections.run_mins - sections.typical)[recently].clip(-MAX_SLOW_MINS, MAX_SLOW_MINS)
    recent = (since > 0) & (since < RECENT_MINS) & np.isfinite(longer)
    weight = np.where(recent, np.exp(-since / RECENCY_DECAY_MINS), 0.0)
    longer = np.where(recent, longer, 0.0)
    newest = weight == weight.max(axis=-2, initial=np.finfo(float).tiny, keepdims=True)
    last = np.where(newest, longer, 0.0).sum(axis=-2)
    mean = (weight * longer).sum(axis=-2) / (weight.sum(axis=-2) + RECENCY_PRIOR_WEIGHT)
    delay = np.zeros((*last.shape[:-1], last.shape[-1] + 1, 2))
    delay[..., 1:, :] = np.cumsum(np.stack([last, mean], axis=-1), axis=-2)
    return delay


def _distances(ahead: np.ndarray, stations: np.ndarray) -> np.ndarray:
    near = np.clip(ahead, 0.0, MAX_AHEAD_MINS)
    return np.stack([near / 10, np.sqrt(near), np.exp(-near), stations / 10, stations == 1], axis=-1)


def _gaps(gap: np.ndarray) -> np.ndarray:
    """Features of the minutes behind the previous train, NaN where there is none: (rows, 3)."""
    known = np.isfinite(gap)
    near = np.where(known, gap, 0.0).clip(0.0, MAX_GAP_MINS)
    return np.stack([near / 10, 1 / (1 + near), known], axis=-1)


def _hour(minutes: np.ndarray) -> np.ndarray:
    turn = 2 * np.pi * minutes / DAY_MINS
    return np.stack([np.sin(turn), np.cos(turn)], axis=-1)


class ArrivalTimes(NamedTuple):
    """Expected arrivals, each (…, trains, positions): median `minutes` (infinite where a train will not pass), `earliest`
    and `latest` (a share TAIL lies beyond each), and the `arrival_probability`."""

    minutes: np.ndarray
    earliest: np.ndarray
    latest: np.ndarray
    arrival_probability: np.ndarray


class PredictedResiduals(NamedTuple):
    """Minutes `late` against the expectation (rows,), `spread` earlier and later than that (rows, 2), probability that the
    train `comes` (rows,)."""

    late: np.ndarray
    spread: np.ndarray
    comes: np.ndarray


@dataclass(frozen=True)
class ArrivalResiduals:
    """A fitted multilayer perceptron; `positions` is the length of the line's longer direction.

    `layers` holds weights (inputs, outputs) and biases (outputs,), with a rectifier after all but the last; no layers leave
    arrivals as expected. The four outputs: minutes late; two values whose softplus is the spread earlier and later; the
    logit of the arrival probability.
    """

    positions: int
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def none(cls) -> Self:
        """Return residuals that leave arrivals as expected."""
        return cls(0, ())

    def times(self, day: DirectionDay, direction: int, expected: ExpectedTrains, t0: Origin) -> ArrivalTimes:
        """Return the corrected arrivals, none before the end of minute t0, none below MIN_ARRIVAL_PROBABILITY."""
        now = np.asarray(t0)[..., None, None] + 1
        minutes, shape = expected.minutes.copy(), expected.minutes.shape
        spread, probability = np.full((*shape, 2), DEFAULT_SPREAD_MINS), np.ones(shape)
        if self.layers:
            features = arrival_features(day, expected, t0)
            predicted = self._predict_by_origin(features, direction, np.size(t0))
            minutes[features.place] = features.minutes + predicted.late
            spread[features.place], probability[features.place] = predicted.spread, predicted.comes
        minutes[probability < MIN_ARRIVAL_PROBABILITY] = np.inf
        middle, earliest, latest = (
            np.maximum(part, now) for part in (minutes, minutes - spread[..., 0], minutes + spread[..., 1])
        )
        return ArrivalTimes(middle, earliest, latest, probability)

    def _predict_by_origin(
        self, features: ArrivalFeatures, direction: int, origins: int
    ) -> PredictedResiduals:
        """Run the network on the rows of each origin apart: the bits of a matrix product depend on its number of rows."""
        inputs = arrival_inputs(features, direction, self.positions)
        ends = np.searchsorted(features.place[0], np.arange(1, origins))
        parts = [self.predict(rows) for rows in np.split(inputs, ends)]
        return PredictedResiduals(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def predict(self, inputs: np.ndarray) -> PredictedResiduals:
        """Run the network on rows of `arrival_inputs`."""
        hidden = inputs
        for weights, biases in self.layers[:-1]:
            hidden = np.maximum(hidden @ weights + biases, 0.0)
        weights, biases = self.layers[-1]
        outputs = hidden @ weights + biases
        spread, comes = np.logaddexp(0.0, outputs[:, 1:3]), np.exp(-np.logaddexp(0.0, -outputs[:, 3]))
        return PredictedResiduals(outputs[:, 0], spread, comes)

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitted network as named arrays."""
        state = {"positions": np.array(self.positions)}
        for number, (weights, biases) in enumerate(self.layers):
            state |= {f"weights_{number}": weights, f"biases_{number}": biases}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        layers = (len(state) - 1) // 2
        parts = ((state[f"weights_{number}"], state[f"biases_{number}"]) for number in range(layers))
        return cls(int(state["positions"]), tuple(parts))


def inputs_width(positions: int) -> int:
    """Return the number of columns of `arrival_inputs` on a line of `positions` positions."""
    return ARRIVAL_FEATURE_COUNT + len(DIRECTIONS) * (2 * positions + 1)


def arrival_inputs(features: ArrivalFeatures, direction: int, positions: int) -> np.ndarray:
    """Return the features with one-hot position ahead and last observed position, by direction: (rows, inputs_width)."""
    ahead = _one_hot(positions * direction + features.position, len(DIRECTIONS) * positions)
    observed = _one_hot(
        (positions + 1) * direction + 1 + features.observed, len(DIRECTIONS) * (positions + 1)
    )
    return np.concatenate([features.rows, ahead, observed], axis=-1)


def _one_hot(indices: np.ndarray, count: int) -> np.ndarray:
    rows: np.ndarray = np.eye(count, dtype=np.float32)[indices]
    return rows
