"""Medians of what is known."""

import numpy as np


def median_or_nan(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the median along `axis` of what is not NaN, NaN where all is (many times faster than numpy.nanmedian)."""
    lines = np.moveaxis(values, axis, 0)
    # NaN sorts last, and one more of it is there to be taken where nothing else is.
    ordered = np.concatenate([np.sort(lines, axis=0), np.full((1, *lines.shape[1:]), np.nan, lines.dtype)])
    count = (~np.isnan(lines)).sum(axis=0)
    low, high = (
        np.take_along_axis(ordered, np.where(count > 0, index, -1)[None], axis=0)[0]
        for index in ((count - 1) // 2, count // 2)
    )
    return (low + high) / 2
