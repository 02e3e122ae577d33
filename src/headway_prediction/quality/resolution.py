"""How finely a log tells time, found in the times themselves, day by day."""

import numpy as np
import polars as pl

STEPS = (300, 120, 60, 30, 20, 15, 10, 5, 2)
"""Seconds between two polls, or to which times were rounded, the coarsest first."""
FINEST_SECS = 1
MIN_TIMES = 50
ON_STEP = 0.95
"""Share of the times that must lie in a fifth of the step: polls jitter, and chance puts a fifth of all times there."""
HALF_MINUTE = 30
MIN_POLL_SECS = 5
MIN_REGULARITY = 0.4
"""The shortest times between two polls are about as long as most; between passings seen at once they are far shorter."""


def time_resolution(passings: pl.DataFrame) -> pl.DataFrame:
    """Return per service date `seconds`, the resolution of its times, and `round_share`.

    Of a day polled every 60 s all times lie near one second of the minute, of a day rounded to minutes at its first; polls
    whose second drifts still come one by one, a minute apart. `seconds` is 1 where no coarser step is found, null for fewer
    than 50 times. `round_share` is the share of times on a full or half minute, one in thirty by chance: more, in a log of
    whole seconds, are likely planned times.
    """
    days = passings.sort("service_date").partition_by("service_date", as_dict=True)
    rows = [(day, *_of_day(own["minute"].to_numpy())) for (day,), own in days.items()]
    schema = {"service_date": pl.Date, "seconds": pl.Int64, "round_share": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def _of_day(minutes: np.ndarray) -> tuple[int | None, float]:
    seconds = np.round(minutes * 60).astype(np.int64)
    round_share = float((seconds % HALF_MINUTE == 0).mean())
    if len(seconds) < MIN_TIMES:
        return None, round_share
    step = next((step for step in STEPS if _lie_on(seconds, step)), None)
    return step or _drifting_polls(seconds) or FINEST_SECS, round_share


def _lie_on(seconds: np.ndarray, step: int) -> bool:
    """Tell whether nearly all times lie in one fifth of the step, wherever that begins."""
    width = max(1, step // 5)
    counts = np.bincount(seconds % step, minlength=step)
    circle = np.concatenate([[0], np.cumsum(np.concatenate([counts, counts[:width]]))])
    fullest = (circle[width:] - circle[:-width]).max()
    return bool(fullest >= ON_STEP * len(seconds))


def _drifting_polls(seconds: np.ndarray) -> int | None:
    """The time between polls that do not come at the same second, None where times do not come in polls."""
    apart = np.diff(np.unique(seconds))
    if len(apart) < MIN_TIMES:
        return None
    shortest = np.quantile(apart, 0.05)
    if shortest < max(MIN_POLL_SECS, MIN_REGULARITY * np.median(apart)):
        return None
    return round(float(np.median(apart[apart < 1.5 * shortest])))
