"""Space-time maps of the report as plain Plotly dictionaries.

Sequential colours are Cividis, those of errors run from blue to vermilion: the colour-blind can tell them apart.
"""

from collections.abc import Sequence

import numpy as np

from headway_prediction.evaluation.report_figures import plain, rows_height, station_ticks

HEADWAY_SCALE = "Cividis"
ERROR_SCALE = ((0.0, "#0072B2"), (0.5, "#dddddd"), (1.0, "#D55E00"))
SCALE_STEP_MINS = 5
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
