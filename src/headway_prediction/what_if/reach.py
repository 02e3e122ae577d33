"""Where a change can be felt: from when on the first train that it touches can pass a platform, and nowhere before."""

import numpy as np

from headway_prediction.what_if.monte_carlo import UpcomingTrains

FASTEST = 0.9
EARLY_MINS = 1.0
"""No train runs in less than this share of the time that it is expected to take from its first platform on, nor leaves that
one by more minutes early than this."""


def first_reached(baseline: UpcomingTrains, changed: UpcomingTrains, now: float) -> np.ndarray:
    """Return from which minute on each position can be reached by the difference of two plans, infinite if never."""
    touched = [*_not_in(baseline, changed), *_not_in(changed, baseline)]
    earliest = [_earliest(minutes, now) for minutes in touched]
    return np.min([np.full(baseline.minutes.shape[1], np.inf), *earliest], axis=0)


def reached(first: np.ndarray, now: int, leads: int) -> np.ndarray:
    """Return whether a headway held at the end of each minute from `now` on can be another: (leads, positions)."""
    return first[None] < (now + 1 + np.arange(leads))[:, None]


def _not_in(one: UpcomingTrains, other: UpcomingTrains) -> list[np.ndarray]:
    """Minutes of the trains of one plan that are not the same in the other."""
    same = dict(zip(other.stream.tolist(), other.minutes, strict=True))
    return [
        minutes
        for stream, minutes in zip(one.stream.tolist(), one.minutes, strict=True)
        if stream not in same or not np.array_equal(minutes, same[stream])
    ]


def _earliest(minutes: np.ndarray, now: float) -> np.ndarray:
    expected = float(np.min(minutes, initial=np.inf))
    starts = max(expected - EARLY_MINS, now)
    return np.where(np.isfinite(minutes), starts + FASTEST * (minutes - expected), np.inf)
