"""Curves of the report as plain Plotly dictionaries (`data`, `layout`); colours of text and grid are the page's business.

Colours of methods are Okabe and Ito's, which the colour-blind can tell apart. Names that come from data are escaped: Plotly
reads markup in its labels.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
METHOD_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
LABEL_LENGTH = 22
ROW_HEIGHT = 13
MIN_ROWS = 12


def label(name: str, length: int = LABEL_LENGTH) -> str:
    """Return a name as a label that Plotly shows as it is, cut where it would crowd out the figure."""
    short = name if len(name) <= length else name[: length - 1].rstrip() + "…"
    return escape(short)


def plain(values: np.ndarray) -> list:
    """Return numbers as nested lists that JSON can hold, rounded to 0.01, None where there is none."""
    rounded = np.round(np.asarray(values, dtype=float), 2)
    return np.where(np.isfinite(rounded), rounded, None).tolist()


def rows_height(stations: Sequence[str]) -> int:
    """Return the pixels that a figure with one row per station needs for its rows."""
    return ROW_HEIGHT * max(len(stations), MIN_ROWS)


def station_ticks(stations: Sequence[str]) -> dict:
    """Return a vertical axis with one row per station."""
    return {
        "tickvals": list(range(len(stations))),
        "ticktext": [label(name) for name in stations],
        "tickfont": {"size": 10},
        "zeroline": False,
        "range": [-0.6, len(stations) - 0.4],
    }


def by_lead(errors: Mapping[str, np.ndarray], main: str) -> dict:
    """Draw one line per method: mean absolute error by lead 1, 2, … minutes."""
    leads = list(range(1, 1 + len(next(iter(errors.values())))))
    traces = [trace | {"x": leads, "y": plain(errors[name])} for name, trace in _traces(errors, main)]
    axes = {
        "xaxis": {"title": {"text": "lead, minutes ahead"}, "dtick": 5, "tick0": 0},
        "yaxis": _error_axis(),
    }
    return {"data": traces, "layout": {"height": 420, **axes}}


def by_hour(errors: Mapping[str, np.ndarray], main: str) -> dict:
    """Draw one line per method: mean absolute error by hour of the service day; hours without scored cells are left out."""
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


def by_station(errors: Mapping[str, np.ndarray], main: str, stations: Sequence[str]) -> dict:
    """Draw one mark per method and station, stations up the side as in the heatmaps."""
    rows = list(range(len(stations)))
    traces = [
        trace | {"x": plain(errors[name]), "y": rows, "mode": "markers"}
        for name, trace in _traces(errors, main)
    ]
    axes = {"xaxis": _error_axis(), "yaxis": station_ticks(stations)}
    return {"data": traces, "layout": {"height": 150 + rows_height(stations), **axes}}


def reliability(levels: Sequence[float], shares: Mapping[str, Sequence[float]]) -> dict:
    """Draw, per group of cells, the share of truths at or below each quantile over the quantile's level, in per cent."""
    ends = [0, 100]
    right = {
        "type": "scatter",
        "name": "as it should be",
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


def _error_axis() -> dict:
    return {"title": {"text": "mean absolute error, minutes"}, "rangemode": "tozero"}


def _traces(methods: Mapping[str, object], main: str) -> list[tuple[str, dict]]:
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
