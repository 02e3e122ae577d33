"""Scores of two methods made by hand, for the tests of tables and sentences."""

import numpy as np
import xarray as xr

from headway_prediction.evaluation.cell_statistics import STATISTICS, Sums
from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.detection import EventCells
from headway_prediction.evaluation.truth import CONDITIONS
from headway_prediction.transit.line import Line, Station

LINE = Line("toy", "Europe/Dublin", (Station("A", ("a", "a")), Station("B", ("b", "b"))))
NO_EVENTS = EventCells(
    np.empty(0), np.empty(0), {name: np.empty(0) for name in ("mean [link=x]", "net|work")}
)
INTERVAL = {"covered": 8, "interval_score": 50, "pinball_loss": 7, "draw": 100, "draw_squared": 1040}
NAMES = ("mean [link=x]", "net|work")


def scores_of(intervals=False, missing=0):
    """Ten cells per lead, all event cells, truth 8 and 12: the first method errs by 2, the second by 1 in the median."""
    sums = xr.DataArray(
        np.full((2, 1, 2, len(STATISTICS), 15), np.nan),
        {
            "method": list(NAMES),
            "service_date": np.array(["2025-09-29"], "datetime64[s]"),
            "population": ["valid", "event"],
            "statistic": list(STATISTICS),
            "lead": np.arange(1, 16),
        },
        ("method", "service_date", "population", "statistic", "lead"),
    )
    shared = {"count": 10, "truth": 100, "truth_squared": 5 * (64 + 144), "missing": missing}
    own = {
        "forecast": (100, 100),
        "forecast_squared": (1000, 1010),
        "absolute_error": (20, 10),
        "squared_error": (40, 10),
    }
    for statistic, value in shared.items():
        sums.loc[{"statistic": statistic}] = value
    for statistic, values in own.items():
        sums.loc[{"statistic": statistic}] = np.reshape(values, (2, 1, 1, 1))
    if intervals:
        for statistic, value in INTERVAL.items():
            sums.loc[{"statistic": statistic, "method": NAMES[1]}] = value
    unknown = sums.where(False, 0.0).expand_dims(condition=list(CONDITIONS))
    return Scores(LINE, 3, Sums(sums, sums, sums, unknown), NO_EVENTS)
