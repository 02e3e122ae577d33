"""The tables of scores, one row per method: their columns, and their cells for page, terminal and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType

from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.detection import ALL_LEADS, THRESHOLDS
from headway_prediction.reporting.tables import Cell, Row, Table, markdown_table, terminal_table

DASH = "–"


@dataclass(frozen=True)
class Column:
    """A metric's heading, its name in `Scores.table`, and which end is best: "low", "high" or neither ("")."""

    heading: str
    metric: str
    best: str = "low"
    percent: bool = False

    def text(self, value: float) -> str:
        """Return the printed value."""
        if not np.isfinite(value):
            return DASH
        return f"{value:.1%}" if self.percent else f"{value:.3f}"


COLUMNS = (
    Column("MAE", "mae"),
    Column("RMSE", "rmse"),
    Column("R²", "r2", "high"),
    Column("MAE@5", "mae@5"),
    Column("MAE@10", "mae@10"),
    Column("MAE@15", "mae@15"),
    Column("ev_MAE", "ev_mae"),
    Column("ev_MAE late", "ev_mae_late"),
    Column("disp", "disp", ""),
    Column("√ev_R²", "sqrt_ev_r2", ""),
)
INTERVAL_COLUMNS = (
    Column("ev_cover", "ev_coverage", "", percent=True),
    Column("ev_cover 1–5", "ev_coverage@1-5", "", percent=True),
    Column("ev_cover 6–10", "ev_coverage@6-10", "", percent=True),
    Column("ev_cover 11–15", "ev_coverage@11-15", "", percent=True),
    Column("cover", "coverage", "", percent=True),
    Column("interval score", "interval_score"),
    Column("pinball", "pinball_loss"),
    Column("disp draws", "disp_draws", ""),
)
CONDITION_COLUMNS = (
    Column("quiet MAE", "quiet mae"),
    Column("quiet ev_MAE", "quiet ev_mae"),
    Column("disturbed MAE", "disturbed mae"),
    Column("disturbed ev_MAE", "disturbed ev_mae"),
)
DETECTION_COLUMNS = tuple(
    Column(f"{kind} {heading}", f"{kind} {metric}", best, percent)
    for kind in THRESHOLDS
    for heading, metric, best, percent in (
        ("MCC", "mcc", "high", False),
        ("AP", "average_precision", "high", False),
        ("recall at 80 %", "recall_at_precision", "high", True),
        ("recall", "recall", "", True),
        ("precision", "precision", "", True),
    )
)
MISSING_COLUMN = Column("missing", "missing", "", percent=True)


POINTS, INTERVALS = "Points", "Intervals"
CONDITIONS, DETECTION = "Quiet and disturbed periods", "Bunched and gapped trains"
"""Titles of the tables."""


def score_tables(scores: Scores) -> list[Table]:
    """Return the tables POINTS and, where there are rows, INTERVALS, CONDITIONS and DETECTION.

    Values that print alike are equally good. The share of missing cells is a column of the first table unless it prints as
    zero for every method.
    """
    table = scores.table()
    gaps = {MISSING_COLUMN.text(row["missing"]) for row in table.values()}
    missing = () if gaps == {MISSING_COLUMN.text(0.0)} else (MISSING_COLUMN,)
    with_interval = {method: row for method, row in table.items() if np.isfinite(row["coverage"])}
    tables = [
        _score_table(POINTS, (*COLUMNS, *missing), table),
        _score_table(INTERVALS, INTERVAL_COLUMNS, with_interval),
        _score_table(CONDITIONS, CONDITION_COLUMNS, condition_rows(scores)),
        _score_table(DETECTION, DETECTION_COLUMNS, detection_rows(scores)),
    ]
    return [each for each in tables if each.rows]


def condition_rows(scores: Scores) -> dict[str, dict[str, float]]:
    """Return mae and ev_mae in quiet and disturbed periods by method; empty without typical headways."""
    errors = scores.by_condition()
    if not np.isfinite(errors["mae"].sel(condition=["quiet", "disturbed"])).any():
        return {}
    return {
        method: {
            f"{condition} {metric}": float(errors[metric].sel({"method": method, "condition": condition}))
            for condition in ("quiet", "disturbed")
            for metric in ("mae", "ev_mae")
        }
        for method in scores.methods
    }


def detection_rows(scores: Scores) -> dict[str, dict[str, float]]:
    """Return the scores of bunched and gapped trains over all leads by detector; empty without typical headways."""
    if not len(scores.events.truth):
        return {}
    found = {kind: scores.detection(kind)[ALL_LEADS] for kind in THRESHOLDS}
    return {
        detector: {
            f"{kind} {name}": value for kind in THRESHOLDS for name, value in found[kind][detector].items()
        }
        for detector in found["bunched"]
    }


def _score_table(title: str, columns: Sequence[Column], scores: Mapping[str, Mapping[str, float]]) -> Table:
    best = [_best_text(column, [metrics[column.metric] for metrics in scores.values()]) for column in columns]
    rows = []
    for method, metrics in scores.items():
        texts = [column.text(metrics[column.metric]) for column in columns]
        rows.append(Row(method, [Cell(text, text == top) for text, top in zip(texts, best, strict=True)]))
    return Table(title, ["method", *(column.heading for column in columns)], rows)


def _best_text(column: Column, values: list[float]) -> str | None:
    finite = [value for value in values if np.isfinite(value)]
    if not column.best or not finite:
        return None
    return column.text(min(finite) if column.best == "low" else max(finite))


def terminal_scores(scores: Scores) -> RenderableType:
    """Return the tables for a Rich console; the first one fits into 80 columns."""
    dates = scores.service_dates
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    first, *others = score_tables(scores)
    title = f"{scores.line.line_id}: {days}; minutes"
    return Group(terminal_table(first, title), *map(terminal_table, others))


def markdown_scores(scores: Scores) -> str:
    """Return the tables as GitHub Markdown, the first without a title."""
    first, *others = score_tables(scores)
    return "\n".join([markdown_table(first, titled=False), *map(markdown_table, others)])
