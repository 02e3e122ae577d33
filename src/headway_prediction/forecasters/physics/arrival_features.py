"""What is known of each train that is expected at a platform, as rows of numbers: what `arrival_corrections` learns from.

A row is one train at one position ahead of it. It tells of the train itself, of the train that is expected to pass that
position before it, of how far away both are, of how slow trains lately were on the way there, and of the hour; all of it
known at the origin, and of the order of one.
"""

from dataclasses import dataclass

import numpy as np

from headway_prediction.forecasters.physics.expected_trains import (
    TRAIN_FEATURES,
    DirectionDay,
    ExpectedTrains,
)

NEAR_SECTIONS = (2, 5)
"""How slow a train was over so many of its last sections."""
TRAIN_FEATURE_COUNT = 7 + len(NEAR_SECTIONS)
ARRIVAL_FEATURE_COUNT = 2 * TRAIN_FEATURE_COUNT + 14
MAX_AHEAD_MINS = 25.0
"""Trains farther away are told apart no more: nothing is learned beyond."""
MAX_GAP_MINS = 30.0
RECENT_MINS, RECENCY_DECAY_MINS, RECENCY_PRIOR_WEIGHT = 30, 12.0, 0.3
"""Runs over a section in so many minutes tell of the next one, the older the less; with this weight that it is as usual."""
MAX_SLOW_MINS = 3.0
DAY_MINS = 1440


@dataclass(frozen=True)
class ArrivalFeatures:
    """One row per train and position where it is expected to pass, position by position in the order of passing: `rows`
    (rows, ARRIVAL_FACTS), the `train` (its row in Expected), the `position`, the position where it was `observed` last (−1
    before it has left) and the expected `minutes`, each (rows,)."""

    rows: np.ndarray
    train: np.ndarray
    position: np.ndarray
    observed: np.ndarray
    minutes: np.ndarray


def arrival_features(day: DirectionDay, expected: ExpectedTrains, t0: int) -> ArrivalFeatures:
    """Return what is known at the end of minute t0 of the trains that `day` expects then."""
    in_turn = np.argsort(expected.minutes, axis=0, kind="stable")
    ordered = np.take_along_axis(expected.minutes, in_turn, axis=0)
    rank, position = np.nonzero(np.isfinite(ordered))
    train, minutes = in_turn[rank, position], ordered[rank, position]
    first = rank == 0
    previous = in_turn[np.maximum(rank - 1, 0), position]
    passed = np.where(first, day.last_observed(t0)[position], ordered[np.maximum(rank - 1, 0), position])
    slow = _recent_delay(day, t0)
    own, observed = (
        _of_trains(day, expected, t0),
        expected.features[:, TRAIN_FEATURES.index("position")].astype(int),
    )
    of_before = np.where(first[:, None], 0.0, own[previous])
    way_of_before = np.where(first, 0.0, position - observed[previous])
    rows = [
        own[train],
        of_before,
        _distances(minutes - (t0 + 1), position - observed[train]),
        np.stack([first, way_of_before / 10], axis=-1),
        slow[position] - slow[np.maximum(observed[train], 0)],
        _gaps(minutes - passed),
        np.broadcast_to(_hour(t0), (len(rank), 2)),
    ]
    return ArrivalFeatures(
        np.concatenate(rows, axis=-1).astype(np.float32), train, position, observed[train], minutes
    )


def _of_trains(day: DirectionDay, expected: ExpectedTrains, t0: int) -> np.ndarray:
    """What is known of each expected train wherever it goes: (trains, TRAIN_FACTS)."""
    under_way, since_seen, position, overdue, late, on_trip = expected.features.T
    slow = _delay_so_far(day, expected.rows, t0)
    at, each = np.maximum(position.astype(int), 0), np.arange(len(slow))
    over = [slow[each, at] - slow[each, np.maximum(at - sections, 0)] for sections in NEAR_SECTIONS]
    columns = [
        under_way,
        since_seen.clip(-20.0, 20.0) / 5,
        overdue.clip(0.0, 3.0),
        np.tanh(late / 2),
        late.clip(-10.0, 30.0) / 5,
        on_trip,
        slow[each, at].clip(-15.0, 15.0) / 4,
        *(minutes.clip(-8.0, 8.0) / 2 for minutes in over),
    ]
    return np.stack(columns, axis=-1)


def _delay_so_far(day: DirectionDay, rows: np.ndarray, t0: int) -> np.ndarray:
    """Minutes that each train ran longer than it was to, up to each position; none where unknown: (trains, positions)."""
    left = rows >= 0
    longer = np.zeros((len(rows), day.trains.minutes.shape[1]))
    took_longer = (day.sections.run_mins - day.sections.typical)[rows[left]]
    known = (day.trains.minutes[rows[left], 1:] < t0 + 1) & np.isfinite(took_longer)
    longer[left, 1:] = np.where(known, took_longer, 0.0)
    return np.cumsum(longer, axis=1)


def _recent_delay(day: DirectionDay, t0: int) -> np.ndarray:
    """Minutes that trains ran longer than they were to, summed from the first position on, by the last train of each section
    and by the mean of those of the last half hour: (positions, 2)."""
    since = t0 + 1 - day.trains.minutes[:, 1:]
    longer = (day.sections.run_mins - day.sections.typical).clip(-MAX_SLOW_MINS, MAX_SLOW_MINS)
    lately = (since > 0) & (since < RECENT_MINS) & np.isfinite(longer)
    weight = np.where(lately, np.exp(-since / RECENCY_DECAY_MINS), 0.0)
    longer = np.where(lately, longer, 0.0)
    last = np.where(weight == weight.max(axis=0, initial=np.finfo(float).tiny), longer, 0.0).sum(axis=0)
    mean = (weight * longer).sum(axis=0) / (weight.sum(axis=0) + RECENCY_PRIOR_WEIGHT)
    return np.pad(np.cumsum(np.stack([last, mean], axis=-1), axis=0), ((1, 0), (0, 0)))


def _distances(ahead: np.ndarray, stations: np.ndarray) -> np.ndarray:
    near = np.clip(ahead, 0.0, MAX_AHEAD_MINS)
    return np.stack([near / 10, np.sqrt(near), np.exp(-near), stations / 10, stations == 1], axis=-1)


def _gaps(gap: np.ndarray) -> np.ndarray:
    """Minutes behind the train before, and whether there is one."""
    known = np.isfinite(gap)
    near = np.where(known, gap, 0.0).clip(0.0, MAX_GAP_MINS)
    return np.stack([near / 10, 1 / (1 + near), known], axis=-1)


def _hour(t0: int) -> tuple[float, float]:
    turn = 2 * np.pi * t0 / DAY_MINS
    return np.sin(turn), np.cos(turn)
