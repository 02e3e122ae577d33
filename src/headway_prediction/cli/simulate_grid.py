"""simulate and grid: where passings come from, and what they become."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say

if TYPE_CHECKING:
    from headway_prediction.grid.history import LineHistory
    from headway_prediction.simulate import Scenario


class ScenarioName(StrEnum):
    """The lines that `simulate` knows by name."""

    GARDEN_LINE = "garden-line"
    BLUE_LINE = "blue-line"


def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write arrivals.parquet and gtfs.zip to.")],
    days: Annotated[int, typer.Option(min=1, help="Consecutive days to simulate.")] = 14,
    stations: Annotated[
        int | None, typer.Option(min=3, help="Stations of the garden line. Default: 14.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same days.")] = 0,
    scenario: Annotated[
        ScenarioName,
        typer.Option(
            help="garden-line, of any size, or blue-line: 64 timing points of a long line, weekday afternoons only."
        ),
    ] = ScenarioName.GARDEN_LINE,
) -> None:
    """Simulate a line that does not exist.

    Writes an arrival log and the GTFS schedule it ran by.

    \b
    Example:
      headway simulate --out line --days 14 --stations 14
    """
    from headway_prediction.simulate import write_simulation

    for path in write_simulation(out, named_scenario(scenario, stations), days=days, seed=seed):
        say(f"wrote {path}")


def named_scenario(name: ScenarioName, stations: int | None) -> "Scenario":
    """Return the scenario of a name and, for the garden line, of a size."""
    from headway_prediction.errors import HeadwayError
    from headway_prediction.simulate import Scenario, blue_line
    from headway_prediction.simulate.scenario import DEFAULT_STATION_COUNT

    if name is ScenarioName.GARDEN_LINE:
        return Scenario.of_size(stations or DEFAULT_STATION_COUNT)
    if stations is not None:
        raise HeadwayError(
            f"--stations is {stations} for the {name}", "its own 64 timing points", "leave --stations out"
        )
    return blue_line()


def grid(
    arrivals: Annotated[
        Path, typer.Option(help="Arrival log (Parquet, CSV; a row per passing of a platform), or a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Grid to write (a Zarr folder).")],
    gtfs: Annotated[Path | None, typer.Option(help="GTFS zip with the planned service.")] = None,
    planned: Annotated[
        Path | None, typer.Option(help="CSV of planned departures, instead of a GTFS zip.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA time zone; else the GTFS zip's.")] = None,
    route: Annotated[str | None, typer.Option(help="Route in the GTFS zip, where it holds several.")] = None,
    stops: Annotated[
        str | None,
        typer.Option(help="Stop ids of one branch or of the trunk, with commas, for a line that forks."),
    ] = None,
    line: Annotated[
        Path | None,
        typer.Option(help="TOML file of the line that `headway line` wrote, instead of the log's order."),
    ] = None,
    cap_mins: Annotated[
        float, typer.Option(min=1, help="Longer headways are held as this many minutes.")
    ] = 30.0,
    outages: Annotated[
        Path | None,
        typer.Option(help="CSV of outages (`headway check` makes one): minutes that are not valid."),
    ] = None,
    matrices: Annotated[Path | None, typer.Option(help="Folder for the same grid as .npy matrices.")] = None,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle",
            help="Put the departures that happened in the plan's place; forecasts from it are called oracle.",
        ),
    ] = False,
) -> None:
    """Turn an arrival log into a headway grid.

    It holds all that the later stages read; no headway spans one of the --outages.

    \b
    Example:
      headway grid --arrivals line/arrivals.parquet --gtfs line/gtfs.zip --out line/grid.zarr
    """
    from headway_prediction.grid.build import read_line_files
    from headway_prediction.grid.plan_variants import PlanKind, with_plan

    told = (arrivals, gtfs, planned, time_zone, route, stops.split(",") if stops else None)
    history = read_line_files(*told, cap_mins, line, outages)
    _write(with_plan(history, PlanKind.ORACLE) if oracle else history, out, matrices)


def _write(history: "LineHistory", out: Path, matrices: Path | None) -> None:
    from headway_prediction.grid.matrices import write_matrices
    from headway_prediction.grid.store import write_history

    write_history(history, out)
    say_history(history)
    say(f"wrote {out}")
    for path in write_matrices(history.grid, matrices) if matrices else ():
        say(f"wrote {path}")


def say_history(history: "LineHistory") -> None:
    """Say what a history holds."""
    from headway_prediction.grid.outages import OUTAGES_ATTRIBUTE

    dates, grid = history.service_dates, history.grid
    say(f"line {history.line.line_id}: {len(history.line.stations)} stations, {history.line.time_zone}")
    say(f"{len(dates)} service days, {dates[0]} to {dates[-1]}; {history.passings.height:,} passings")
    dropped = grid.attrs["duplicates_dropped"], grid.attrs["outside_service_day_dropped"]
    say(f"left out: {dropped[0]} duplicates within 15 s, {dropped[1]} outside their service day")
    outages = grid.attrs.get(OUTAGES_ATTRIBUTE, ())
    if outages:
        say(
            f"{len(outages)} outages are not valid, {sum(end - first for _, first, end in outages):,} minutes"
        )
    planned = grid["planned_departures"].sum("time").values
    plan = f"{planned[0]:,} and {planned[1]:,} planned departures" if planned.any() else "no plan"
    say(f"{float(grid['valid'].mean()):.0%} of the cells hold a valid headway; {plan}")
