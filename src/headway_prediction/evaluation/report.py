"""The report: one self-contained HTML file on how good the forecasts of a line are."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import xarray as xr

from headway_prediction.clock import instant
from headway_prediction.evaluation import report_figures as figures
from headway_prediction.evaluation import report_summary
from headway_prediction.evaluation.cell_statistics import scored_forecast
from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.report_page import Section, bullets, html_table, page, paragraphs
from headway_prediction.evaluation.score_tables import ScoreTable, score_tables
from headway_prediction.evaluation.truth import Truth, day_truth, scored_origins
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import DIRECTIONS, Line

SHOWN_LEAD = 10
YARDSTICK = "persistence"
POINT_NOTE = (
    "Minutes; lower is better, except R². @5, @10 and @15 are leads in minutes; ev_ means at event cells, late at leads 11 "
    "to 15. disp is how widely the forecasts spread, as a share of how widely the truth does: a calibrated mean has a disp "
    "of √ev_R². The best of a column is bold."
)
INTERVAL_NOTE = (
    "Of the methods that give an interval: cover is the share of cells whose truth lies within it; at event cells, in all "
    "and at leads 1 to 5, 6 to 10 and 11 to 15, it should be 80 %. Interval score and pinball loss are minutes."
)


def write_report(
    path: Path | str,
    history: LineHistory,
    scores: Scores,
    forecasts: Mapping[str, Mapping[date, Forecast]],
    method: str,
) -> None:
    """Write the report on `method` beside all scored methods, whole or not at all; it loads nothing from the net.

    `forecasts` are those that were scored, by method and service date. Raises HeadwayError when the disk refuses.
    """
    text = report_html(history, scores, forecasts[method], method)
    with atomic_path(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def report_html(history: LineHistory, scores: Scores, by_date: Mapping[date, Forecast], method: str) -> str:
    """Return the report on `method`, whose forecasts are `by_date`, as HTML."""
    day = most_disturbed_day(scores, method)
    truth = day_truth(history, day, scored_origins(history, day))
    forecast = scored_forecast(by_date.get(day), truth, {0.5}).quantiles[0.5]
    sections = [_day_section(truth, forecast, scores.line, method), *_error_sections(scores, method)]
    return page(
        f"Headway forecasts of {scores.line.line_id}",
        _summary(scores, method),
        _tables(scores, method),
        sections,
    )


def most_disturbed_day(scores: Scores, method: str) -> date:
    """Return the scored date on which persistence (or, where that was not scored, `method`) errs most."""
    errors = scores.by_date()["mae"].sel({"method": YARDSTICK if YARDSTICK in scores.methods else method})
    return scores.service_dates[int(errors.values.argmax())]


def _summary(scores: Scores, method: str) -> str:
    opening = [report_summary.basis(scores), report_summary.ranking(scores, method)]
    compared = bullets(report_summary.comparisons(scores, method))
    return "\n".join([paragraphs(opening), compared, paragraphs(report_summary.NOTES)])


def _tables(scores: Scores, method: str) -> str:
    notes = (POINT_NOTE, INTERVAL_NOTE)
    parts = [
        f"{paragraphs([note])}{_table(table, method)}"
        for note, table in zip(notes, score_tables(scores), strict=False)
    ]
    return "\n".join(["<h2>All methods</h2>", *parts])


def _table(table: ScoreTable, method: str) -> str:
    headings = ["method", *(column.heading for column in table.columns)]
    rows = {name: [(cell.text, cell.is_best) for cell in cells] for name, cells in table.rows.items()}
    return html_table(headings, rows, method)


def _day_section(truth: Truth, forecast: np.ndarray, line: Line, method: str) -> Section:
    """Truth, forecast (the median, as MAE judges it) and error of one day, one panel per direction."""
    blank = np.where(truth.valid, 0.0, np.nan)
    actual, median = (values[:, SHOWN_LEAD - 1] for values in (truth.headway + blank, forecast + blank))
    error = median - actual
    times = [
        f"{instant(truth.service_date, minute, line.time_zone):%H:%M}"
        for minute in truth.origins + SHOWN_LEAD
    ]
    end, error_end = figures.scale_end(actual), figures.scale_end(error)
    maps = [("Truth", actual, end, False), (f"Forecast by {method}", median, end, False)]
    maps.append(("Error: forecast minus truth", error, error_end, True))
    drawn = [
        (
            f"{title}, {towards(line, direction)}",
            figures.heatmap(cells[:, :, direction], line.station_names, times, scale, signed),
        )
        for title, cells, scale, signed in maps
        for direction in DIRECTIONS
    ]
    text = (
        f"Headways of {truth.service_date}, of the scored days the most disturbed, as they were and as {method} had "
        f"forecast them {SHOWN_LEAD} minutes before. Blank: nothing to be scored. A missing forecast counts as 10 minutes."
    )
    return Section("One day", text, drawn)


def towards(line: Line, direction: int) -> str:
    """Name a direction by the station its trains end at."""
    return f"towards {line.stations[line.travel_order(direction)[-1]].name}"


def _error_sections(scores: Scores, method: str) -> list[Section]:
    leads, hours, platforms = (
        data["mae"] for data in (scores.by_lead(), scores.by_hour(), scores.by_platform())
    )
    stations = [
        (
            f"Trains {towards(scores.line, direction)}",
            figures.by_station(
                _by_method(platforms.sel({"direction": direction})), method, scores.line.station_names
            ),
        )
        for direction in DIRECTIONS
    ]
    curves = [
        ("By lead", figures.by_lead(_by_method(leads), method)),
        ("By hour of the service day, local time", figures.by_hour(_by_method(hours), method)),
    ]
    return [
        Section("Error by lead and by hour", "Mean absolute error over all scored cells.", curves),
        Section("Error by station", "Mean absolute error over all leads.", stations),
    ]


def _by_method(errors: xr.DataArray) -> dict[str, np.ndarray]:
    return {name: errors.sel({"method": name}).values for name in errors["method"].values.tolist()}
