"""Is the line disturbed at an origin? Judged by what is known then, against the usual headways."""

import numpy as np
import xarray as xr

LOOKBACK_MINS = 30
MIN_DISTURBED_IRREGULARITY = 0.53
"""From this irregularity on bunching is frequent: level of service E (Transit Capacity and Quality of Service Manual, 2nd
ed., TCRP Report 100, 2003, part 3, headway adherence). Set by the manual, not fitted to any line."""
CONDITIONS = ("quiet", "disturbed", "unknown")


def irregularity(day: xr.Dataset, typical: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Return how uneven the headways of the whole line are at each origin: (origins,), NaN where nothing tells.

    It is the manual's coefficient of variation: the root mean square deviation from the usual headway over the mean usual
    headway, of the passings in the 30 minutes up to the end of minute t0 in both directions, and of the headways that are
    still open then where they already exceed the usual one: a line that stands still has no passings. `day` is one service
    date of the grid, `typical` in minutes (1620, stations, directions).
    """
    known = np.isfinite(typical) & day["valid"].values
    passed = known & day["arrived"].values
    with np.errstate(invalid="ignore"):
        waiting = known & (day["elapsed"].values > typical)
    recent = [np.cumsum(sums) for sums in _sums(day["headway"].values, typical, passed)]
    still_open = _sums(day["elapsed"].values, typical, waiting)
    before = np.maximum(origins - LOOKBACK_MINS, -1)
    squares, expected, count = (
        np.append(past, 0.0)[origins] - np.append(past, 0.0)[before] + now[origins]
        for past, now in zip(recent, still_open, strict=True)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(squares / count) / (expected / count)


def _sums(headways: np.ndarray, typical: np.ndarray, cells: np.ndarray) -> list[np.ndarray]:
    """Squared deviations, usual headways and number of the cells, summed per minute: (1620,) each."""
    parts = ((headways - typical) ** 2, typical, np.ones_like(typical))
    return [np.where(cells, part, 0.0).sum(axis=(1, 2), dtype=np.float64) for part in parts]


def condition_of(irregularities: np.ndarray) -> np.ndarray:
    """Return the index in CONDITIONS of each irregularity."""
    known = np.where(
        irregularities >= MIN_DISTURBED_IRREGULARITY, CONDITIONS.index("disturbed"), CONDITIONS.index("quiet")
    )
    return np.where(np.isfinite(irregularities), known, CONDITIONS.index("unknown"))
