"""Figures of the report as plain Plotly dictionaries (`data`, `layout`); colours of text and grid are the page's business.

Sequential colours are Cividis, those of errors run from blue to vermilion, those of methods are Okabe and Ito's: all can be
told apart by the colour-blind. Names that come from data are escaped: Plotly reads markup in its labels.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
METHOD_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
HEADWAY_SCALE = "Cividis"
ERROR_SCALE = ((0.0, "#0072B2"), (0.5, "#dddddd"), (1.0, "#D55E00"))
LABEL_LENGTH = 22
ROW_HEIGHT = 13
LEAST_ROWS = 12
SCALE_STEP_MINS = 5


def label(name: str) -> str:
    """Return a name as a label that Plotly shows as it is, cut where it would crowd out the figure."""
    short = name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1].rstrip() + "…"
    return escape(short)


def plain(values: np.ndarray) -> list:
    """Return numbers as nested lists that JSON can hold, rounded to 0.01, None where there is none."""
    rounded = np.round(np.asarray(values, dtype=float), 2)
    return np.where(np.isfinite(rounded), rounded, None).tolist()


def scale_end(values: np.ndarray) -> float:
    """Return where a colour scale ends: all but two in a hundred of the (absolute) values, in steps of 5 minutes."""
    finite = np.abs(values[np.isfinite(values)])
    widest = np.quantile(finite, 0.98) if finite.size else 0.0
    return float(max(1, np.ceil(widest / SCALE_STEP_MINS)) * SCALE_STEP_MINS)


def heatmap(
    cells: np.ndarray, stations: Sequence[str], times: Sequence[str], end: float, signed: bool = False
) -> dict:
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
            "orientation": "h", "thickness": 10, "y": 1, "yanchor": "bottom", "len": 1, "ypad": 0, "ticksuffix": " min",
        },
    }  # fmt: skip
    return {
        "data": [trace],
        "layout": {
            "height": 110 + _rows_height(stations),
            "xaxis": {**_hour_ticks(times), "showgrid": False},
            "yaxis": {**_station_ticks(stations), "showgrid": False},
        },
    }


def _rows_height(stations: Sequence[str]) -> int:
    return ROW_HEIGHT * max(len(stations), LEAST_ROWS)


def _hour_ticks(times: Sequence[str]) -> dict:
    """Label the columns at every third full hour."""
    full = [k for k, time in enumerate(times) if time.endswith(":00") and int(time[:2]) % 3 == 0]
    return {"tickvals": full, "ticktext": [times[k] for k in full], "zeroline": False}


def _station_ticks(stations: Sequence[str]) -> dict:
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
    axes = {"xaxis": _error_axis(), "yaxis": _station_ticks(stations)}
    return {"data": traces, "layout": {"height": 150 + _rows_height(stations), **axes}}


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
