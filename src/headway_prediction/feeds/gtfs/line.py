"""A GTFS route to its Line: stations in order from the stop patterns of both directions, and what was chosen on the way.

Each trip's stops become stations (`gtfs_stations`), those of direction 1 turned round, and all patterns together an order
or, where the route forks, one per branch (`branches`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.directions import directions_among
from headway_prediction.feeds.gtfs.patterns import StopPattern, key, stop_patterns, way
from headway_prediction.feeds.gtfs.stations import StopGroup, group_stops
from headway_prediction.feeds.gtfs.tables import Schedule, open_schedule, stops_table, the_route
from headway_prediction.transit.branches import Branches, Pattern, find_branches, trunk
from headway_prediction.transit.line import DIRECTIONS, Station
from headway_prediction.transit.route_line import RouteLine, line_id_of, route_line

TRUNK = "trunk"
MAX_CONTRADICTING_SHARE = 0.5


@dataclass(frozen=True)
class RoutePatterns:
    """What the schedule says about a route: `patterns`, the station of each stop id, and the `branches` they make.

    `groups` maps stop ids to stations; stations are called by their `key` in `branches`. `undirected` counts the trips whose
    direction the schedule does not say, and their stops do.
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

    Raises HeadwayError for an unknown or unnamed route, trips whose direction cannot be told, that never run or in one
    direction only, and directions that do not mirror each other.
    """
    route = the_route(schedule, route_id)
    directions = directions_among(schedule, route)
    patterns = stop_patterns(schedule, route, directions)
    planned_ids = set(schedule.feed.stop_times["stop_id"].dropna())
    groups = group_stops(stops_table(schedule), {pattern.stop_ids for pattern in patterns}, planned_ids)
    positions = {key(group): group.position for group in groups.values() if group.position is not None}
    branches = find_branches(_ways(patterns, groups), positions)
    _refuse_unmirrored(route, patterns, groups, branches)
    return RoutePatterns(route, patterns, groups, branches, len(directions))


def line_of_route(schedule: Schedule, route: RoutePatterns, branch: Sequence[str] = ()) -> RouteLine:
    """Return the Line of the branch that most planned passings fall on; all other stations of the route are left out.

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
    keys = {key(group) for group in groups if named in group.stop_ids}
    keys = keys or {key(group) for group in groups if group.name == named}
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
    return list(dict.fromkeys([*ordered, *sorted(key(group) for group in route.groups.values())]))


def _station(route: RoutePatterns, name: str) -> Station:
    group = next(group for group in route.groups.values() if key(group) == name)
    ids = [_ids_of_platform(route, group, direction) for direction in DIRECTIONS]
    return Station(group.name, tuple(own[0] if own else None for own in ids), tuple(own[1:] for own in ids))


def _ids_of_platform(route: RoutePatterns, group: StopGroup, direction: int) -> tuple[str, ...]:
    """Stop ids of a platform, the one with the most trains first, the unplanned ones last; none without trains."""
    trains: dict[str, int] = {}
    for pattern in route.patterns:
        for stop in group.stop_ids.intersection(pattern.stop_ids) if pattern.direction == direction else ():
            trains[stop] = trains.get(stop, 0) + pattern.trains
    planned = sorted(trains, key=lambda stop: (-trains[stop], stop))
    return (*planned, *sorted(group.unplanned)) if planned else ()
