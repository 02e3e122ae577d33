"""The tables of `headway what-if`: departures, expected waits, and the headways that change most."""

import numpy as np
from rich.console import Console
from rich.table import Table

from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.what_if.effect import Wait
from headway_prediction.what_if.plan import RevisedDeparture
from headway_prediction.what_if.result import WhatIfResult

WIDTH = 110
MAX_CHANGES = 8


def print_result(result: WhatIfResult) -> None:
    """Print a result as tables."""
    console = Console(width=WIDTH)
    console.print(f"{result.line.line_id}: known to the end of {gtfs_time(result.t0)}, next 60 minutes")
    for direction in DIRECTIONS:
        console.print(f"\ndepartures of direction {direction}: {_direction_text(result.line, direction)}")
        console.print(_departures(result, direction))
    console.print("\nexpected wait of a passenger in minutes, and the 80 % interval of the difference")
    console.print(_waits(result))
    if result.difference.any():
        console.print("\nheadways that change most, in minutes")
        console.print(_largest_changes(result))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _direction_text(line: Line, direction: int) -> str:
    order = line.travel_order(direction)
    return f"{line.stations[order[0]].name} to {line.stations[order[-1]].name}"


def _departures(result: WhatIfResult, direction: int) -> Table:
    table = _table("planned", "changed", "")
    for one in result.departures:
        if one.direction == direction:
            table.add_row(_clock(one.planned), _clock(one.minute), _change_text(one, result.t0 + 1))
    return table


def _change_text(one: RevisedDeparture, now: int) -> str:
    if one.planned is None:
        return "added"
    if one.minute is None:
        return "cancelled"
    if one.changed:
        return f"{one.minute - one.planned:+.1f} min"
    return "overdue" if one.planned < now else ""


def _clock(minute: float | None) -> str:
    if minute is None:
        return "–"
    minutes, secs = divmod(round(60 * minute), 60)
    return gtfs_time(minutes) + (f":{secs:02d}" if secs else "")


def _waits(result: WhatIfResult) -> Table:
    table = _table("platform", "now", "changed", "difference", "interval")
    table.add_row("whole line", *_wait_cells(result.wait))
    for (direction, station), wait in result.waits.items():
        if wait.low_mins or wait.high_mins:
            name = result.line.stations[station].name
            table.add_row(f"{name}, direction {direction}", *_wait_cells(wait))
    return table


def _wait_cells(wait: Wait | None) -> tuple[str, ...]:
    if wait is None:
        return "–", "–", "–", "–"
    return (
        f"{wait.baseline_mins:.2f}",
        f"{wait.changed_mins:.2f}",
        f"{wait.difference_mins:+.2f}",
        f"{wait.low_mins:+.2f} to {wait.high_mins:+.2f}",
    )


def _largest_changes(result: WhatIfResult) -> Table:
    """Return the platforms whose forecast headway changes most, each at the minute when it does."""
    table = _table("platform", "at", "now", "changed", "difference")
    difference = result.difference
    lead = np.abs(difference).argmax(axis=0)
    largest = np.take_along_axis(difference, lead[None], axis=0)[0]
    for place in np.argsort(-np.abs(largest), axis=None, kind="stable")[:MAX_CHANGES]:
        station, direction = np.unravel_index(place, largest.shape)
        if largest[station, direction]:
            at = int(lead[station, direction])
            means = (part.mean[0, at, station, direction] for part in (result.baseline, result.changed))
            table.add_row(
                f"{result.line.stations[int(station)].name}, direction {direction}",
                gtfs_time(result.t0 + 1 + at),
                *(f"{mean:.1f}" for mean in means),
                f"{largest[station, direction]:+.1f}",
            )
    return table
