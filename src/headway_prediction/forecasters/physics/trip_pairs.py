"""Which rows of minutes are the same trip: how far apart any two lie, and the pairs that lie nearest."""

import numpy as np

from headway_prediction.forecasters.physics.medians import median_or_nan

FAR_APART_MINS = 30.0
"""Trips that are nowhere as near as this are not compared."""
OTHER_ORIGIN_MINS = 1.0
"""What starting at another station counts as, in minutes of misfit."""


def misfits(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the median distance in minutes over the positions that both pass: (rows, others).

    Trips that share no position, or lie 30 minutes apart everywhere, are infinitely far apart.
    """
    found = np.full((len(rows), len(others)), np.inf)
    row, other = np.nonzero((np.abs(rows[:, None] - others[None]) <= FAR_APART_MINS).any(axis=2))
    # No median lies below all distances: what is nowhere near needs none.
    distance = median_or_nan(np.abs(rows[row] - others[other]), axis=1)
    first_rows, first_others = (np.argmax(np.isfinite(part), axis=1) for part in (rows, others))
    found[row, other] = distance + OTHER_ORIGIN_MINS * (first_rows[row] != first_others[other])
    return found


def nearest_pairs(misfits: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Pair rows with columns, smallest misfit first, none above `limit`, each row and column at most once."""
    near = np.argwhere(misfits <= limit)
    near = near[np.argsort(misfits[near[:, 0], near[:, 1]], kind="stable")]
    rows, columns, pairs = set(), set(), []
    for row, column in near.tolist():
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs
