"""The score report: one self-contained HTML file on how good the forecasts of a line are."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import xarray as xr

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.cell_statistics import scored_forecast
from headway_prediction.evaluation.compare import COMPARED_METRICS, Difference, Forecasts, Scores
from headway_prediction.evaluation.metrics import LEAD_GROUPS, QUANTILES, CoverageCheck, coverage_checks
from headway_prediction.evaluation.truth import Truth, TypicalHeadway, day_truth
from headway_prediction.grid.history import LineHistory
from headway_prediction.reporting import figures, score_text
from headway_prediction.reporting.page import (
    Block,
    Bullets,
    Figure,
    Section,
    render_page,
    towards,
    write_page,
)
from headway_prediction.reporting.score_tables import (
    CONDITIONS,
    DASH,
    DETECTION,
    INTERVALS,
    POINTS,
    score_tables,
)
from headway_prediction.reporting.tables import Table
from headway_prediction.reporting.worst_windows import window_sections, worst_windows
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import DIRECTIONS, Line

REFERENCE_METHOD = "persistence"
SHOWN_LEAD = 10
NOTES = {
    POINTS: "Minutes; lower is better, except R². @5, @10 and @15 are leads in minutes; ev_ means at event cells, late at "
    "leads 11 to 15. disp is the spread (standard deviation) of the forecasts over that of the truth: a calibrated mean has "
    "a disp of √ev_R². The best of a column is bold.",
    INTERVALS: "Methods with intervals: cover is the share of cells whose truth lies within; at event cells, in all "
    "and at leads 1 to 5, 6 to 10 and 11 to 15, it should be 80 %. Interval score and pinball loss are minutes, lower is "
    "better. disp draws is the spread of draws from the forecasts over that of the truth: 0.95 to 1.05 is right.",
    CONDITIONS: "Mean absolute error in minutes, over all scored cells and at event cells.",
    DETECTION: "At event cells. MCC and AP (average precision) are 1 for a perfect detector; without skill MCC is 0 and AP "
    "the base rate, as for always and never. Recall is the share of such trains with an alert, precision the share of the "
    "alerts that were right. A method raises an alert when its median is beyond the limit. Recall at 80 % is the largest "
    "recall that another limit reaches while 80 % or more of the alerts are right.",
}
DIFFERENCE_NOTE = (
    "The main method minus every other one, in minutes, so that below zero it is better. 95 % intervals and p-values come "
    "from resampling whole service days (paired bootstrap), as the windows of one day are alike. Few days cannot give a "
    "small p; and of twenty comparisons of equal methods one has p < 0.05 by chance."
)
RELIABILITY_NOTE = (
    "Of all passing trains, 10 % should have a headway at or below p10, half at or below p50, 90 % at or below p90: points "
    "on the dotted line. Above it the forecasts are too high, below it too low. Many valid cells hold a headway that is "
    "known beforehand and equals every quantile, so that over all valid cells the points lie higher."
)


def write_report(
    path: Path | str, history: LineHistory, scores: Scores, forecasts: Forecasts, method: str
) -> None:
    """Write the report on `method` beside all scored methods, whole or not at all.

    `forecasts` are those that were scored, by method and service date. Raises HeadwayError when the file cannot be written.
    """
    write_page(path, report_html(history, scores, forecasts, method))


def report_html(history: LineHistory, scores: Scores, forecasts: Forecasts, method: str) -> str:
    """Return the report on `method` as HTML; `forecasts` are those that were scored, by method and service date."""
    typical = TypicalHeadway.before(history, scores.service_dates)
    truths = {
        day: day_truth(history, day, scored_origins(history, day), typical) for day in scores.service_dates
    }
    windows = worst_windows(list(truths.values()), forecasts, method)
    sections = [
        *_score_sections(scores, method),
        *window_sections(history, windows, method),
        _day(truths[most_changeable_day(scores, method)], scores, forecasts, method),
        Section("Glossary", [Bullets(score_text.GLOSSARY)]),
    ]
    summary = {
        "overview": [score_text.overview(scores), score_text.ranking(scores, method)],
        "comparisons": score_text.comparisons(scores, method),
        "weaknesses": score_text.weaknesses(scores, method),
        "intervals": score_text.intervals(scores, method),
        "alerts": score_text.alerts(scores, method),
    }
    title = f"Headway forecasts of {scores.line.line_id}"
    return render_page("score_report.html", title, sections, summary=summary)


def most_changeable_day(scores: Scores, method: str) -> date:
    """Return the scored date with the largest error of persistence or, where that was not scored, of `method`."""
    reference = REFERENCE_METHOD if REFERENCE_METHOD in scores.methods else method
    errors = scores.by_date()["mae"].sel({"method": reference})
    return scores.service_dates[int(errors.values.argmax())]


def _score_sections(scores: Scores, method: str) -> list[Section]:
    tables = {table.title: table for table in score_tables(scores)}
    found = [_table_section("Errors", tables[POINTS], method)]
    if len(scores.methods) > 1:
        found.append(_difference_section(scores, method))
    found += _error_sections(scores, method)
    found += [
        _table_section(name, tables[name], method) for name in (CONDITIONS, DETECTION) if name in tables
    ]
    if INTERVALS in tables:
        found.append(_interval_section(scores, tables[INTERVALS], method))
    return found


def _table_section(heading: str, table: Table, method: str) -> Section:
    return Section(heading, [NOTES[table.title], table.with_main(method)])


def _difference_section(scores: Scores, method: str) -> Section:
    """By how much the method differs from every other one, and how certain that is."""
    others = [name for name in scores.methods if name != method]
    rows = {
        other: [
            text
            for metric in COMPARED_METRICS
            for text in _difference_texts(scores.difference(method, other, metric))
        ]
        for other in others
    }
    names = {"mae": "MAE", "rmse": "RMSE", "ev_mae": "ev_MAE"}
    headings = [f"{method} minus"]
    headings += [text for metric in COMPARED_METRICS for text in (names[metric], "95 % interval", "p")]
    table = Table.of_texts("Differences", headings, rows)
    return Section("Are the differences significant?", [DIFFERENCE_NOTE, table])


def _difference_texts(difference: Difference) -> list[str]:
    if np.isnan(difference.p_value):
        return [f"{difference.estimate:+.3f}", DASH, DASH]
    p_value = "<0.001" if difference.p_value < 0.001 else f"{difference.p_value:.3f}"
    return [f"{difference.estimate:+.3f}", f"{difference.low:+.3f} to {difference.high:+.3f}", p_value]


def _interval_section(scores: Scores, table: Table, method: str) -> Section:
    """The table of intervals, whether their coverage keeps its limits, and the reliability of each quantile."""
    methods = [row.name for row in table.rows]
    drawn = [
        (f"Reliability of {name}, {cells}", _reliability(scores, name, population))
        for name in methods
        for population, cells in (("ev_", "event cells"), ("", "all valid cells"))
    ]
    coverage = _coverage_table(scores, methods)
    blocks: list[Block] = [NOTES[table.title], table.with_main(method), coverage, RELIABILITY_NOTE]
    return Section("Are the intervals right?", blocks, drawn)


def _coverage_table(scores: Scores, methods: Sequence[str]) -> Table:
    """One row per limit, one column per method."""
    table = scores.table()
    checks = [coverage_checks(table[name]) for name in methods]
    rows = {
        own[0].cells: [*(f"{each.coverage:.1%} {each.verdict}" for each in own), _limits(own[0])]
        for own in zip(*checks, strict=True)
    }
    return Table.of_texts("Coverage", ["coverage of", *methods, "limits"], rows)


def _limits(check: CoverageCheck) -> str:
    return f"at least {check.low:.0%}" if check.high == 1 else f"{check.low:.0%} to {check.high:.0%}"


def _reliability(scores: Scores, method: str, population: str) -> Figure:
    row, names = scores.table()[method], [f"{population}at_or_below_{name}" for name in QUANTILES]
    shares = {"all leads": [row[name] for name in names]}
    shares |= {f"leads {group}": [row[f"{name}@{group}"] for name in names] for group in LEAD_GROUPS}
    return figures.reliability(list(QUANTILES.values()), shares)


def _error_sections(scores: Scores, method: str) -> list[Section]:
    """The errors by lead, by hour and by station, and those of quiet and disturbed periods apart."""
    leads, hours = scores.by_lead(), scores.by_hour()["mae"]
    curves = [
        ("By lead", figures.by_lead(_by_method(leads["mae"]), method)),
        ("By lead, at event cells", figures.by_lead(_by_method(leads["ev_mae"]), method)),
        *_condition_figures(scores, method),
        ("By hour of the service day, local time", figures.by_hour(_by_method(hours), method)),
    ]
    text = "Mean absolute error in minutes, over all scored cells unless stated otherwise."
    return [Section("Error by lead and by hour", [text], curves), _station_section(scores, method)]


def _condition_figures(scores: Scores, method: str) -> list[tuple[str, Figure]]:
    errors = scores.by_condition_and_lead()["mae"]
    return [
        (
            f"By lead, in {condition} periods",
            figures.by_lead(_by_method(errors.sel(condition=condition)), method),
        )
        for condition in ("quiet", "disturbed")
        if np.isfinite(errors.sel(condition=condition)).any()
    ]


def _station_section(scores: Scores, method: str) -> Section:
    platforms, directions = scores.by_platform()["mae"], scores.by_direction()
    line = scores.line
    names = [f"{metric}, {towards(line, d)}" for d in DIRECTIONS for metric in ("MAE", "ev_MAE")]
    rows = {
        name: [
            f"{float(directions[metric].sel({'method': name, 'direction': d})):.3f}"
            for d in DIRECTIONS
            for metric in ("mae", "ev_mae")
        ]
        for name in scores.methods
    }
    drawn = [
        (
            f"Trains {towards(line, d)}",
            figures.by_station(_by_method(platforms.sel({"direction": d})), method, line.station_names),
        )
        for d in DIRECTIONS
    ]
    table = Table.of_texts("Directions", ["method", *names], rows).with_main(method)
    text = "Mean absolute error in minutes over all leads."
    return Section("Error by direction and station", [text, table], drawn)


def _by_method(errors: xr.DataArray) -> Mapping[str, np.ndarray]:
    return {name: errors.sel({"method": name}).values for name in errors["method"].values.tolist()}


def _day(truth: Truth, scores: Scores, forecasts: Forecasts, method: str) -> Section:
    forecast = scored_forecast(forecasts[method].get(truth.service_date), truth, {0.5})
    return day_section(truth, forecast.quantiles[0.5], scores.line, method)


def day_section(truth: Truth, forecast: np.ndarray, line: Line, method: str) -> Section:
    """Draw truth, forecast (the median, which MAE judges) and error of one day, one figure per direction."""
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
        f"Headways of {truth.service_date}, the scored day on which they changed most, and their forecasts by {method} "
        f"{SHOWN_LEAD} minutes ahead. Blank cells are not scored. A missing forecast counts as 10 minutes."
    )
    return Section("One day", [text], drawn)
