"""Curves, space-time maps and profiles of the reports as plain Plotly dictionaries (`data`, `layout`).

Colours of text and grid come from the page. Colours of methods are those of Okabe and Ito, sequential ones Cividis, those of
errors run from blue to vermilion: colour-blind readers can tell them apart. Names from data are escaped: Plotly interprets
markup in labels.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from headway_prediction.reporting.page import Figure

METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
METHOD_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
LABEL_LENGTH = 22
ROW_HEIGHT = 13
MIN_ROWS = 12
HEADWAY_SCALE = "Cividis"
ERROR_SCALE = ((0.0, "#0072B2"), (0.5, "#dddddd"), (1.0, "#D55E00"))
SCALE_STEP_MINS = 5
TRUTH_COLOUR = "#888888"
PROFILE_COLOURS = ("#0072B2", "#D55E00")
PROFILE_SYMBOLS = ("circle", "square-open")
SHORT_LABEL = 11
BAR_LABELS = 18
"""Pixels between map and colour bar, for the bar's labels."""


def label(name: str, length: int = LABEL_LENGTH) -> str:
    """Return a name as a label that Plotly shows literally, cut to `length`."""
    short = name if len(name) <= length else name[: length - 1].rstrip() + "…"
    return escape(short)


def plain(values: np.ndarray) -> list[Any]:
    """Return numbers as nested lists that JSON can hold, rounded to 0.01; None for NaN and infinity."""
    rounded = np.round(np.asarray(values, dtype=float), 2)
    cells = rounded.astype(object)
    cells[~np.isfinite(rounded)] = None
    lists: list[Any] = cells.tolist()
    return lists


def rows_height(stations: Sequence[str]) -> int:
    """Return the pixels that a figure with one row per station needs for its rows."""
    return ROW_HEIGHT * max(len(stations), MIN_ROWS)


