"""The tables of scores, one row per method: which columns they have, and what is printed in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.detection import ALL_LEADS, THRESHOLDS

DASH = "–"


@dataclass(frozen=True)
class Column:
    """A metric's heading, its name in `Scores.table`, and which end is best: "low", "high" or neither ("")."""

    heading: str
    metric: str
    best: str = "low"
    percent: bool = False

    def text(self, value: float) -> str:
        """Return a value as it is printed."""
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
        ("recall", "recall", "", True),
        ("precision", "precision", "", True),
    )
)
MISSING_COLUMN = Column("missing", "missing", "", percent=True)


@dataclass(frozen=True)
class Cell:
    """A printed value and whether no other method's is better."""

    text: str
    is_best: bool


@dataclass(frozen=True)
class ScoreTable:
    """What the table is of, its columns and, by method, the cells below them."""

    title: str
    columns: tuple[Column, ...]
    rows: Mapping[str, list[Cell]]


def score_tables(scores: Scores) -> list[ScoreTable]:
    """Return the table of points and, where there is something to show, those of intervals, conditions and detection.

    Values that print alike are equally good. The share of missing cells stands in the first table where it does not print
    as zero.
    """
    table = scores.table()
    gaps = {MISSING_COLUMN.text(row["missing"]) for row in table.values()}
    missing = () if gaps == {MISSING_COLUMN.text(0.0)} else (MISSING_COLUMN,)
    with_interval = {method: row for method, row in table.items() if np.isfinite(row["coverage"])}
    tables = [
        _score_table("points", (*COLUMNS, *missing), table),
        _score_table("intervals", INTERVAL_COLUMNS, with_interval),
        _score_table("quiet and disturbed periods", CONDITION_COLUMNS, condition_rows(scores)),
        _score_table("bunched and gapped trains", DETECTION_COLUMNS, detection_rows(scores)),
    ]
    return [each for each in tables if each.rows]


def condition_rows(scores: Scores) -> dict[str, dict[str, float]]:
    """Return mae and ev_mae in quiet and disturbed periods by method; nothing where nobody knows them apart."""
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
    """Return the scores of bunched and gapped trains over all leads by detector; nothing without a usual headway."""
    if not len(scores.events.truth):
        return {}
    found = {kind: scores.detection(kind)[ALL_LEADS] for kind in THRESHOLDS}
    return {
        detector: {
            f"{kind} {name}": value for kind in THRESHOLDS for name, value in found[kind][detector].items()
        }
        for detector in found["bunched"]
    }


def _score_table(
    title: str, columns: tuple[Column, ...], table: Mapping[str, Mapping[str, float]]
) -> ScoreTable:
    rows: dict[str, list[Cell]] = {method: [] for method in table}
    for column in columns:
        best = _best_text(column, [metrics[column.metric] for metrics in table.values()])
        for method, metrics in table.items():
            text = column.text(metrics[column.metric])
            rows[method].append(Cell(text, text == best))
    return ScoreTable(title, columns, rows)


def _best_text(column: Column, values: list[float]) -> str | None:
    finite = [value for value in values if np.isfinite(value)]
    if not column.best or not finite:
        return None
    return column.text(min(finite) if column.best == "low" else max(finite))
