"""The report's page: one HTML file that loads nothing, from text, a table and Plotly figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from plotly.offline import get_plotlyjs

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
<script>{plotly}</script>
<script>
const figures = {figures};
{script}</script>
</body>
</html>
"""

# Text and grid take the page's colours, which change with the reader's light or dark setting. No drag: a finger scrolls.
SCRIPT = """
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axis = (own) => ({automargin: true, gridcolor: colour("--grid"), linecolor: colour("--grid"), ...own});
const layout = (own) => ({
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false,
  margin: {l: 8, r: 24, t: 8, b: 8}, font: {color: colour("--ink"), family: "system-ui, sans-serif", size: 12},
  legend: {orientation: "h", y: 1.01, yanchor: "bottom", x: 0}, hoverlabel: {align: "left"},
  ...own, xaxis: axis(own.xaxis), yaxis: axis(own.yaxis),
});
const draw = () => figures.forEach((figure, k) => Plotly.react(
  document.getElementById(`figure-${k}`), figure.data, layout(figure.layout),
  {responsive: true, displayModeBar: false}));
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
"""


@dataclass(frozen=True)
class Section:
    """A heading (text), HTML below it, and figures, each with a title, two side by side where there is room."""

    heading: str
    body: str
    figures: Sequence[tuple[str, dict]]
    level: int = 2


def page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """Return the whole page; `title` is text, `summary` HTML."""
    figures = [figure for section in sections for _, figure in section.figures]
    numbers = iter(range(len(figures)))
    blocks = [_section(section, [next(numbers) for _ in section.figures]) for section in sections]
    return PAGE.format(
        title=escape(title),
        style=files("headway_prediction.reporting").joinpath("report.css").read_text(encoding="utf-8"),
        body="\n".join([summary, *blocks]),
        plotly=get_plotlyjs(),
        figures=script_json(figures),
        script=SCRIPT,
    )


def script_json(value: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def paragraphs(texts: Sequence[str]) -> str:
    """Return texts as paragraphs."""
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts)


def bullets(texts: Sequence[str]) -> str:
    """Return texts as a list."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def html_table(headings: Sequence[str], rows: Mapping[str, Sequence[tuple[str, bool]]], main: str) -> str:
    """Return a table with a name and cells (text, is best) per row; it scrolls sideways inside its own box."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(_row(name, cells, name == main) for name, cells in rows.items())
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(name: str, cells: Sequence[tuple[str, bool]], is_main: bool) -> str:
    mark = ' class="main"' if is_main else ""
    values = (
        f"<td><b>{escape(text)}</b></td>" if best else f"<td>{escape(text)}</td>" for text, best in cells
    )
    return f'<tr{mark}><th scope="row">{escape(name)}</th>{"".join(values)}</tr>'


def _section(section: Section, numbers: Sequence[int]) -> str:
    figures = "".join(
        f'<figure><figcaption>{escape(title)}</figcaption><div id="figure-{number}"></div></figure>'
        for number, (title, _) in zip(numbers, section.figures, strict=True)
    )
    heading = f"<h{section.level}>{escape(section.heading)}</h{section.level}>{section.body}"
    return f'<section>{heading}<div class="figures">{figures}</div></section>'
