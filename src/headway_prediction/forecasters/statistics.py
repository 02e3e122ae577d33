"""Medians and quantiles that leave NaN out."""

from collections.abc import Sequence

import numpy as np


def median_or_nan(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the median along `axis` of the values that are not NaN, NaN where there are none.

    Many times faster than numpy.nanmedian.
    """
    lines = np.moveaxis(values, axis, 0)
    ordered = _sorted_before_nan(lines)
    count = (~np.isnan(lines)).sum(axis=0)
    low, high = (
        np.take_along_axis(ordered, np.where(count > 0, index, -1)[None], axis=0)[0]
        for index in ((count - 1) // 2, count // 2)
    )
    median: np.ndarray = (low + high) / 2
    return median


def quantiles_or_nan(values: np.ndarray, levels: Sequence[float], axis: int = 0) -> np.ndarray:
    """Return the quantiles (nearest rank) along `axis` of the values that are not NaN, NaN where there are none.

    The result has shape (levels, …).
    """
    ordered = _sorted_before_nan(np.moveaxis(values, axis, 0))
    count = (~np.isnan(ordered)).sum(axis=0)
    ranks = [np.where(count > 0, np.rint(level * (count - 1)).astype(np.int64), -1) for level in levels]
    return np.stack([np.take_along_axis(ordered, rank[None], axis=0)[0] for rank in ranks])


def _sorted_before_nan(lines: np.ndarray) -> np.ndarray:
    """Sort along the first axis, where NaN comes last, and append one row of NaN for lines without values."""
    return np.concatenate([np.sort(lines, axis=0), np.full((1, *lines.shape[1:]), np.nan, lines.dtype)])
