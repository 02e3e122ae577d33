"""The report's section on the worst windows: what happened, what was forecast, what propagation had said."""

from collections.abc import Sequence

import numpy as np

from headway_prediction.evaluation.cell_statistics import INTERVAL
from headway_prediction.evaluation.detection import THRESHOLDS
from headway_prediction.evaluation.truth import CONDITIONS, condition_of
from headway_prediction.forecasters.base import LEADS
from headway_prediction.grid.history import LineHistory
from headway_prediction.reporting.glossary import KIND_DEFINITIONS, towards
from headway_prediction.reporting.maps import scale_end, window_map, window_profile
from headway_prediction.reporting.page import Section, paragraphs
from headway_prediction.reporting.worst_windows import Window
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import DIRECTIONS, Line

SHOWN_PAST_MINS = 20
REFERENCE_METHOD = "propagation"


def window_sections(history: LineHistory, windows: Sequence[Window], method: str) -> list[Section]:
    """Draw each window, the worst first."""
    opening = (
        f"The moments whose forecasts added most to the error of {method}, at least an hour apart. Maps: the minutes that "
        "were known, what came in the next 15 minutes, and what was forecast for them. Beside or below them the minute in "
        f"which {method} was most wrong: the truth, the forecast with its interval where there is one, and what "
        "propagation had said."
    )
    sections = [Section("The worst moments", paragraphs([opening]), [])]
    for number, window in enumerate(windows, start=1):
        drawn = [figure for d in DIRECTIONS for figure in _figures(history, window, method, d)]
        text = paragraphs(_facts(history.line, window, method))
        sections.append(
            Section(f"{number}. {_moment(history.line, window)}", text, drawn[::2] + drawn[1::2], 3)
        )
    return sections


def _moment(line: Line, window: Window) -> str:
    return f"{instant(window.truth.service_date, window.t0, line.time_zone):%A %Y-%m-%d, forecast at %H:%M}"


def _rival(window: Window, method: str) -> str | None:
    return REFERENCE_METHOD if REFERENCE_METHOD in window.forecasts and method != REFERENCE_METHOD else None


def _facts(line: Line, window: Window, method: str) -> list[str]:
    """How far off, where most, and what the trains did."""
    errors = {name: float(np.nanmean(np.abs(window.error(name)))) for name in window.forecasts}
    rival = _rival(window, method)
    text = f"{method} was {errors[method]:.1f} minutes off on average"
    text += f", {rival} {errors[rival]:.1f}." if rival else "."
    return [f"{text} {_worst_cell(line, window, method)}", _what_happened(window)]


def _worst_cell(line: Line, window: Window, method: str) -> str:
    cell = window.worst_cell(method)
    lead, station, direction = cell
    time = instant(window.truth.service_date, window.t0 + lead + 1, line.time_zone)
    text = (
        f"Most wrong at {line.stations[station].name} {towards(line, direction)}, {lead + 1} min ahead "
        f"({time:%H:%M}): the headway was {window.truth.headway[0][cell]:.1f} min, {method} had said "
        f"{_said(window, method, cell)}"
    )
    rival = _rival(window, method)
    return f"{text}, {rival} {_said(window, rival, cell)}." if rival else f"{text}."


def _said(window: Window, method: str, cell: tuple[int, int, int]) -> str:
    quantiles = window.forecasts[method].quantiles
    text = f"{quantiles[0.5][0][cell]:.1f}"
    if not set(INTERVAL) <= set(quantiles):
        return text
    low, high = (quantiles[level][0][cell] for level in INTERVAL)
    return f"{text} ({low:.1f} to {high:.1f})"


def _what_happened(window: Window) -> str:
    truth = window.truth
    condition = CONDITIONS[condition_of(truth.irregularity)[0]]
    trains = f"In the 15 minutes there were {int(truth.event.sum())} passings"
    if condition == "unknown":
        return f"{trains}."
    ratios = (truth.headway / truth.typical)[truth.event & np.isfinite(truth.typical)]
    counts = [
        f"{int(kind.is_met(ratios).sum())} at {KIND_DEFINITIONS[name]}" for name, kind in THRESHOLDS.items()
    ]
    return (
        f"The line was {condition}: headways strayed from the usual ones by {float(truth.irregularity[0]):.0%}. "
        f"{trains}, {' and '.join(counts)}."
    )


def _figures(history: LineHistory, window: Window, method: str, direction: int) -> list[tuple[str, dict]]:
    """The map and the profile of one direction."""
    shown, where = (
        [name for name in (method, _rival(window, method)) if name],
        towards(history.line, direction),
    )
    lead = window.worst_cell(method)[0]
    return [
        (f"Trains {where}", _map(history, window, shown, direction)),
        (f"{lead + 1} min ahead, {where}", _profile(history.line, window, shown, lead, direction)),
    ]


def _map(history: LineHistory, window: Window, shown: Sequence[str], direction: int) -> dict:
    known, truth = _known(history, window)[:, :, direction], window.truth
    cells = {"truth": truth.headway} | {name: window.forecasts[name].quantiles[0.5] for name in shown}
    after = {
        name: np.where(truth.valid, values, np.nan)[0, :, :, direction] for name, values in cells.items()
    }
    end = scale_end(np.concatenate([known, *after.values()]))
    return window_map(known, after, history.line.station_names, _times(history.line, window), end)


def _profile(line: Line, window: Window, shown: Sequence[str], lead: int, direction: int) -> dict:
    def at_lead(cells: np.ndarray) -> np.ndarray:
        return np.where(window.truth.valid, cells, np.nan)[0, lead, :, direction]

    quantiles = {name: window.forecasts[name].quantiles for name in shown}
    said = {
        name: {level: at_lead(cells) for level, cells in levels.items()} for name, levels in quantiles.items()
    }
    return window_profile(at_lead(window.truth.headway), said, line.station_names)


def _known(history: LineHistory, window: Window) -> np.ndarray:
    """The headways of the minutes up to t0, NaN where not valid: (20, stations, directions)."""
    day = history.day(window.truth.service_date)
    rows = np.arange(window.t0 + 1 - SHOWN_PAST_MINS, window.t0 + 1)
    return np.where(day["valid"].values[rows], day["headway"].values[rows], np.nan)


def _times(line: Line, window: Window) -> list[str]:
    minutes = range(window.t0 + 1 - SHOWN_PAST_MINS, window.t0 + 1 + LEADS)
    return [f"{instant(window.truth.service_date, minute, line.time_zone):%H:%M}" for minute in minutes]
