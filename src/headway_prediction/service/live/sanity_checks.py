"""What a forecast must pass before it is published; whatever fails is a sentence for the people who wait for it."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.transit.line import Line

TOLERANCE_MINS = 0.01
WILD_FACTOR = 5.0
"""A forecast this many times the usual headway, or this part of it, is wild, unless the headway held now is so too: where a
line stands still, trains are that far apart."""
WILD_SHARE = 0.5


def faults(
    forecast: Forecast,
    line: Line,
    cap_mins: float,
    expected_origin: tuple[date, int],
    held: np.ndarray,
    typical: np.ndarray,
) -> list[str]:
    """Return why a forecast from one origin must not be published, nothing where it may.

    `held` are the headways held at the origin, `typical` the usual ones, in minutes, NaN where unknown: (stations,
    directions). `expected_origin` are the service date and minute that are over now.
    """
    platforms = line.platforms()
    own = platforms["station"].to_numpy(), platforms["direction"].to_numpy()
    mean = forecast.mean[0][:, *own]
    levels = sorted(forecast.quantiles)
    quantiles = [forecast.quantiles[level][0][:, *own] for level in levels]
    found = [*_stale(forecast, expected_origin), *_not_finite([mean, *quantiles])]
    if found:
        return found
    return [
        *_out_of_range(np.stack([mean, *quantiles]), cap_mins),
        *_crossing(quantiles),
        *_all_equal(mean, held[own]),
        *_wild(mean, held[own], typical[own]),
    ]


def _stale(forecast: Forecast, expected_origin: tuple[date, int]) -> Iterator[str]:
    origin = forecast.service_date, int(forecast.origins[0])
    if origin != expected_origin:
        yield f"the forecast is from minute {origin[1]} of {origin[0]}, not {expected_origin[1]} of {expected_origin[0]}"


def _not_finite(parts: list[np.ndarray]) -> Iterator[str]:
    missing = sum(int((~np.isfinite(part)).sum()) for part in parts)
    if missing:
        yield f"{missing} of {sum(part.size for part in parts)} values of the forecast are missing"


def _out_of_range(values: np.ndarray, cap_mins: float) -> Iterator[str]:
    low, high = float(values.min()), float(values.max())
    if low < -TOLERANCE_MINS or high > cap_mins + TOLERANCE_MINS:
        yield f"headways from {low:.1f} to {high:.1f} min were forecast, outside 0 to {cap_mins:g}"


def _crossing(quantiles: list[np.ndarray]) -> Iterator[str]:
    crossing = sum(int((upper < lower - TOLERANCE_MINS).sum()) for lower, upper in pairwise(quantiles))
    if crossing:
        yield f"the interval is upside down in {crossing} cells"


def _all_equal(mean: np.ndarray, held: np.ndarray) -> Iterator[str]:
    # Where nothing runs, all that can be said is the same everywhere.
    if np.ptp(mean) == 0 and np.isfinite(held).any():
        yield f"the same headway, {mean.flat[0]:.1f} min, was forecast everywhere"


def _wild(mean: np.ndarray, held: np.ndarray, typical: np.ndarray) -> Iterator[str]:
    known = np.isfinite(typical) & (typical > 0)
    if not known.any():
        return
    far = _far(mean[:, known], typical[known])
    as_now = np.isfinite(held[known]) & ~_far(mean[:, known], held[known])
    share = float((far & ~as_now).mean())
    if share > WILD_SHARE:
        yield f"{share:.0%} of the forecast is over {WILD_FACTOR:g} times the usual headway, or under one such part of it"


def _far(mean: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Whether means (leads, platforms) lie beyond the factor from a reference (platforms,); never from one that is NaN."""
    with np.errstate(invalid="ignore"):
        return (mean > WILD_FACTOR * reference) | (mean * WILD_FACTOR < reference)
