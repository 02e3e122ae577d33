"""The tables of scores as text: for the terminal (Rich) and for GitHub (Markdown)."""

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from headway_prediction.evaluation.compare import Scores
from headway_prediction.reporting.score_tables import ScoreTable, score_tables


def terminal_table(scores: Scores) -> RenderableType:
    """Return the scores for a Rich console, the best of each column bold; points fit into 80 columns."""
    dates = scores.service_dates
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    tables = score_tables(scores)
    titles = [f"{scores.line.line_id}: {days}; minutes", *(table.title for table in tables[1:])]
    return Group(*map(_terminal_table, tables, map(escape, titles)))


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
    first, *others = score_tables(scores)
    titled = [f"{table.title.capitalize()}:\n\n{_markdown_table(table)}" for table in others]
    return "\n".join([_markdown_table(first), *titled])


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