def station_ticks(stations: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis with one row per station."""
    return {
        "tickvals": list(range(len(stations))),
        "ticktext": [label(name) for name in stations],
        "tickfont": {"size": 10},
        "zeroline": False,
        "range": [-0.6, len(stations) - 0.4],
    }


def by_lead(errors: Mapping[str, np.ndarray], main: str) -> Figure:
    """Draw one line per method: mean absolute error by lead 1, 2, … minutes."""
    leads = list(range(1, 1 + len(next(iter(errors.values())))))
    traces = [trace | {"x": leads, "y": plain(errors[name])} for name, trace in _traces(errors, main)]
    axes = {
        "xaxis": {"title": {"text": "lead, minutes ahead"}, "dtick": 5, "tick0": 0},
        "yaxis": _error_axis(),
    }
    return {"data": traces, "layout": {"height": 420, **axes}}


def by_hour(errors: Mapping[str, np.ndarray], main: str) -> Figure:
    """Draw one line per method: mean absolute error by hour of the service day; hours without scored cells are skipped."""
    scored = np.flatnonzero(np.isfinite(list(errors.values())).any(axis=0))
    hours = np.arange(scored.min(), scored.max() + 1)
    traces = [
        trace | {"x": hours.tolist(), "y": plain(errors[name][hours])}
        for name, trace in _traces(errors, main)
    ]
    ticks = [int(hour) for hour in hours if hour % 3 == 0]
    axis = {
        "title": {"text": "hour"},
        "tickvals": ticks,
        "ticktext": [f"{hour % 24:02d}:00" for hour in ticks],
    }
    return {"data": traces, "layout": {"height": 420, "xaxis": axis, "yaxis": _error_axis()}}


def by_station(errors: Mapping[str, np.ndarray], main: str, stations: Sequence[str]) -> Figure:
    """Draw one mark per method and station, stations up the side as in the heatmaps."""
    rows = list(range(len(stations)))
    traces = [
        trace | {"x": plain(errors[name]), "y": rows, "mode": "markers"}
        for name, trace in _traces(errors, main)
    ]
    axes = {"xaxis": _error_axis(), "yaxis": station_ticks(stations)}
    return {"data": traces, "layout": {"height": 150 + rows_height(stations), **axes}}


def reliability(levels: Sequence[float], shares: Mapping[str, Sequence[float]]) -> Figure:
    """Draw, per group of cells, the share of truths at or below each quantile over the quantile's level, in per cent."""
    ends = [0, 100]
    right = {
        "type": "scatter",
        "name": "calibrated",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "hoverinfo": "skip",
    }
    across = plain(100 * np.array(levels))
    traces = [
        trace | {"x": across, "y": plain(100 * np.array(shares[name]))}
        for name, trace in _traces(shares, "all leads")
    ]
    axes = {"range": [0, 100], "tickvals": [0, *across, 100], "ticksuffix": " %"}
    layout = {
        "height": 420,
        "xaxis": {**axes, "title": {"text": "level of the quantile"}},
        "yaxis": {**axes, "title": {"text": "truths at or below it"}},
    }
    return {"data": [right | {"line": {"dash": "dot", "color": "#888888"}}, *traces], "layout": layout}


def _error_axis() -> dict[str, Any]:
    return {"title": {"text": "mean absolute error, minutes"}, "rangemode": "tozero"}


def _traces(methods: Mapping[str, object], main: str) -> list[tuple[str, dict[str, Any]]]:
    """How each method is drawn, the same in every figure; the main one stands out."""
    return [
        (
            name,
            {
                "type": "scatter",
                "name": label(name),
                "mode": "lines+markers",
                "line": {
                    "color": METHOD_COLOURS[k % len(METHOD_COLOURS)],
                    "width": 3 if name == main else 1.5,
                },
                "marker": {
                    "symbol": METHOD_SYMBOLS[k % len(METHOD_SYMBOLS)],
                    "size": 9 if name == main else 6,
                },
            },
        )
        for k, name in enumerate(methods)
    ]


def scale_end(values: np.ndarray) -> float:
    """Return where a colour scale ends: all but two in a hundred of the (absolute) values, in steps of 5 minutes."""
    finite = np.abs(values[np.isfinite(values)])
    widest = np.quantile(finite, 0.98) if finite.size else 0.0
    return float(max(1, np.ceil(widest / SCALE_STEP_MINS)) * SCALE_STEP_MINS)


def heatmap(
    cells: np.ndarray, stations: Sequence[str], times: Sequence[str], end: float, signed: bool = False
) -> Figure:
    """Draw cells (times, stations) in minutes, time across, stations up; NaN stays blank.

    The scale runs from 0 to `end`, from -`end` when `signed`.
    """
    trace = {
        "type": "heatmap",
        "z": plain(cells.T),
        "text": [list(times)] * len(stations),
        "colorscale": ERROR_SCALE if signed else HEADWAY_SCALE,
        "zmin": -end if signed else 0,
        "zmax": end,
        "hovertemplate": "%{y}, %{text}: %{z} min<extra></extra>",
        "hoverongaps": False,
        "colorbar": {
            "orientation": "h", "thickness": 10, "y": 1 + BAR_LABELS / rows_height(stations), "yanchor": "bottom",
            "len": 1, "ypad": 0, "ticksuffix": " min",
        },
    }  # fmt: skip
    return {
        "data": [trace],
        "layout": {
            "height": 110 + rows_height(stations),
            "xaxis": {**_hour_ticks(times), "showgrid": False},
            "yaxis": {**station_ticks(stations), "showgrid": False},
        },
    }


def _hour_ticks(times: Sequence[str]) -> dict[str, Any]:
    """Label the columns at every third full hour."""
    full = [k for k, time in enumerate(times) if time.endswith(":00") and int(time[:2]) % 3 == 0]
    return {"tickvals": full, "ticktext": [times[k] for k in full], "zeroline": False}


def window_map(
    known: np.ndarray,
    after: Mapping[str, np.ndarray],
    stations: Sequence[str],
    times: Sequence[str],
    end: float,
) -> Figure:
    """Draw side by side the `known` minutes (minutes, stations) and, by name, truth and forecasts of the minutes `after`.

    `times` are those of the known minutes and of the minutes after them. Stations are up the side; NaN stays blank.
    """
    gap = np.full((1, len(stations)), np.nan)
    parts, hours, starts = [known], list(times[: len(known)]), [0]
    for cells in after.values():
        starts.append(sum(map(len, parts)) + 1)
        parts += [gap, cells]
        hours += ["", *times[len(known) :]]
    drawn = heatmap(np.concatenate(parts), stations, hours, end)
    middles = [
        start + (len(part) - 1) / 2 for start, part in zip(starts, (known, *after.values()), strict=True)
    ]
    names = ["known", *(label(name, SHORT_LABEL) for name in after)]
    ticks = {"tickvals": middles, "ticktext": names, "tickangle": -30, "tickfont": {"size": 10}}
    drawn["layout"]["xaxis"] |= ticks
    return drawn


def window_profile(
    truth: np.ndarray, forecasts: Mapping[str, Mapping[float, np.ndarray]], stations: Sequence[str]
) -> Figure:
    """Draw the headways of one minute along the line: `truth` (stations,), and each method's median and interval.

    `forecasts` holds quantiles by method and level, in minutes.
    """
    rows = list(range(len(stations)))
    looks = zip(forecasts.items(), PROFILE_COLOURS, PROFILE_SYMBOLS, strict=False)
    traces = [
        _marks(label(name), plain(quantiles[0.5]), rows, colour, symbol) | _band(quantiles)
        for (name, quantiles), colour, symbol in looks
    ]
    traces.append(_marks("truth", plain(truth), rows, TRUTH_COLOUR, "diamond"))
    axes = {
        "xaxis": {"title": {"text": "headway, minutes"}, "rangemode": "tozero"},
        "yaxis": station_ticks(stations),
    }
    return {"data": traces, "layout": {"height": 150 + rows_height(stations), **axes}}


def _marks(name: str, values: list[Any], rows: list[int], colour: str, symbol: str) -> Figure:
    marker = {"color": colour, "symbol": symbol, "size": 8}
    return {"type": "scatter", "mode": "markers", "name": name, "x": values, "y": rows, "marker": marker}


def _band(quantiles: Mapping[float, np.ndarray]) -> dict[str, Any]:
    """Error bars from the median to either end of the interval; empty for a method without one."""
    outer = sorted(level for level in quantiles if level != 0.5)
    if len(outer) != 2:
        return {}
    below, above = (np.abs(quantiles[level] - quantiles[0.5]) for level in outer)
    reach = {"type": "data", "symmetric": False, "array": plain(above), "arrayminus": plain(below)}
    return {"error_x": reach | {"thickness": 1.5, "width": 3}}
