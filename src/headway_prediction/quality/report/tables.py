"""What the checks found as tables: the same cells for the terminal (Rich), for Markdown and for the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
from rich.markup import escape
from rich.table import Table

from headway_prediction.quality.check import COUNTS, Quality

NONE = "·"
"""Nothing found: so that what was found stands out."""
SHORT_LOG_DAYS = 31
COMPLETE = 0.95

Row = dict[str, object]


@dataclass(frozen=True)
class QualityTable:
    """A title, column headings, and rows of text, the first cell of each its name."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def date_table(quality: Quality, days: pl.DataFrame) -> QualityTable:
    """Return a row per date that has passings; of more than 31 dates only those on which something was found.

    As in all these tables, a column that holds nothing in any row is left out.
    """
    ran = days.filter(pl.col("passings") > 0)
    title, shown = "All days", ran
    if ran.height > SHORT_LOG_DAYS:
        shown = ran.filter(_something_found())
        title = f"Days on which something was found: {shown.height} of {ran.height}"
    columns = {
        "date": lambda row: f"{row['service_date']:%Y-%m-%d %a}",
        **_shared_columns(quality),
        "outage min": _counted("outage_mins"),
        **_fault_columns(),
        "step": lambda row: "" if row["seconds"] is None else f"{row['seconds']} s",
    }
    return _table(title, columns, shown)


def station_table(quality: Quality, stations: pl.DataFrame, title: str) -> QualityTable:
    """Return a row per station, both directions together (see summary.by_station)."""
    names = quality.line.station_names
    columns = {
        "station": lambda row: names[row["station"]],
        **_shared_columns(quality),
        **_fault_columns(),
    }
    return _table(title, columns, stations)


def terminal_table(table: QualityTable) -> Table:
    """Return the table for a Rich console."""
    drawn = Table(title=escape(table.title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    for place, heading in enumerate(table.headings):
        drawn.add_column(
            escape(heading).replace(" ", "\n"),
            justify="right" if place else "left",
            vertical="bottom",
            no_wrap=True,
        )
    for row in table.rows:
        drawn.add_row(*map(escape, row))
    return drawn


def markdown_table(table: QualityTable) -> str:
    """Return the table as GitHub Markdown under its title."""
    lines = [table.headings, ["---", *["---:"] * (len(table.headings) - 1)], *table.rows]
    cells = [
        "".join(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |\n") for line in lines
    ]
    return f"{table.title}:\n\n{''.join(cells)}"


def _something_found() -> pl.Expr:
    found = pl.any_horizontal(pl.col("outages", *COUNTS) > 0)
    return found | (pl.col("share") < COMPLETE).fill_null(False)


def _shared_columns(quality: Quality) -> dict[str, Callable[[Row], str]]:
    columns = {"passings": lambda row: f"{row['passings']:,}", "came": _share}
    if quality.timetable is not None:
        columns["not planned"] = _counted("unplanned")
        columns["late min"] = lambda row: "" if row["late_mins"] is None else f"{row['late_mins']:.1f}"
    return columns


def _fault_columns() -> dict[str, Callable[[Row], str]]:
    return {
        "gaps": _counted("gaps"),
        "gap min": _counted("gap_mins"),
        "duplicates": _counted("duplicates"),
        "misdated": _counted("misdated"),
        "under 1 min": _counted("short"),
        "over 60 min": _counted("long"),
        "backwards": _counted("backward"),
        "overtaking": _counted("overtaking"),
    }


def _share(row: Row) -> str:
    return "" if row["share"] is None else f"{row['share']:.1%}"


def _counted(name: str) -> Callable[[Row], str]:
    return lambda row: "" if row[name] is None else f"{row[name]:,}" if row[name] else NONE


def _table(title: str, columns: dict[str, Callable[[Row], str]], rows: pl.DataFrame) -> QualityTable:
    """The cells, without the columns that hold nothing in any row."""
    found = {heading: [say(row) for row in rows.iter_rows(named=True)] for heading, say in columns.items()}
    found = {heading: cells for heading, cells in found.items() if set(cells) - {NONE, ""}}
    return QualityTable(title, list(found), list(zip(*found.values(), strict=True)))
