"""Backtest: a method's forecasts from every scored origin of held-back service dates."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.truth import scored_origins
from headway_prediction.forecasters.base import Forecast, Forecaster
from headway_prediction.grid.history import LineHistory


def backtest(history: LineHistory, method: Forecaster, service_dates: Sequence[date]) -> Iterator[Forecast]:
    """Yield one forecast per service date, from its scored origins; a date without any is left out."""
    for service_date in service_dates:
        origins = scored_origins(history, service_date)
        if len(origins):
            yield method.forecast(history, service_date, origins)


def select_test_dates(
    history: LineHistory, days: Mapping[str, Sequence[date]], wanted: Sequence[date] | None = None
) -> list[date]:
    """Return the dates of `history` that a bundle's `days` did not use to train or validate, or check those `wanted`.

    Raises HeadwayError when a wanted date was used or is not in `history`, or when none is left.
    """
    used = set(days["training"]) | set(days["validation"])
    if wanted is not None:
        seen = sorted(used.intersection(wanted))
        if seen:
            raise HeadwayError(
                f"the service date {seen[0]} was used to train or validate the bundle",
                "dates it never saw",
                "leave it out, or train without it",
            )
        return history.select(sorted(wanted)).service_dates
    left = [day for day in history.service_dates if day not in used]
    if not left:
        raise HeadwayError(
            "every service date of the grid was used to train or validate the bundle",
            "at least one that it never saw",
            "bring newer days, or train with --test-days",
        )
    return left
