"""Tables of text: one form for the page, the terminal (Rich) and GitHub Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rich import table as rich_table
from rich.markup import escape


@dataclass(frozen=True)
class Cell:
    """A printed value, and whether it is the best of its column."""

    text: str
    is_best: bool = False


@dataclass(frozen=True)
class Row:
    """A name and the cells beside it; the page highlights the main row."""

    name: str
    cells: Sequence[Cell]
    is_main: bool = False


@dataclass(frozen=True)
class Table:
    """A title, the headings of the names and of the cells, and rows."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Row]
    kind: ClassVar[str] = "table"

    @classmethod
    def of_texts(cls, title: str, headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Self:
        """Make a table without best cells from texts by row name."""
        return cls(
            title, headings, [Row(name, [Cell(text) for text in texts]) for name, texts in rows.items()]
        )

    def with_main(self, name: str) -> Self:
        """Return the table with the row of that name as the main one."""
        return replace(self, rows=[replace(row, is_main=row.name == name) for row in self.rows])


def terminal_table(table: Table, title: str | None = None) -> rich_table.Table:
    """Return the table for a Rich console, the best cells bold; names and title may contain any characters."""
    drawn = rich_table.Table(
        title=escape(table.title if title is None else title),
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for place, heading in enumerate(table.headings):
        text = escape(heading).replace(" ", "\n")
        drawn.add_column(text, justify="right" if place else "left", vertical="bottom", no_wrap=True)
    for row in table.rows:
        texts = [f"[bold]{escape(c.text)}[/bold]" if c.is_best else escape(c.text) for c in row.cells]
        drawn.add_row(escape(row.name), *texts)
    return drawn


def markdown_table(table: Table, titled: bool = True) -> str:
    """Return the table as GitHub Markdown, under its title, the best cells bold."""
    lines = [
        list(table.headings),
        ["---", *["---:"] * (len(table.headings) - 1)],
        *([row.name, *(f"**{c.text}**" if c.is_best else c.text for c in row.cells)] for row in table.rows),
    ]
    text = "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
    return f"{table.title}:\n\n{text}" if titled else text
