"""Learning from training days how trains run behind one another."""

from dataclasses import replace

import numpy as np

from headway_prediction.forecasters.physics.sections import Sections
from headway_prediction.forecasters.physics.train_following import MOST_BEYOND_USUAL_MINS, Following

LEAST_SHARE = 0.01
"""Closer to one another than this share of the trains came, none is expected (chosen on days of dublin-dart)."""
FREE = 2.0
"""A train at so many least headways behind another is not held by it."""
FEWEST_RUNS, STANDARD_ERRORS = 30, 3.0
"""How many runs must have been seen, and how many standard errors a growth must have, to be believed."""
MOST_GROWTH = 0.3
SPREADS_KEPT = 3.0
QUARTILES_TO_SPREAD = 0.7413
"""The standard deviation of a normal distribution, in distances between its quartiles."""
HALF_TRUSTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SECTIONS_AHEAD = 8
CLEARLY_BETTER = 0.98
"""A pace is believed when it leaves less than this share of the squared error of the sections ahead."""


def fit_following(sections: Sections) -> Following:
    """Learn all that trains of training days show: distances, growth and pace."""
    positions = sections.apart.shape[1]
    least = np.array([_least(sections.apart[:, position]) for position in range(positions)])
    most_off = SPREADS_KEPT * _spread(sections.took - sections.usual)
    free = sections.apart > FREE * least
    growth, offset = np.zeros(positions), np.zeros(positions)
    for position in range(positions - 1):
        at = free[:, position]
        off = (sections.took - sections.usual)[at, position]
        growth[position], offset[position] = _growth(sections.beyond[at, position], off, most_off)
    known = Following(growth, offset, least, most_off=most_off)
    slowness = np.where(free[:, 1:], known.slowness(sections), np.nan)
    return replace(known, half_trust=_half_trust(known, slowness, sections.usual))


def _least(apart: np.ndarray) -> float:
    known = apart[np.isfinite(apart)]
    return float(np.quantile(known, LEAST_SHARE)) if len(known) >= FEWEST_RUNS else 0.0


def _spread(minutes: np.ndarray) -> float:
    """Standard deviation without the tails."""
    known = minutes[np.isfinite(minutes)]
    return float(QUARTILES_TO_SPREAD * np.subtract(*np.quantile(known, [0.75, 0.25]))) if len(known) else 0.0


def _growth(beyond: np.ndarray, off: np.ndarray, most_off: float) -> tuple[float, float]:
    """Slope of the minutes off against those beyond usual, and the minutes off at usual; zeros where it may be chance."""
    known = np.isfinite(beyond) & np.isfinite(off)
    if known.sum() < FEWEST_RUNS:
        return 0.0, 0.0
    x = np.clip(beyond[known], -MOST_BEYOND_USUAL_MINS, MOST_BEYOND_USUAL_MINS)
    middle = np.median(off[known])
    y = middle + np.clip(off[known] - middle, -most_off, most_off)
    from_mean = x - x.mean()
    weight = max(float((from_mean**2).sum()), 1.0)
    slope = float((from_mean * y).sum() / weight)
    error = (y - y.mean() - slope * from_mean).std() / np.sqrt(weight)
    if abs(slope) <= STANDARD_ERRORS * error:
        return 0.0, 0.0
    slope = float(np.clip(slope, -MOST_GROWTH, MOST_GROWTH))
    return slope, float(y.mean() - slope * x.mean())


def _half_trust(known: Following, slowness: np.ndarray, usual: np.ndarray) -> float:
    """After how many sections a pace is half believed when the next sections are told best; infinite where none is."""
    told = {trust: replace(known, half_trust=trust) for trust in (*HALF_TRUSTS, np.inf)}
    errors = dict.fromkeys(told, 0.0)
    seen, places = np.isfinite(slowness), np.arange(slowness.shape[1])
    for at in range(1, slowness.shape[1]):
        ahead = seen & (places >= at) & (places < at + SECTIONS_AHEAD)
        coming, length = (np.where(ahead, part, 0.0).sum(axis=1) for part in (slowness, usual))
        for trust, following in told.items():
            pace = following.pace(slowness, usual, places < at)
            errors[trust] += float(((coming - pace * length) ** 2).sum())
    best = min(HALF_TRUSTS, key=errors.get)
    return best if errors[best] < CLEARLY_BETTER * errors[np.inf] else np.inf
