"""One self-contained HTML page of texts, tables and Plotly figures, through the Jinja2 templates of this package.

Templates escape every text. What they take as it is: Plotly's script from the installed package, and the figures as JSON
that cannot end its script element.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from headway_prediction.files import atomic_path
from headway_prediction.reporting.tables import Table
from headway_prediction.transit.line import Line

Figure = dict[str, Any]
"""A plain Plotly figure: `data` and `layout`."""


@dataclass(frozen=True)
class Bullets:
    """A list of texts."""

    items: Sequence[str]
    kind: ClassVar[str] = "bullets"


Block = str | Bullets | Table


@dataclass(frozen=True)
class Section:
    """A heading, blocks below it (a text is a paragraph), and captioned figures, two side by side where there is room."""

    heading: str
    blocks: Sequence[Block]
    figures: Sequence[tuple[str, Figure]] = ()
    level: int = 2


def render_page(template: str, title: str, sections: Sequence[Section], **context: object) -> str:
    """Return the page of a template that extends base.html; `context` is what its summary shows."""
    figures = [figure for section in sections for _, figure in section.figures]
    return (
        environment()
        .get_template(template)
        .render(title=title, sections=sections, figures=figures, plotly=Markup(get_plotlyjs()), **context)
    )


def environment() -> Environment:
    """Return the templates of this package, with escaping on and compact JSON without NaN."""
    loader = PackageLoader("headway_prediction.reporting")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    found.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return found


def write_page(path: Path | str, text: str) -> None:
    """Write a page, whole or not at all; raises HeadwayError when the file cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def towards(line: Line, direction: int) -> str:
    """Name a direction by the station where its trains end."""
    return f"towards {line.stations[line.travel_order(direction)[-1]].name}"
