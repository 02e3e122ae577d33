"""Make docs/performance.md of benchmarks/performance_template.md and the JSON files of benchmarks/results/.

python benchmarks/page.py
"""

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "performance.md"
TEMPLATE = FOLDER / "performance_template.md"


@dataclass(frozen=True)
class Bar:
    """What a figure must reach: at most `limit`, or at least with `more`; `before` is the figure to improve on."""

    what: str
    figure: str
    before: str
    limit: float
    unit: str
    more: bool = False

    def row(self, figures: dict) -> str:
        found = figures.get(self.figure)
        sign = "at least" if self.more else "at most"
        bar = f"{sign} {self.limit:g} {self.unit}".rstrip()
        if found is None:
            return f"| {self.what} | {self.before} | {bar} | not measured | |"
        met = found["value"] >= self.limit if self.more else found["value"] <= self.limit
        return f"| {self.what} | {self.before} | {bar} | {shown(found)} | {'met' if met else 'missed'} |"


BARS = (
    Bar(
        "resident memory of `serve`, one line, after an hour",
        "serve, resident memory after an hour",
        "854–914 MB",
        250,
        "MB",
    ),
    Bar("`serve`: start to first forecast", "serve, start to first forecast, median", "9–10 s", 2.5, "s"),
    Bar(
        "cold `headway forecast`, processor time",
        "cold headway forecast, processor time, median",
        "7.0 s",
        2.0,
        "s",
    ),
    Bar(
        "cold `headway forecast`, peak memory",
        "cold headway forecast, peak memory, median",
        "930 MB",
        250,
        "MB",
    ),
    Bar(
        "one forecast of 66 platforms, four members, prior included",
        "forecast, 66 platforms, 15 min, median",
        "85 ms",
        35,
        "ms",
    ),
    Bar("60 minutes by rollout, same line", "forecast, 66 platforms, 60 min, median", "479 ms", 200, "ms"),
    Bar("size on disk of a fresh `pip install .`", "fresh pip install, size on disk", "~2.4 GB", 900, "MB"),
    Bar(
        "`headway train` on dublin-dart, whole command",
        "headway train on dublin-dart, whole command",
        "10–18 min",
        5,
        "min",
    ),
    Bar(
        "`headway train` on dublin-dart, peak memory",
        "headway train on dublin-dart, peak memory",
        "3.4 GB",
        1500,
        "MB",
    ),
    Bar(
        "`make demo` in a fresh clone, installing included",
        "make demo in a fresh clone, installing included",
        "–",
        2.5,
        "min",
    ),
    Bar(
        "`headway demo`, what `make demo` runs once installed",
        "headway demo, whole command",
        "5–6 min",
        2.5,
        "min",
    ),
    Bar(
        "ConvLSTM training step, ours / stock, full size",
        "training step, ours / ConvLSTM2D",
        "1.10",
        1.6,
        "",
        True,
    ),
    Bar("exponent of the cost against stations", "training step, exponent against stations", "–", 1.1, ""),
    Bar("exponent of the cost against days", "grid, exponent against days", "–", 1.1, ""),
    Bar("exponent of the cost against batch", "training step, exponent against batch", "–", 1.1, ""),
)


def shown(figure: dict) -> str:
    return f"{figure['value']:g} {figure['unit']}".rstrip()


def page() -> str:
    """Return the text of the page."""
    parts = []
    for path in sorted((FOLDER / "results").glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        libraries = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
        rows = [
            f"| {name} | {shown(one)} | `{one['script']}` | {one['commit']}, {one['date']} |"
            for name, one in sorted(kept["figures"].items())
        ]
        parts += [
            f"## {kept['machine']}",
            libraries + ".",
            "\n".join(
                ["| what | before | bar | measured | |", "| --- | --- | --- | --- | --- |"]
                + [bar.row(kept["figures"]) for bar in BARS]
            ),
            "\n".join(["| figure | value | script | commit, date |", "| --- | --- | --- | --- |", *rows]),
        ]
    if (PAGE.parent / "scaling.svg").exists():
        parts.append("![Cost against stations, batch and days, relative to the smallest size](scaling.svg)")
    return TEMPLATE.read_text(encoding="utf-8").replace("<!-- results -->", "\n\n".join(parts))


def write_page() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
