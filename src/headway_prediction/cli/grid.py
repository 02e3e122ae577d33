"""grid: from an arrival log to the space-time grid of headways."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import (
    GtfsOption,
    LineFileOption,
    PlannedOption,
    RouteOption,
    StopOption,
    TimeZoneOption,
    joined,
    say,
)

if TYPE_CHECKING:
    from headway_prediction.grid.history import LineHistory


def grid(
    arrivals: Annotated[
        Path, typer.Option(help="Arrival log (Parquet or CSV, one row per passing), or a folder of logs.")
    ],
    out: Annotated[Path, typer.Option(help="Grid to write (a Zarr folder).")],
    gtfs: GtfsOption = None,
    planned: PlannedOption = None,
    time_zone: TimeZoneOption = None,
    route: RouteOption = None,
    stop: StopOption = None,
    line: LineFileOption = None,
    cap_mins: Annotated[float, typer.Option(min=1, help="Cap headways at this many minutes.")] = 30.0,
    outages: Annotated[
        Path | None,
        typer.Option(help="CSV of outages, as `headway check` writes it; their minutes are not valid."),
    ] = None,
    matrices: Annotated[
        Path | None, typer.Option(help="Folder to write the same grid to as .npy matrices.")
    ] = None,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle",
            help="Use the observed departures as the plan; forecasts from this grid are labelled oracle.",
        ),
    ] = False,
) -> None:
    """Turn an arrival log into a headway grid.

    The grid holds everything that the later stages read. No headway spans one of the --outages.

    \b
    Example:
      headway grid --arrivals line/arrivals.parquet --gtfs line/gtfs.zip --out line/grid.zarr
    """
    from headway_prediction.grid.build import read_line_files
    from headway_prediction.grid.plan_variants import PlanKind, with_plan

    history = read_line_files(
        arrivals, gtfs, planned, time_zone, joined(route), stop, cap_mins, line, outages
    )
    _write(with_plan(history, PlanKind.ORACLE) if oracle else history, out, matrices)


def _write(history: "LineHistory", out: Path, matrices: Path | None) -> None:
    from headway_prediction.grid.matrices import write_matrices
    from headway_prediction.grid.store import write_history

    write_history(history, out)
    _summarise(history)
    say(f"wrote {out}")
    for path in write_matrices(history.grid, matrices) if matrices else ():
        say(f"wrote {path}")


def _summarise(history: "LineHistory") -> None:
    from headway_prediction.grid.headway_grid import OUTAGES_ATTRIBUTE

    dates, grid = history.service_dates, history.grid
    say(f"line {history.line.line_id}: {len(history.line.stations)} stations, {history.line.time_zone}")
    say(f"{len(dates)} service days, {dates[0]} to {dates[-1]}; {history.passings.height:,} passings")
    dropped = grid.attrs["duplicates_dropped"], grid.attrs["outside_service_day_dropped"]
    say(f"dropped: {dropped[0]} duplicates within 15 s, {dropped[1]} outside their service day")
    outages = grid.attrs.get(OUTAGES_ATTRIBUTE, ())
    if outages:
        minutes = sum(end - first for _, first, end in outages)
        say(f"{len(outages)} outages: {minutes:,} minutes are not valid")
    planned = grid["planned_departures"].sum("time").values
    plan = f"{planned[0]:,} and {planned[1]:,} planned departures" if planned.any() else "no plan"
    say(f"{float(grid['valid'].mean()):.0%} of the cells hold a valid headway; {plan}")
