"""simulate: the arrival log and the schedule of a simulated line."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.simulate import Scenario


class ScenarioName(StrEnum):
    """The lines that can be simulated by name."""

    GARDEN_LINE = "garden-line"
    BLUE_LINE = "blue-line"


ScenarioOption = Annotated[
    ScenarioName,
    typer.Option(
        help="garden-line, of any size, or blue-line: 64 timing points of a long line, weekday afternoons only."
    ),
]
StationsOption = Annotated[int | None, typer.Option(min=3, help="Stations of the garden line. Default: 14.")]


def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write arrivals.parquet and gtfs.zip to.")],
    days: Annotated[int, typer.Option(min=1, help="Consecutive days to simulate.")] = 14,
    stations: StationsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same days.")] = 0,
    scenario: ScenarioOption = ScenarioName.GARDEN_LINE,
) -> None:
    """Simulate a line.

    Writes an arrival log and the GTFS schedule that the trains ran by.

    \b
    Example:
      headway simulate --out line --days 14 --stations 14
    """
    from headway_prediction.simulate import write_simulation

    for path in write_simulation(out, named_scenario(scenario, stations), days=days, seed=seed):
        say(f"wrote {path}")


def named_scenario(name: ScenarioName, stations: int | None) -> "Scenario":
    """Return the scenario of a name and, for the garden line, of a number of stations."""
    from headway_prediction.simulate import Scenario, blue_line
    from headway_prediction.simulate.scenario import DEFAULT_STATION_COUNT

    if name is ScenarioName.GARDEN_LINE:
        return Scenario.of_size(stations or DEFAULT_STATION_COUNT)
    if stations is not None:
        raise HeadwayError(
            f"--stations is {stations} for the {name}", "its own 64 timing points", "leave --stations out"
        )
    return blue_line()
