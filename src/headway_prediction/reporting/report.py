"""The report: one self-contained HTML file on how good the forecasts of a line are."""

from datetime import date
from pathlib import Path

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.cell_statistics import scored_forecast
from headway_prediction.evaluation.compare import Forecasts, Scores
from headway_prediction.evaluation.truth import Truth, TypicalHeadway, day_truth
from headway_prediction.files import atomic_path
from headway_prediction.grid.history import LineHistory
from headway_prediction.reporting import sections, summary
from headway_prediction.reporting.day import day_section
from headway_prediction.reporting.glossary import NOTES
from headway_prediction.reporting.page import Section, bullets, page, paragraphs
from headway_prediction.reporting.score_tables import score_tables
from headway_prediction.reporting.weaknesses import weaknesses
from headway_prediction.reporting.windows import window_sections
from headway_prediction.reporting.worst_windows import worst_windows

REFERENCE_METHOD = "persistence"


def write_report(
    path: Path | str, history: LineHistory, scores: Scores, forecasts: Forecasts, method: str
) -> None:
    """Write the report on `method` beside all scored methods, whole or not at all; it loads nothing from the net.

    `forecasts` are those that were scored, by method and service date. Raises HeadwayError when the disk refuses.
    """
    text = report_html(history, scores, forecasts, method)
    with atomic_path(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def report_html(history: LineHistory, scores: Scores, forecasts: Forecasts, method: str) -> str:
    """Return the report on `method` as HTML; `forecasts` are those that were scored, by method and service date."""
    typical = TypicalHeadway.before(history, scores.service_dates)
    truths = {
        day: day_truth(history, day, scored_origins(history, day), typical) for day in scores.service_dates
    }
    windows = worst_windows(list(truths.values()), forecasts, method)
    parts = [
        *_score_sections(scores, method),
        *window_sections(history, windows, method),
        _day(truths[most_changeable_day(scores, method)], scores, forecasts, method),
        Section("What the words mean", bullets(NOTES), []),
    ]
    return page(f"Headway forecasts of {scores.line.line_id}", _summary(scores, method), parts)


def most_changeable_day(scores: Scores, method: str) -> date:
    """Return the scored date on which persistence (or, where that was not scored, `method`) errs most."""
    errors = scores.by_date()["mae"].sel(
        {"method": REFERENCE_METHOD if REFERENCE_METHOD in scores.methods else method}
    )
    return scores.service_dates[int(errors.values.argmax())]


def _summary(scores: Scores, method: str) -> str:
    parts = [
        paragraphs([summary.overview(scores), summary.ranking(scores, method)]),
        bullets(summary.comparisons(scores, method)),
        _titled("Where it is weak", bullets(weaknesses(scores, method))),
        _titled("Does it know how sure it is?", paragraphs([summary.intervals(scores, method)])),
        _titled("Can it warn of bunched and gapped trains?", bullets(summary.alerts(scores, method))),
    ]
    return "\n".join(parts)


def _titled(title: str, body: str) -> str:
    return f"<h3>{title}</h3>{body}"


def _score_sections(scores: Scores, method: str) -> list[Section]:
    tables = {table.title: table for table in score_tables(scores)}
    found = [sections.table_section("How far off", tables["points"], method)]
    if len(scores.methods) > 1:
        found.append(sections.difference_section(scores, method))
    found += sections.error_sections(scores, method)
    for title, heading in (
        ("quiet and disturbed periods", "Quiet and disturbed periods"),
        ("bunched and gapped trains", "Bunched and gapped trains"),
    ):
        if title in tables:
            found.append(sections.table_section(heading, tables[title], method))
    if "intervals" in tables:
        found.append(sections.interval_section(scores, tables["intervals"], method))
    return found


def _day(truth: Truth, scores: Scores, forecasts: Forecasts, method: str) -> Section:
    forecast = scored_forecast(forecasts[method].get(truth.service_date), truth, {0.5})
    return day_section(truth, forecast.quantiles[0.5], scores.line, method)
