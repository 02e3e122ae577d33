"""The worst windows: those with the largest errors of a method, with truth, forecasts and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.evaluation.cell_statistics import INTERVAL, scored_forecast
from headway_prediction.evaluation.detection import THRESHOLDS
from headway_prediction.evaluation.truth import CONDITIONS, Truth, condition_of
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.reporting.figures import scale_end, window_map, window_profile
from headway_prediction.reporting.page import Figure, Section, towards
from headway_prediction.reporting.score_text import KIND_DEFINITIONS
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import DIRECTIONS, Line

MIN_APART_MINS = 60
SHOWN_PAST_MINS = 20
REFERENCE_METHOD = "propagation"


@dataclass(frozen=True)
class Window:
    """One origin of one service date: the truth after it and the forecast of each method.

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
        error: np.ndarray = np.where(self.truth.valid, median - self.truth.headway, np.nan)[0]
        return error

    def worst_cell(self, method: str) -> tuple[int, int, int]:
        """Return lead index, station and direction of the largest error."""
        error = np.abs(self.error(method))
        lead, station, direction = np.unravel_index(np.nanargmax(error), error.shape)
        return int(lead), int(station), int(direction)


def worst_windows(
    truths: Sequence[Truth], forecasts: Mapping[str, Mapping[date, Forecast]], method: str, count: int = 3
) -> list[Window]:
    """Return the windows that add most to the mean absolute error of `method`, the worst first.

    Of windows less than 60 minutes apart, which show the same incident, only the worst is taken.
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
    return np.asarray(np.where(truth.valid, np.abs(median - truth.headway), 0.0).sum(axis=(1, 2, 3)))


def _is_near(truths: Sequence[Truth], one: tuple[int, int], other: tuple[int, int]) -> bool:
    origins = truths[one[0]].origins
    return one[0] == other[0] and abs(int(origins[one[1]]) - int(origins[other[1]])) < MIN_APART_MINS


def _window(truth: Truth, row: int, forecasts: Mapping[str, Mapping[date, Forecast]]) -> Window:
    truth = truth.at(slice(row, row + 1))
    by_method = {}
    for method, by_date in forecasts.items():
        levels = {level for forecast in by_date.values() for level in forecast.quantiles}
        by_method[method] = scored_forecast(by_date.get(truth.service_date), truth, levels)
    return Window(truth, by_method)


def window_sections(history: LineHistory, windows: Sequence[Window], method: str) -> list[Section]:
    """Draw each window, the worst first."""
    opening = (
        f"The windows that add most to the error of {method}, at least an hour apart. Maps: the known minutes, the truth of "
        "the next 15 minutes, and the forecasts of these. Beside or below them the minute with the largest error of "
        f"{method}: the truth, the forecast with its interval where there is one, and the forecast of propagation."
    )
    sections = [Section("The worst windows", [opening])]
    for number, window in enumerate(windows, start=1):
        drawn = [figure for d in DIRECTIONS for figure in _figures(history, window, method, d)]
        texts = _facts(history.line, window, method)
        heading = f"{number}. {_origin_text(history.line, window)}"
        sections.append(Section(heading, texts, drawn[::2] + drawn[1::2], 3))
    return sections


def _origin_text(line: Line, window: Window) -> str:
    return f"{instant(window.truth.service_date, window.t0, line.time_zone):%A %Y-%m-%d, origin %H:%M}"


def _reference(window: Window, method: str) -> str | None:
    return REFERENCE_METHOD if REFERENCE_METHOD in window.forecasts and method != REFERENCE_METHOD else None


def _facts(line: Line, window: Window, method: str) -> list[str]:
    errors = {name: float(np.nanmean(np.abs(window.error(name)))) for name in window.forecasts}
    reference = _reference(window, method)
    text = f"The mean error of {method} was {errors[method]:.1f} minutes"
    text += f", that of {reference} {errors[reference]:.1f}." if reference else "."
    return [f"{text} {_worst_cell(line, window, method)}", _what_happened(window)]


def _worst_cell(line: Line, window: Window, method: str) -> str:
    cell = window.worst_cell(method)
    lead, station, direction = cell
    time = instant(window.truth.service_date, window.t0 + lead + 1, line.time_zone)
    text = (
        f"Largest error at {line.stations[station].name} {towards(line, direction)}, {lead + 1} min ahead "
        f"({time:%H:%M}): the headway was {window.truth.headway[0][cell]:.1f} min, the forecast of {method} "
        f"{_forecast_text(window, method, cell)}"
    )
    reference = _reference(window, method)
    return (
        f"{text}, that of {reference} {_forecast_text(window, reference, cell)}." if reference else f"{text}."
    )


def _forecast_text(window: Window, method: str, cell: tuple[int, int, int]) -> str:
    quantiles = window.forecasts[method].quantiles
    text = f"{quantiles[0.5][0][cell]:.1f}"
    if not set(INTERVAL) <= set(quantiles):
        return text
    low, high = (quantiles[level][0][cell] for level in INTERVAL)
    return f"{text} ({low:.1f} to {high:.1f})"


def _what_happened(window: Window) -> str:
    truth = window.truth
    condition = CONDITIONS[condition_of(truth.irregularity)[0]]
    trains = f"There were {int(truth.event.sum())} passings in the 15 minutes"
    if condition == "unknown":
        return f"{trains}."
    ratios = (truth.headway / truth.typical)[truth.event & np.isfinite(truth.typical)]
    counts = [
        f"{int(threshold.is_met(ratios).sum())} at {KIND_DEFINITIONS[name]}"
        for name, threshold in THRESHOLDS.items()
    ]
    return (
        f"The line was {condition}: headways deviated from the typical ones by {float(truth.irregularity[0]):.0%}. "
        f"{trains}, {' and '.join(counts)}."
    )


def _figures(history: LineHistory, window: Window, method: str, direction: int) -> list[tuple[str, Figure]]:
    """The map and the profile of one direction."""
    shown, where = (
        [name for name in (method, _reference(window, method)) if name],
        towards(history.line, direction),
    )
    lead = window.worst_cell(method)[0]
    return [
        (f"Trains {where}", _map(history, window, shown, direction)),
        (f"{lead + 1} min ahead, {where}", _profile(history.line, window, shown, lead, direction)),
    ]


def _map(history: LineHistory, window: Window, shown: Sequence[str], direction: int) -> Figure:
    known, truth = _known(history, window)[:, :, direction], window.truth
    cells = {"truth": truth.headway} | {name: window.forecasts[name].quantiles[0.5] for name in shown}
    after = {
        name: np.where(truth.valid, values, np.nan)[0, :, :, direction] for name, values in cells.items()
    }
    end = scale_end(np.concatenate([known, *after.values()]))
    return window_map(known, after, history.line.station_names, _times(history.line, window), end)


def _profile(line: Line, window: Window, shown: Sequence[str], lead: int, direction: int) -> Figure:
    def at_lead(cells: np.ndarray) -> np.ndarray:
        return np.where(window.truth.valid, cells, np.nan)[0, lead, :, direction]

    quantiles = {name: window.forecasts[name].quantiles for name in shown}
    shown_quantiles = {
        name: {level: at_lead(cells) for level, cells in levels.items()} for name, levels in quantiles.items()
    }
    return window_profile(at_lead(window.truth.headway), shown_quantiles, line.station_names)


def _known(history: LineHistory, window: Window) -> np.ndarray:
    """The headways of the minutes up to t0, NaN where not valid: (20, stations, directions)."""
    day = history.day(window.truth.service_date)
    rows = np.arange(window.t0 + 1 - SHOWN_PAST_MINS, window.t0 + 1)
    return np.where(day["valid"].values[rows], day["headway"].values[rows], np.nan)


def _times(line: Line, window: Window) -> list[str]:
    minutes = range(window.t0 + 1 - SHOWN_PAST_MINS, window.t0 + 1 + LEADS)
    return [f"{instant(window.truth.service_date, minute, line.time_zone):%H:%M}" for minute in minutes]
