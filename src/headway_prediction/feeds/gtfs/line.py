"""A GTFS route to its Line: stations in order from the stop patterns of both directions, and what was chosen on the way.

Each trip's stops become stations (see stations.py), those of direction 1 in reverse. All patterns together give one order
or, where the route forks, one per branch (see transit.branches). A station that a trip passes twice, on a loop, counts at
its first passing in direction 0 and at its last in direction 1, so that both directions cut the loop at the same place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.directions import directions_among
from headway_prediction.feeds.gtfs.stations import StopGroup, group_stops
from headway_prediction.feeds.gtfs.stop_times import planned_passings
from headway_prediction.feeds.gtfs.tables import Schedule, open_schedule, stops_table, the_route
from headway_prediction.transit.branches import Branches, Pattern, find_branches, trunk
from headway_prediction.transit.line import DIRECTIONS, Station
from headway_prediction.transit.route_line import RouteLine, line_id_of, route_line


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


def way(pattern: StopPattern, groups: Mapping[str, StopGroup]) -> tuple[str, ...]:
    """Return the stations of a pattern by their keys, in the order of direction 0, each once (see the module)."""
    along = [groups[stop].key for stop in pattern.stop_ids]
    # Turned round, the last passing of direction 1 is the first one.
    return tuple(dict.fromkeys(along if pattern.direction == 0 else along[::-1]))


def passed_twice(pattern: StopPattern, groups: Mapping[str, StopGroup]) -> set[str]:
    """Return the keys of stations that a pattern comes back to; two platforms in a row are one passing."""
    along = [name for name, _ in groupby(groups[stop].key for stop in pattern.stop_ids)]
    return {name for name in along if along.count(name) > 1}


TRUNK = "trunk"
MAX_CONTRADICTING_SHARE = 0.5


@dataclass(frozen=True)
class RoutePatterns:
    """A route in the schedule: `patterns`, the station of each stop id, and the `branches` they make.

    `groups` maps stop ids to stations; stations are called by their `key` in `branches`. `undirected` counts the trips whose
    direction is not in the schedule but inferred from their stops.
    """

    route_id: str
    patterns: tuple[StopPattern, ...]
    groups: Mapping[str, StopGroup]
    branches: Branches
    undirected: int = 0

    def way(self, pattern: StopPattern) -> tuple[str, ...]:
        """Keys of a pattern's stations in the order of direction 0, each once."""
        return way(pattern, self.groups)


def read_route_line(path: Path | str, route_id: str | None = None, branch: Sequence[str] = ()) -> RouteLine:
    """Return the Line of a route in a GTFS zip (see `line_of_route`); the route need not be named where there is one."""
    schedule = open_schedule(path)
    return line_of_route(schedule, route_patterns(schedule, route_id), branch)


def route_patterns(schedule: Schedule, route_id: str | None = None) -> RoutePatterns:
    """Return the stop patterns of a route and its branches.

    Raises HeadwayError for an unknown or unnamed route, trips whose direction cannot be inferred, that never run or in one
    direction only, and directions that do not mirror each other.
    """
    route = the_route(schedule, route_id)
    directions = directions_among(schedule, route)
    patterns = stop_patterns(schedule, route, directions)
    planned_ids = set(schedule.feed.stop_times["stop_id"].dropna())
    groups = group_stops(stops_table(schedule), {pattern.stop_ids for pattern in patterns}, planned_ids)
    positions = {group.key: group.position for group in groups.values() if group.position is not None}
    branches = find_branches(_ways(patterns, groups), positions)
    _refuse_unmirrored(route, patterns, groups, branches)
    return RoutePatterns(route, patterns, groups, branches, len(directions))


