"""Backtest: which service dates and origins are scored (docs/methodology.md), and a method's forecasts from them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, Forecast, Forecaster
from headway_prediction.grid.history import LineHistory

ORIGIN_STEP_MINS = 10
WARM_UP_MINS = 30


def scored_origins(history: LineHistory, service_date: date) -> np.ndarray:
    """Return the scored origins of a service date in service-day minutes: (origins,), empty for a date that barely runs.

    They are the minutes divisible by 10 from 30 minutes after the first minute with over half of the line's platforms
    valid up to, not including, 15 minutes before the last such minute.
    """
    valid_cells = history.day(service_date)["valid"].values.sum(axis=(1, 2))
    busy = np.flatnonzero(valid_cells > history.line.platforms().height / 2)
    if not len(busy):
        return np.empty(0, dtype=np.int64)
    minutes = np.arange(busy[0] + WARM_UP_MINS, busy[-1] - LEADS)
    scored: np.ndarray = minutes[minutes % ORIGIN_STEP_MINS == 0]
    return scored


def backtest(history: LineHistory, method: Forecaster, service_dates: Sequence[date]) -> Iterator[Forecast]:
    """Yield one forecast per service date, from all its scored origins; a date without scored origins is skipped."""
    for service_date in service_dates:
        origins = scored_origins(history, service_date)
        if len(origins):
            yield method.forecast(history, service_date, origins)


def select_test_dates(
    history: LineHistory, days: Mapping[str, Sequence[date]], wanted: Sequence[date] | None = None
) -> list[date]:
    """Return the dates of `history` outside the `training` and `validation` dates in `days`, or `wanted` after a check.

    Raises HeadwayError when a wanted date was used for training or validation or is not in `history`, or when no date
    is left.
    """
    used = set(days["training"]) | set(days["validation"])
    if wanted is not None:
        overlap = sorted(used.intersection(wanted))
        if overlap:
            found = f"the service date {overlap[0]} was used to train or validate the bundle"
            raise HeadwayError(found, "test dates only", "exclude it, or train without it")
        return history.select(sorted(wanted)).service_dates
    unused = [day for day in history.service_dates if day not in used]
    if not unused:
        found = "every service date of the grid was used to train or validate the bundle"
        raise HeadwayError(found, "at least one test date", "add newer days, or train with --test-days")
    return unused
