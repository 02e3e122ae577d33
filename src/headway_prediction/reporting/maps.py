"""Space-time maps of the report, and profiles along the line, as plain Plotly dictionaries.

Sequential colours are Cividis, those of errors run from blue to vermilion: the colour-blind can tell them apart.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from headway_prediction.reporting.figures import label, plain, rows_height, station_ticks

HEADWAY_SCALE = "Cividis"
ERROR_SCALE = ((0.0, "#0072B2"), (0.5, "#dddddd"), (1.0, "#D55E00"))
SCALE_STEP_MINS = 5
TRUTH_COLOUR = "#888888"
PROFILE_COLOURS = ("#0072B2", "#D55E00")
PROFILE_SYMBOLS = ("circle", "square-open")
SHORT_LABEL = 11
BAR_LABELS = 18
"""Pixels between map and colour bar, for the bar's labels."""


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


def _hour_ticks(times: Sequence[str]) -> dict:
    """Label the columns at every third full hour."""
    full = [k for k, time in enumerate(times) if time.endswith(":00") and int(time[:2]) % 3 == 0]
    return {"tickvals": full, "ticktext": [times[k] for k in full], "zeroline": False}


def window_map(
    known: np.ndarray,
    after: Mapping[str, np.ndarray],
    stations: Sequence[str],
    times: Sequence[str],
    end: float,
) -> dict:
    """Draw side by side what was `known` (minutes, stations) and, by name, the minutes `after` it as they came or were said.

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
    truth: np.ndarray, said: Mapping[str, Mapping[float, np.ndarray]], stations: Sequence[str]
) -> dict:
    """Draw the headways of one minute along the line: `truth` (stations,), and each method's median and interval.

    `said` holds quantiles by method and level, in minutes.
    """
    rows = list(range(len(stations)))
    looks = zip(said.items(), PROFILE_COLOURS, PROFILE_SYMBOLS, strict=False)
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


def _marks(name: str, values: list, rows: list[int], colour: str, symbol: str) -> dict:
    marker = {"color": colour, "symbol": symbol, "size": 8}
    return {"type": "scatter", "mode": "markers", "name": name, "x": values, "y": rows, "marker": marker}


def _band(quantiles: Mapping[float, np.ndarray]) -> dict:
    """How far the interval reaches to either side of the median, nothing for a method without one."""
    outer = sorted(level for level in quantiles if level != 0.5)
    if len(outer) != 2:
        return {}
    below, above = (np.abs(quantiles[level] - quantiles[0.5]) for level in outer)
    reach = {"type": "data", "symmetric": False, "array": plain(above), "arrayminus": plain(below)}
    return {"error_x": reach | {"thickness": 1.5, "width": 3}}
