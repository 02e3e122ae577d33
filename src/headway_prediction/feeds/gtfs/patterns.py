"""Stop patterns of a GTFS route: which stops its trips serve, how many trains do so, and as which stations.

A station that a trip passes twice, on a loop, counts where the trip passes it first in direction 0 and last in direction 1,
so that both ways round are cut open at the same place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.stations import StopGroup
from headway_prediction.feeds.gtfs.stop_times import planned_passings
from headway_prediction.feeds.gtfs.tables import Schedule
from headway_prediction.transit.line import DIRECTIONS


@dataclass(frozen=True)
class StopPattern:
    """Stops of a trip as the schedule has them, in a direction, by how many planned trains over all service dates."""

    direction: int
    stop_ids: tuple[str, ...]
    trains: int


def stop_patterns(
    schedule: Schedule, route: str, directions: Mapping[str, int] | None = None
) -> tuple[StopPattern, ...]:
    """Return the stop patterns of a route by its id, those with the most trains first in each direction.

    `directions` are those of trips without direction_id. Raises HeadwayError as `planned_passings`, and for trips that never
    run or in one direction only.
    """
    days = {service: len(dates) for service, dates in schedule.dates_of_service.items()}
    passings = planned_passings(schedule, route, directions).with_columns(
        trains=pl.col("service_id").replace_strict(days, default=0, return_dtype=pl.Int64)
    )
    trips = passings.group_by("direction_id", "trip_id", maintain_order=True).agg(
        "stop_id", pl.first("trains")
    )
    counted = trips.group_by("direction_id", "stop_id").agg(pl.sum("trains")).filter(pl.col("trains") > 0)
    missing = [direction for direction in DIRECTIONS if direction not in counted["direction_id"]]
    if missing:
        raise HeadwayError(
            f"route {route} has trips in one direction only"
            if len(missing) == 1
            else f"no trip of {route} ever runs",
            "trips of both directions (direction_id 0 and 1) on some date",
            "check direction_id and the calendar of the schedule",
        )
    rows = counted.select("direction_id", "stop_id", "trains").iter_rows()
    found = (StopPattern(direction, tuple(stops), trains) for direction, stops, trains in rows)
    return tuple(sorted(found, key=lambda p: (p.direction, -p.trains, p.stop_ids)))


def key(group: StopGroup) -> str:
    """What a station is called among the branches: the least of its stop ids."""
    return min(group.stop_ids)


def way(pattern: StopPattern, groups: Mapping[str, StopGroup]) -> tuple[str, ...]:
    """Return the stations of a pattern by their keys, in the order of direction 0, each once (see the module)."""
    along = [key(groups[stop]) for stop in pattern.stop_ids]
    # Turned round, the last passing of direction 1 is the first one.
    return tuple(dict.fromkeys(along if pattern.direction == 0 else along[::-1]))


def passed_twice(pattern: StopPattern, groups: Mapping[str, StopGroup]) -> set[str]:
    """Return the keys of stations that a pattern comes back to; two platforms in a row are one passing."""
    along = [name for name, _ in groupby(key(groups[stop]) for stop in pattern.stop_ids)]
    return {name for name in along if along.count(name) > 1}
