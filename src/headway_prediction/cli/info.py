"""info: what a bundle, a grid, an arrival log or a line's file holds."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.transit.line import Line
    from headway_prediction.transit.timetable import Timetable


def info(
    path: Annotated[
        Path, typer.Argument(help="A bundle, a grid, an arrival log or the TOML file of a line.")
    ],
) -> None:
    """Describe a bundle, grid, log or line.

    \b
    Example:
      headway info line/bundle
    """
    print("\n".join(describe(path)))


def describe(path: Path) -> list[str]:
    """Return lines of text about a bundle, a grid, an arrival log or the TOML file of a line."""
    from headway_prediction.bundle.bundle import Bundle

    if (path / "bundle.json").is_file():
        bundle = Bundle.load(path)
        return _describe_bundle(bundle) if bundle.is_single_line else _describe_lines_bundle(bundle)
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


def _describe_line(line: "Line") -> str:
    return (
        f"line {line.line_id}: {len(line.stations)} stations, {line.stations[0].name} to {line.stations[-1].name}, "
        f"{line.time_zone}"
    )


def _describe_plan(timetable: "Timetable | None", kind: str | None) -> str:
    from headway_prediction.grid.plan_variants import PlanKind

    if timetable is None:
        return "no planned service"
    oracle = ", departures at the terminals as observed (oracle)" if kind == PlanKind.ORACLE else ""
    planned = f"{timetable.planned.height:,} passings in {len(timetable.services)} services"
    return f"planned service: {planned}{oracle}"


def _describe_bundle(bundle: "Bundle") -> list[str]:
    return [
        "bundle",
        _describe_line(bundle.line),
        *_describe_days(bundle.lines[0].days),
        *_describe_lines_before(bundle),
        _describe_plan(bundle.timetable, bundle.details.get("plan")),
        *_describe_training(bundle),
    ]


def _describe_lines_before(bundle: "Bundle") -> list[str]:
    """The lines that the networks had been trained on before; see `headway train --start-from`."""
    return [
        f"before that, networks trained on {_describe_line(known.line)}{_span(sorted(known.used))}"
        for known in bundle.lines[1:]
    ]


def _describe_lines_bundle(bundle: "Bundle") -> list[str]:
    known = [
        line
        for trained in bundle.lines
        for line in (f"trained on {_describe_line(trained.line)}", *_describe_days(trained.days))
    ]
    return ["multi-line bundle, for lines that it was not trained on", *known, *_describe_training(bundle)]


def _describe_days(days: Mapping[str, Sequence[date]]) -> list[str]:
    return [f"{part} days: {len(dates)}{_span(dates)}" for part, dates in days.items()]


def _describe_training(bundle: "Bundle") -> list[str]:
    scores = bundle.details.get("validation_scores", {})
    shown = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    return [
        f"methods: {', '.join(bundle.methods)}",
        f"trained with {bundle.details.get('backend')}, seed {bundle.details.get('seed')}; validation: {shown}",
    ]


def _describe_grid(path: Path) -> list[str]:
    from headway_prediction.grid.plan_variants import plan_kind
    from headway_prediction.grid.store import read_history

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
    from headway_prediction.feeds.logs.arrivals import read_arrivals

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
    from headway_prediction.transit.line import DIRECTIONS
    from headway_prediction.transit.line_toml import read_line_toml

    found = read_line_toml(path)
    platforms = [
        f"{len(found.line.travel_order(direction))} in direction {direction}" for direction in DIRECTIONS
    ]
    excluded = ", ".join(station.name for station in found.excluded) or "none"
    return [
        "line",
        _describe_line(found.line),
        f"platforms: {', '.join(platforms)}",
        f"stations excluded: {excluded}",
    ]


def _span(dates: Sequence[date]) -> str:
    return f", {dates[0]} to {dates[-1]}" if len(dates) else ""
