"""Is one method better than another, or were these days kind to it? Bootstrap over service days, not over windows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """A metric of one method minus that of another, in minutes: estimate, 95 % interval, two-sided p-value.

    Interval and p-value are NaN for a single service day, which tells nothing of the next.
    """

    estimate: float
    low: float
    high: float
    p_value: float

    @property
    def is_clear(self) -> bool:
        """Tell whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def bootstrap_over_days(
    errors_a: np.ndarray,
    errors_b: np.ndarray,
    counts: np.ndarray,
    seed: int = 0,
    metric: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Difference:
    """Compare two methods scored on the same cells of the same service days.

    `errors_a` and `errors_b` hold the sums of errors and `counts` the cells of each day, shape (days,); `metric` makes of
    a mean error what is compared: itself for absolute errors, its root for squared ones. Whole days are drawn with
    replacement, 10,000 times, the same for both methods (paired); the interval is the percentile interval (Efron &
    Tibshirani 1993, ch. 13), the p-value twice the smaller share of resamples on either side of zero. It never falls below
    that of a sign test in which every day agrees, 2 / 2^days: resampling few days alike would claim more than they can
    show.
    """

    def difference(draws: np.ndarray) -> np.ndarray:
        cells = draws @ counts
        return metric(draws @ errors_a / cells) - metric(draws @ errors_b / cells)

    days = len(counts)
    estimate = float(difference(np.ones(days)))
    if days < 2:
        return Difference(estimate, np.nan, np.nan, np.nan)
    drawn = np.random.default_rng(seed).multinomial(days, np.full(days, 1 / days), size=RESAMPLES)
    differences = difference(drawn)
    low, high = np.quantile(differences, (0.025, 0.975))
    one_side = min((differences <= 0).sum(), (differences >= 0).sum())
    p_value = max(2 * (one_side + 1) / (RESAMPLES + 1), 2.0 ** (1 - days))
    return Difference(estimate, float(low), float(high), min(1.0, p_value))
