"""What `headway line` prints."""

from collections.abc import Sequence
from datetime import date

import polars as pl
from rich.console import Console
from rich.table import Table

from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.route_line import RouteLine

WIDTH = 110
LONGEST_NAME = 34


def print_line(found: RouteLine, planned: pl.DataFrame, service_date: date, choices: Sequence[str]) -> None:
    """Print a line, its stations with the planned trains of a date (see feeds.planned_on), and what was chosen."""
    console, line = Console(width=WIDTH, highlight=False, markup=False), found.line
    route = f" of route {found.route_id}" if found.route_id not in (None, line.line_id) else ""
    console.print(
        f"line {line.line_id}{route}: {len(line.stations)} stations, {line.station_names[0]} to {line.station_names[-1]}, "
        f"{line.time_zone}",
        soft_wrap=True,
    )
    console.print(_stations(line, planned, service_date))
    console.print("\nWhat was chosen:")
    for choice in choices:
        console.print(f"- {choice}", soft_wrap=True)


def _stations(line: Line, planned: pl.DataFrame, service_date: date) -> Table:
    table = Table(title=f"\nplanned on {service_date}", title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("station", no_wrap=True, max_width=LONGEST_NAME)
    for direction in DIRECTIONS:
        table.add_column(f"stop id, direction {direction}", no_wrap=True)
        for name in ("trains", "first", "last"):
            table.add_column(name, justify="right", no_wrap=True)
    minutes = {
        platform: sorted(rows["minute"])
        for platform, rows in planned.partition_by("direction_id", "stop_id", as_dict=True).items()
    }
    for station in line.stations:
        cells = [
            _platform(station.stop_ids[d], minutes.get((d, station.stop_ids[d]), [])) for d in DIRECTIONS
        ]
        table.add_row(station.name, *cells[0], *cells[1])
    return table


def _platform(stop_id: str | None, minutes: Sequence[float]) -> tuple[str, str, str, str]:
    if not minutes:
        return stop_id or "-", "0" if stop_id else "", "", ""
    return stop_id, str(len(minutes)), gtfs_time(minutes[0]), gtfs_time(minutes[-1])
