"""Learning from training days how trains run behind one another."""

from dataclasses import replace

import numpy as np

from headway_prediction.forecasters.physics.sections import Sections
from headway_prediction.forecasters.physics.train_following import MAX_HEADWAY_EXCESS_MINS, TrainFollowing

MIN_HEADWAY_QUANTILE = 0.01
"""Closer to one another than this share of the trains came, none is expected (chosen on days of dublin-dart)."""
FREE_HEADWAYS = 2.0
"""A train at so many least headways behind another is not held by it."""
MIN_RUNS, STANDARD_ERRORS = 30, 3.0
"""How many runs must have been seen, and how many standard errors a growth must have, to be believed."""
MAX_DWELL_GROWTH = 0.3
MAX_SPREADS = 3.0
IQR_TO_STANDARD_DEVIATION = 0.7413
"""The standard deviation of a normal distribution, in distances between its quartiles."""
PACE_SHRINKAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SECTIONS_AHEAD = 8
MAX_ERROR_SHARE = 0.98
"""A pace is believed when it leaves less than this share of the squared error of the sections ahead."""


def fit_train_following(sections: Sections) -> TrainFollowing:
    """Learn all that trains of training days show: distances, growth and pace."""
    positions = sections.headways.shape[1]
    min_headway = np.array([_min_headway(sections.headways[:, position]) for position in range(positions)])
    max_slowness = MAX_SPREADS * _spread(sections.run_mins - sections.typical)
    free = sections.headways > FREE_HEADWAYS * min_headway
    dwell_growth, dwell_offset = np.zeros(positions), np.zeros(positions)
    for position in range(positions - 1):
        at = free[:, position]
        off = (sections.run_mins - sections.typical)[at, position]
        dwell_growth[position], dwell_offset[position] = _fit_dwell_growth(
            sections.headway_excess[at, position], off, max_slowness
        )
    known = TrainFollowing(dwell_growth, dwell_offset, min_headway, max_slowness=max_slowness)
    slowness = np.where(free[:, 1:], known.slowness(sections), np.nan)
    return replace(known, pace_shrinkage=_best_pace_shrinkage(known, slowness, sections.typical))


def _min_headway(headways: np.ndarray) -> float:
    known = headways[np.isfinite(headways)]
    return float(np.quantile(known, MIN_HEADWAY_QUANTILE)) if len(known) >= MIN_RUNS else 0.0


def _spread(minutes: np.ndarray) -> float:
    """Standard deviation without the tails."""
    known = minutes[np.isfinite(minutes)]
    return (
        float(IQR_TO_STANDARD_DEVIATION * np.subtract(*np.quantile(known, [0.75, 0.25])))
        if len(known)
        else 0.0
    )


def _fit_dwell_growth(
    headway_excess: np.ndarray, off: np.ndarray, max_slowness: float
) -> tuple[float, float]:
    """Slope of the minutes off against those beyond usual, and the minutes off at usual; zeros where it may be chance."""
    known = np.isfinite(headway_excess) & np.isfinite(off)
    if known.sum() < MIN_RUNS:
        return 0.0, 0.0
    x = np.clip(headway_excess[known], -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
    middle = np.median(off[known])
    y = middle + np.clip(off[known] - middle, -max_slowness, max_slowness)
    from_mean = x - x.mean()
    weight = max(float((from_mean**2).sum()), 1.0)
    slope = float((from_mean * y).sum() / weight)
    error = (y - y.mean() - slope * from_mean).std() / np.sqrt(weight)
    if abs(slope) <= STANDARD_ERRORS * error:
        return 0.0, 0.0
    slope = float(np.clip(slope, -MAX_DWELL_GROWTH, MAX_DWELL_GROWTH))
    return slope, float(y.mean() - slope * x.mean())


def _best_pace_shrinkage(known: TrainFollowing, slowness: np.ndarray, typical: np.ndarray) -> float:
    """After how many sections a pace is half believed when the next sections are told best; infinite where none is."""
    told = {trust: replace(known, pace_shrinkage=trust) for trust in (*PACE_SHRINKAGES, np.inf)}
    errors = dict.fromkeys(told, 0.0)
    observed, places = np.isfinite(slowness), np.arange(slowness.shape[1])
    for at in range(1, slowness.shape[1]):
        ahead = observed & (places >= at) & (places < at + SECTIONS_AHEAD)
        coming, length = (np.where(ahead, part, 0.0).sum(axis=1) for part in (slowness, typical))
        for trust, train_following in told.items():
            pace = train_following.pace(slowness, typical, places < at)
            errors[trust] += float(((coming - pace * length) ** 2).sum())
    best = min(PACE_SHRINKAGES, key=errors.get)
    return best if errors[best] < MAX_ERROR_SHARE * errors[np.inf] else np.inf