def line_of_route(schedule: Schedule, route: RoutePatterns, branch: Sequence[str] = ()) -> RouteLine:
    """Return the Line of the branch that most planned passings fall on; all other stations of the route are excluded.

    `branch` names stations (name or stop id) that the branch must have, or is `("trunk",)`: what all branches share.
    Raises HeadwayError for a station that the route does not have, or stations of different branches.
    """
    order = chosen_order(route, branch)
    stations = {name: _station(route, name) for name in _all_stations(route)}
    excluded = [station for name, station in stations.items() if name not in order]
    on_line = [stations[name] for name in order]
    return route_line(line_id_of(route.route_id), schedule.time_zone, on_line, route.route_id, excluded)


def chosen_order(route: RoutePatterns, branch: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the keys of the stations of the branch chosen, in order; raises HeadwayError as `line_of_route`."""
    if tuple(branch) == (TRUNK,):
        return trunk(route.branches)
    wanted = [_keys_named(route, name) for name in branch]
    for order in route.branches.orders:
        if all(keys.intersection(order) for keys in wanted):
            return order
    raise HeadwayError(
        f"no branch of {route.route_id} has all of {', '.join(branch)}",
        "stations of one branch, or `trunk` for what all branches share",
        "see the branches without --branch, then name the end of one of them",
    )


def _keys_named(route: RoutePatterns, named: str) -> set[str]:
    groups = route.groups.values()
    keys = {group.key for group in groups if named in group.stop_ids}
    keys = keys or {group.key for group in groups if group.name == named}
    if not keys:
        names = sorted({group.name for group in groups})
        raise HeadwayError(
            f"route {route.route_id} has no station {named!r}",
            f"a name or stop id such as {', '.join(names[:5])}",
            "correct --branch",
        )
    return keys


def _ways(patterns: Sequence[StopPattern], groups: Mapping[str, StopGroup]) -> list[Pattern]:
    trains: dict[tuple[str, ...], int] = {}
    for pattern in patterns:
        stations = way(pattern, groups)
        trains[stations] = trains.get(stations, 0) + pattern.trains
    return [Pattern(stations, count) for stations, count in trains.items()]


def _refuse_unmirrored(
    route: str, patterns: Sequence[StopPattern], groups: Mapping[str, StopGroup], branches: Branches
) -> None:
    contradicting = {pattern.stations for pattern in branches.contradicting}
    for direction in DIRECTIONS:
        own = [
            (pattern.trains, way(pattern, groups) in contradicting)
            for pattern in patterns
            if pattern.direction == direction
        ]
        if sum(trains for trains, strays in own if strays) > MAX_CONTRADICTING_SHARE * sum(
            trains for trains, _ in own
        ):
            raise HeadwayError(
                f"most trains of route {route} in direction {direction} do not pass the stations in the reverse order of "
                f"direction {1 - direction}",
                "the same stations in reverse",
                "check direction_id and stop_sequence of the schedule",
            )


def _all_stations(route: RoutePatterns) -> list[str]:
    """Keys of all stations: those of the branches in their order, then those that only strange trains serve."""
    ordered = [name for order in route.branches.orders for name in order]
    return list(dict.fromkeys([*ordered, *sorted(group.key for group in route.groups.values())]))


def _station(route: RoutePatterns, name: str) -> Station:
    group = next(group for group in route.groups.values() if group.key == name)
    return Station.of_ids(
        group.name, *(_ids_of_platform(route, group, direction) for direction in DIRECTIONS)
    )


def _ids_of_platform(route: RoutePatterns, group: StopGroup, direction: int) -> tuple[str, ...]:
    """Stop ids of a platform, the one with the most trains first, the unplanned ones last; none without trains."""
    trains: dict[str, int] = {}
    for pattern in route.patterns:
        for stop in group.stop_ids.intersection(pattern.stop_ids) if pattern.direction == direction else ():
            trains[stop] = trains.get(stop, 0) + pattern.trains
    planned = sorted(trains, key=lambda stop: (-trains[stop], stop))
    return (*planned, *sorted(group.unplanned)) if planned else ()
