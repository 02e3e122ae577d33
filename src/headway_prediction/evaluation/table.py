"""The tables of scores, one row per method: for the terminal (Rich), for GitHub (Markdown), for the report."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from headway_prediction.evaluation.compare import Scores

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
MISSING_COLUMN = Column("missing", "missing", "", percent=True)


@dataclass(frozen=True)
class Cell:
    """A printed value and whether no other method's is better."""

    text: str
    is_best: bool


@dataclass(frozen=True)
class ScoreTable:
    """Columns and, by method, the cells below them."""

    columns: tuple[Column, ...]
    rows: Mapping[str, list[Cell]]


def score_tables(scores: Scores) -> list[ScoreTable]:
    """Return the table of points and, where a method gives intervals, the table of these.

    Values that print alike are equally good. The share of missing cells stands in the first table where it does not print
    as zero.
    """
    table = scores.table()
    gaps = {MISSING_COLUMN.text(row["missing"]) for row in table.values()}
    missing = () if gaps == {MISSING_COLUMN.text(0.0)} else (MISSING_COLUMN,)
    with_interval = {method: row for method, row in table.items() if np.isfinite(row["coverage"])}
    tables = [_score_table((*COLUMNS, *missing), table)]
    return [*tables, _score_table(INTERVAL_COLUMNS, with_interval)] if with_interval else tables


def _score_table(columns: tuple[Column, ...], table: Mapping[str, Mapping[str, float]]) -> ScoreTable:
    rows: dict[str, list[Cell]] = {method: [] for method in table}
    for column in columns:
        best = _best_text(column, [metrics[column.metric] for metrics in table.values()])
        for method, metrics in table.items():
            text = column.text(metrics[column.metric])
            rows[method].append(Cell(text, text == best))
    return ScoreTable(columns, rows)


def _best_text(column: Column, values: list[float]) -> str | None:
    finite = [value for value in values if np.isfinite(value)]
    if not column.best or not finite:
        return None
    return column.text(min(finite) if column.best == "low" else max(finite))


def terminal_table(scores: Scores) -> RenderableType:
    """Return the scores for a Rich console, the best of each column bold; points fit into 80 columns."""
    dates = scores.service_dates
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    title = f"{scores.line.line_id}: {days}; minutes"
    return Group(*(_terminal_table(table, escape(title)) for table in score_tables(scores)))


def _terminal_table(scores: ScoreTable, title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("method", no_wrap=True)
    for column in scores.columns:
        table.add_column(column.heading.replace(" ", "\n"), justify="right", vertical="bottom")
    for method, cells in scores.rows.items():
        table.add_row(escape(method), *(f"[bold]{c.text}[/bold]" if c.is_best else c.text for c in cells))
    return table


def markdown_table(scores: Scores) -> str:
    """Return the scores as GitHub Markdown tables, the best of each column bold."""
    return "\n".join(_markdown_table(table) for table in score_tables(scores))


def _markdown_table(scores: ScoreTable) -> str:
    lines = [
        ["method", *(column.heading for column in scores.columns)],
        ["---", *("---:" for _ in scores.columns)],
        *(
            [method.replace("|", "\\|"), *(f"**{c.text}**" if c.is_best else c.text for c in cells)]
            for method, cells in scores.rows.items()
        ),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
