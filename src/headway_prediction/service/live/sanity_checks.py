"""The checks that a forecast must pass before it is published; a failed check is a sentence for the status."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.published import LineState
from headway_prediction.transit.line import Line

TOLERANCE_MINS = 0.01
IMPLAUSIBLE_FACTOR = 5.0
"""A forecast over this many times the typical headway, or under that part of it, is implausible, unless it is within the
factor of the headway held now: while a line stands still, trains are that far apart."""
MAX_IMPLAUSIBLE_SHARE = 0.5


def failed_checks(forecast: Forecast, line: Line, cap_mins: float, state: LineState) -> list[str]:
    """Return why a forecast must not be published, nothing where it may; its origin is to be that of `state`."""
    platforms = line.platforms()
    cells = platforms["station"].to_numpy(), platforms["direction"].to_numpy()
    mean = forecast.mean[0][:, *cells]
    levels = sorted(forecast.quantiles)
    quantiles = [forecast.quantiles[level][0][:, *cells] for level in levels]
    held, typical = state.headway[-1][cells], state.typical[cells]
    found = [*_other_origin(forecast, state), *_not_finite([mean, *quantiles])]
    if found:
        return found
    return [
        *_out_of_range(np.stack([mean, *quantiles]), cap_mins),
        *_crossing(quantiles),
        *_all_equal(mean, held),
        *_implausible(mean, held, typical),
    ]


def _other_origin(forecast: Forecast, state: LineState) -> Iterator[str]:
    origin = forecast.service_date, int(forecast.origins[0])
    if origin != (state.service_date, state.t0):
        yield (
            f"the forecast is from minute {origin[1]} of {origin[0]}, not from minute {state.t0} of {state.service_date}"
        )


def _not_finite(parts: list[np.ndarray]) -> Iterator[str]:
    missing = sum(int((~np.isfinite(part)).sum()) for part in parts)
    if missing:
        yield f"{missing} of {sum(part.size for part in parts)} values of the forecast are missing"


def _out_of_range(values: np.ndarray, cap_mins: float) -> Iterator[str]:
    low, high = float(values.min()), float(values.max())
    if low < -TOLERANCE_MINS or high > cap_mins + TOLERANCE_MINS:
        yield f"the forecast has headways from {low:.1f} to {high:.1f} min, outside 0 to {cap_mins:g}"


def _crossing(quantiles: list[np.ndarray]) -> Iterator[str]:
    crossing = sum(int((upper < lower - TOLERANCE_MINS).sum()) for lower, upper in pairwise(quantiles))
    if crossing:
        yield f"a higher quantile is below a lower one in {crossing} cells"


def _all_equal(mean: np.ndarray, held: np.ndarray) -> Iterator[str]:
    # Where no train has passed, an equal forecast everywhere is all that can be made.
    if np.ptp(mean) == 0 and np.isfinite(held).any():
        yield f"the forecast is the same headway, {mean.flat[0]:.1f} min, everywhere"


def _implausible(mean: np.ndarray, held: np.ndarray, typical: np.ndarray) -> Iterator[str]:
    known = np.isfinite(typical) & (typical > 0)
    if not known.any():
        return
    far = _is_far(mean[:, known], typical[known])
    as_now = np.isfinite(held[known]) & ~_is_far(mean[:, known], held[known])
    share = float((far & ~as_now).mean())
    if share > MAX_IMPLAUSIBLE_SHARE:
        factor = f"{IMPLAUSIBLE_FACTOR:g}"
        yield f"{share:.0%} of the forecast is over {factor} times the typical headway, or under 1/{factor} of it"


def _is_far(mean: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Whether means (leads, platforms) lie beyond the factor from a reference (platforms,); False where that is NaN."""
    with np.errstate(invalid="ignore"):
        far: np.ndarray = (mean > IMPLAUSIBLE_FACTOR * reference) | (mean * IMPLAUSIBLE_FACTOR < reference)
    return far
