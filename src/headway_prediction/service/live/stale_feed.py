"""Going on from the last state of a silent feed: the forecast made then, for the minutes that are still to come.

A forecast for lead 5 from a state that is 4 minutes old is one for lead 9 from that state, and as unsure. Beyond that, its
interval is never narrower than any that the same state had for the same platform at a shorter lead: what is unsure stays so
until news come. So intervals widen from minute to minute of the silence.
"""

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.nn.quantiles import middle_index


def joined(near: Forecast, far: Forecast) -> Forecast:
    """Return `far` with the leads that `near` has too taken from `near`; both from one origin, of the same levels."""
    leads = near.mean.shape[1]

    def after(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([first, second[:, leads:]], axis=1)

    quantiles = {level: after(near.quantiles[level], far.quantiles[level]) for level in near.quantiles}
    return Forecast(near.service_date, near.origins, after(near.mean, far.mean), quantiles)


def continue_from(then: Forecast, typical: Forecast, cap_mins: float) -> Forecast:
    """Return the forecast from the origin of `typical` that goes on from the earlier origin of `then`.

    Leads that `then` does not reach are those of `typical`, which has as many leads as are wanted, and the same levels.
    """
    wait, leads = int(typical.origins[0] - then.origins[0]), typical.mean.shape[1]
    reached = max(0, min(leads, then.mean.shape[1] - wait))
    quantiles = _widening(then, cap_mins)

    def shifted(values: np.ndarray, beyond: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:, wait : wait + reached], beyond[:, reached:]], axis=1)

    kept = {level: shifted(values, typical.quantiles[level]) for level, values in quantiles.items()}
    return Forecast(typical.service_date, typical.origins, shifted(then.mean, typical.mean), kept)


def _widening(then: Forecast, cap_mins: float) -> dict[float, np.ndarray]:
    """Quantiles whose distance from the middle one never shrinks from lead to lead."""
    levels = sorted(then.quantiles)
    place = middle_index(levels)
    middle = then.quantiles[levels[place]]
    widened = {}
    for number, level in enumerate(levels):
        side = np.sign(number - place)
        distance = np.maximum.accumulate(side * (then.quantiles[level] - middle), axis=1)
        widened[level] = np.clip(middle + side * distance, 0.0, cap_mins).astype(np.float32)
    return widened
