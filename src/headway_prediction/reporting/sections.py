"""The report's sections of scores: tables and curves by method, lead, hour, station, direction and condition."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from headway_prediction.evaluation.compare import COMPARED_METRICS, Difference, Scores
from headway_prediction.evaluation.metrics import LEAD_GROUPS, QUANTILES, CoverageCheck, coverage_checks
from headway_prediction.reporting import figures
from headway_prediction.reporting.glossary import towards
from headway_prediction.reporting.page import Section, html_table, paragraphs
from headway_prediction.reporting.score_tables import DASH, ScoreTable
from headway_prediction.transit.line import DIRECTIONS

NOTES = {
    "points": "Minutes; lower is better, except R². @5, @10 and @15 are leads in minutes; ev_ means at event cells, "
    "late at leads 11 to 15. disp is how widely the forecasts spread, as a share of how widely the truth does: a "
    "calibrated mean has a disp of √ev_R². The best of a column is bold.",
    "intervals": "Of the methods that give an interval: cover is the share of cells whose truth lies within it; at "
    "event cells, in all and at leads 1 to 5, 6 to 10 and 11 to 15, it should be 80 %. Interval score and pinball "
    "loss are minutes, lower is better. disp draws is how widely draws from the forecasts spread, as a share of how "
    "widely the truth does: 0.95 to 1.05 is right.",
    "quiet and disturbed periods": "Mean absolute error in minutes, over all scored cells and at event cells.",
    "bunched and gapped trains": "At event cells. MCC and AP (average precision) are 1 for a perfect detector; MCC "
    "is 0 for one that knows nothing, AP its base rate, as for always and never. Caught is the share of such trains "
    "that it had warned of, right the share of its warnings that were. A method warns when its median is beyond the "
    "limit.",
}
DIFFERENCE_NOTE = (
    "The main method minus every other one, in minutes, so that below zero it is better; 95 % intervals and "
    "p-values come from drawing whole service days again (paired bootstrap), as the windows of one day are alike. "
    "Few days cannot give a small p; and of twenty comparisons of equals one has p < 0.05 by chance."
)
RELIABILITY_NOTE = (
    "Of all trains that pass, 10 % should have a headway at or below p10, half at or below p50 and 90 % at or below p90: "
    "points on the dotted line. Above it the forecasts are too high, below it too low. Of all valid cells many hold a "
    "headway that is known beforehand and equals every quantile, so that there the points lie higher."
)


def table_section(heading: str, table: ScoreTable, method: str) -> Section:
    """Show a table of scores with its note."""
    return Section(heading, paragraphs([NOTES[table.title]]) + _table(table, method), [])


def _table(table: ScoreTable, method: str) -> str:
    headings = ["method", *(column.heading for column in table.columns)]
    rows = {name: [(cell.text, cell.is_best) for cell in cells] for name, cells in table.rows.items()}
    return html_table(headings, rows, method)


def difference_section(scores: Scores, method: str) -> Section:
    """Show by how much the method differs from every other one, and how surely; nothing to show without another."""
    others = [name for name in scores.methods if name != method]
    rows = {
        other: [
            cell
            for metric in COMPARED_METRICS
            for cell in _difference_cells(scores.difference(method, other, metric))
        ]
        for other in others
    }
    names = {"mae": "MAE", "rmse": "RMSE", "ev_mae": "ev_MAE"}
    headings = [f"{method} minus"]
    headings += [text for metric in COMPARED_METRICS for text in (names[metric], "95 % interval", "p")]
    return Section(
        "Is the difference real?", paragraphs([DIFFERENCE_NOTE]) + html_table(headings, rows, method), []
    )


def _difference_cells(difference: Difference) -> list[tuple[str, bool]]:
    if np.isnan(difference.p_value):
        return [(f"{difference.estimate:+.3f}", False), (DASH, False), (DASH, False)]
    p_value = "<0.001" if difference.p_value < 0.001 else f"{difference.p_value:.3f}"
    interval = f"{difference.low:+.3f} to {difference.high:+.3f}"
    return [(f"{difference.estimate:+.3f}", False), (interval, False), (p_value, False)]


def interval_section(scores: Scores, table: ScoreTable, method: str) -> Section:
    """Show the table of intervals, whether their coverage keeps its limits, and how reliable each quantile is."""
    text = (
        paragraphs([NOTES[table.title]]) + _table(table, method) + _coverage_table(scores, list(table.rows))
    )
    drawn = [
        (f"Reliability of {name}, {cells}", _reliability(scores, name, population))
        for name in table.rows
        for population, cells in (("ev_", "event cells"), ("", "all valid cells"))
    ]
    return Section("Do the intervals tell the truth?", text + paragraphs([RELIABILITY_NOTE]), drawn)


def _coverage_table(scores: Scores, methods: Sequence[str]) -> str:
    """One row per limit, one column per method."""
    table = scores.table()
    checks = [coverage_checks(table[name]) for name in methods]
    rows = {
        limit.cells: [
            *((f"{each.coverage:.1%} {each.verdict}", False) for each in kept),
            (_limits(limit), False),
        ]
        for limit, *kept in zip(checks[0], *checks, strict=True)
    }
    return html_table(["coverage of", *methods, "limits"], rows, "")


def _limits(check: CoverageCheck) -> str:
    return f"at least {check.low:.0%}" if check.high == 1 else f"{check.low:.0%} to {check.high:.0%}"


def _reliability(scores: Scores, method: str, population: str) -> dict:
    row, names = scores.table()[method], [f"{population}at_or_below_{name}" for name in QUANTILES]
    shares = {"all leads": [row[name] for name in names]}
    shares |= {f"leads {group}": [row[f"{name}@{group}"] for name in names] for group in LEAD_GROUPS}
    return figures.reliability(list(QUANTILES.values()), shares)


def error_sections(scores: Scores, method: str) -> list[Section]:
    """Draw the errors by lead, by hour and by station, and those of quiet and disturbed periods apart."""
    leads, hours = scores.by_lead(), scores.by_hour()["mae"]
    curves = [
        ("By lead", figures.by_lead(_by_method(leads["mae"]), method)),
        ("By lead, at event cells", figures.by_lead(_by_method(leads["ev_mae"]), method)),
        *_condition_figures(scores, method),
        ("By hour of the service day, local time", figures.by_hour(_by_method(hours), method)),
    ]
    text = "Mean absolute error in minutes, over all scored cells where nothing else is said."
    return [
        Section("Error by lead and by hour", paragraphs([text]), curves),
        _station_section(scores, method),
    ]


def _condition_figures(scores: Scores, method: str) -> list[tuple[str, dict]]:
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
            (f"{float(directions[metric].sel({'method': name, 'direction': d})):.3f}", False)
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
    text = paragraphs(["Mean absolute error in minutes over all leads."]) + html_table(
        ["method", *names], rows, method
    )
    return Section("Error by direction and station", text, drawn)


def _by_method(errors: xr.DataArray) -> Mapping[str, np.ndarray]:
    return {name: errors.sel({"method": name}).values for name in errors["method"].values.tolist()}
