"""The windows in which a method went most wrong, and what happened in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.evaluation.cell_statistics import scored_forecast
from headway_prediction.evaluation.truth import Truth
from headway_prediction.forecasters.base import Forecast

MIN_APART_MINS = 60


@dataclass(frozen=True)
class Window:
    """One origin of one service date, what happened after it and what each method had said.

    `truth` and `forecasts` (by method, gaps filled as they are scored) hold this origin alone.
    """

    truth: Truth
    forecasts: Mapping[str, Forecast]

    @property
    def t0(self) -> int:
        """The origin, a minute of the service day."""
        return int(self.truth.origins[0])

    def error(self, method: str) -> np.ndarray:
        """Return median minus truth in minutes, NaN where nothing is scored: (leads, stations, directions)."""
        median = self.forecasts[method].quantiles[0.5]
        return np.where(self.truth.valid, median - self.truth.headway, np.nan)[0]

    def worst_cell(self, method: str) -> tuple[int, int, int]:
        """Return lead index, station and direction of the largest error."""
        error = np.abs(self.error(method))
        return tuple(int(k) for k in np.unravel_index(np.nanargmax(error), error.shape))


def worst_windows(
    truths: Sequence[Truth], forecasts: Mapping[str, Mapping[date, Forecast]], method: str, count: int = 3
) -> list[Window]:
    """Return the windows that add most to the mean absolute error of `method`, the worst first.

    Windows of one date less than 60 minutes apart show the same trouble, so that only the worst of them is taken.
    """
    errors = [_absolute_errors(truth, forecasts[method].get(truth.service_date)) for truth in truths]
    ranked = sorted(
        ((total, day, row) for day, totals in enumerate(errors) for row, total in enumerate(totals)),
        key=lambda entry: -entry[0],
    )
    chosen: list[tuple[int, int]] = []
    for _, day, row in ranked:
        if len(chosen) < count and not any(_is_near(truths, (day, row), other) for other in chosen):
            chosen.append((day, row))
    return [_window(truths[day], row, forecasts) for day, row in chosen]


def _absolute_errors(truth: Truth, forecast: Forecast | None) -> np.ndarray:
    """Sum of absolute errors of each window: (origins,)."""
    median = scored_forecast(forecast, truth, {0.5}).quantiles[0.5]
    return np.where(truth.valid, np.abs(median - truth.headway), 0.0).sum(axis=(1, 2, 3))


def _is_near(truths: Sequence[Truth], one: tuple[int, int], other: tuple[int, int]) -> bool:
    origins = truths[one[0]].origins
    return one[0] == other[0] and abs(int(origins[one[1]]) - int(origins[other[1]])) < MIN_APART_MINS


def _window(truth: Truth, row: int, forecasts: Mapping[str, Mapping[date, Forecast]]) -> Window:
    truth = truth.at(slice(row, row + 1))
    said = {}
    for method, by_date in forecasts.items():
        levels = {level for forecast in by_date.values() for level in forecast.quantiles}
        said[method] = scored_forecast(by_date.get(truth.service_date), truth, levels)
    return Window(truth, said)
