"""What `forecast` and `info` print."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.multi_line_bundle import LinesBundle
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.grid.plan_variants import PlanKind, plan_kind
from headway_prediction.grid.store import read_history
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.line_toml import read_line_toml
from headway_prediction.transit.timetable import Timetable

WIDTH = 110
LONGEST_NAME = 30


def print_forecast(rows: pl.DataFrame, line: Line) -> None:
    """Print one table per direction: a row per station in the order of travel, a column per lead, minutes."""
    console = Console(width=WIDTH)
    until, first = (rows.sort("lead_min")[name][0] for name in ("t0", "valid_time"))
    console.print(f"{line.line_id}: headways in minutes; known to the end of {until}, +1 is {first[11:16]}")
    for direction in DIRECTIONS:
        console.print(_direction_table(rows.filter(pl.col("direction_id") == direction), line, direction))


def _direction_table(rows: pl.DataFrame, line: Line, direction: int) -> Table:
    order = line.travel_order(direction)
    title = f"\ndirection {direction}: {line.stations[order[0]].name} to {line.stations[order[-1]].name}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("station", no_wrap=True, max_width=LONGEST_NAME)
    for lead in rows["lead_min"].unique().sort():
        table.add_column(f"+{lead}", justify="right", no_wrap=True)
    by_stop = rows.sort("lead_min").partition_by("stop_id", as_dict=True)
    for station in order:
        at_stop = by_stop[(line.stop_ids(direction)[station],)]
        table.add_row(line.stations[station].name, *(f"{minutes:.1f}" for minutes in at_stop["headway_p50"]))
    return table


def describe(path: Path) -> list[str]:
    """Return lines that say what a bundle, a grid, an arrival log or the TOML file of a line holds."""
    if (path / "bundle.json").is_file():
        bundle = Bundle.load(path)
        return _describe_bundle(bundle) if isinstance(bundle, Bundle) else _describe_lines_bundle(bundle)
    if (path / "zarr.json").is_file():
        return _describe_grid(path)
    if path.suffix in (".parquet", ".csv"):
        return _describe_log(path)
    if path.suffix == ".toml":
        return _describe_line_toml(path)
    raise HeadwayError(
        f"{path} is neither a bundle, a grid, a line nor an arrival log",
        "a folder that `headway train` or `headway grid` wrote, or a .parquet, .csv or .toml file",
        "check the path",
    )


def _describe_line(line: Line) -> str:
    return (
        f"line {line.line_id}: {len(line.stations)} stations, {line.stations[0].name} to {line.stations[-1].name}, "
        f"{line.time_zone}"
    )


def _describe_plan(timetable: Timetable | None, kind: str | None) -> str:
    if timetable is None:
        return "no planned service"
    told = ", departures at the terminals as observed (oracle)" if kind == PlanKind.ORACLE else ""
    return (
        f"planned service: {timetable.planned.height:,} passings in {len(timetable.services)} services{told}"
    )


def _describe_bundle(bundle: Bundle) -> list[str]:
    return [
        "bundle",
        _describe_line(bundle.line),
        *_describe_days(bundle.days),
        _describe_plan(bundle.timetable, bundle.details.get("plan")),
        *_describe_training(bundle),
    ]


def _describe_lines_bundle(bundle: LinesBundle) -> list[str]:
    known = [
        line
        for trained in bundle.lines
        for line in (f"trained on {_describe_line(trained.line)}", *_describe_days(trained.days))
    ]
    return ["bundle of several lines, for lines never seen", *known, *_describe_training(bundle)]


def _describe_days(days: Mapping[str, Sequence[date]]) -> list[str]:
    return [f"{part} days: {len(dates)}{_span(dates)}" for part, dates in days.items()]


def _describe_training(bundle: Bundle | LinesBundle) -> list[str]:
    scores = bundle.details.get("validation_scores", {})
    shown = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    return [
        f"methods: {', '.join(bundle.methods)}",
        f"trained with {bundle.details.get('backend')}, seed {bundle.details.get('seed')}; validation: {shown}",
    ]


def _describe_grid(path: Path) -> list[str]:
    history = read_history(path)
    attributes = history.grid.attrs
    return [
        "grid",
        _describe_line(history.line),
        f"service days: {len(history.service_dates)}{_span(history.service_dates)}",
        f"passings: {history.passings.height:,}; valid cells: {float(history.grid['valid'].mean()):.1%}",
        _describe_plan(history.timetable, plan_kind(history)),
        f"headways capped at {attributes['cap_mins']} minutes; made by version {attributes.get('code_version')}",
        *(f"from {source}" for source in attributes.get("sources", [])),
    ]


def _describe_log(path: Path) -> list[str]:
    log = read_arrivals(path)
    dates = log["service_date"].unique().sort()
    platforms = log.select("direction_id", "stop_id").n_unique()
    return [
        "arrival log",
        f"lines: {', '.join(log['line_id'].unique().sort())}",
        f"service days: {len(dates)}{_span(dates.to_list())}",
        f"passings: {log.height:,} at {platforms} platforms",
    ]


def _describe_line_toml(path: Path) -> list[str]:
    found = read_line_toml(path)
    platforms = [
        f"{len(found.line.travel_order(direction))} in direction {direction}" for direction in DIRECTIONS
    ]
    excluded = ", ".join(station.name for station in found.excluded) or "none"
    return [
        "line",
        _describe_line(found.line),
        f"platforms: {', '.join(platforms)}",
        f"stations left out: {excluded}",
    ]


def _span(dates) -> str:
    return f", {dates[0]} to {dates[-1]}" if len(dates) else ""
