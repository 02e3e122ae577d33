"""The report's section on one day: truth, forecast and error as space-time maps."""

import numpy as np

from headway_prediction.evaluation.truth import Truth
from headway_prediction.reporting.glossary import towards
from headway_prediction.reporting.maps import heatmap, scale_end
from headway_prediction.reporting.page import Section, paragraphs
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import DIRECTIONS, Line

SHOWN_LEAD = 10


def day_section(truth: Truth, forecast: np.ndarray, line: Line, method: str) -> Section:
    """Draw truth, forecast (the median, as MAE judges it) and error of one day, one panel per direction."""
    blank = np.where(truth.valid, 0.0, np.nan)
    actual, median = (values[:, SHOWN_LEAD - 1] for values in (truth.headway + blank, forecast + blank))
    error = median - actual
    times = [
        f"{instant(truth.service_date, minute, line.time_zone):%H:%M}"
        for minute in truth.origins + SHOWN_LEAD
    ]
    end, error_end = scale_end(actual), scale_end(error)
    maps = [("Truth", actual, end, False), (f"Forecast by {method}", median, end, False)]
    maps.append(("Error: forecast minus truth", error, error_end, True))
    drawn = [
        (
            f"{title}, {towards(line, direction)}",
            heatmap(cells[:, :, direction], line.station_names, times, scale, signed),
        )
        for title, cells, scale, signed in maps
        for direction in DIRECTIONS
    ]
    text = (
        f"Headways of {truth.service_date}, of the scored days the one on which they changed most, as they were and as "
        f"{method} had forecast them {SHOWN_LEAD} minutes before. Blank: nothing to be scored. A missing forecast counts as "
        "10 minutes."
    )
    return Section("One day", paragraphs([text]), drawn)
