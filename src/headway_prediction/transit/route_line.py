"""A line with the route it was found on and the route's other stations, and the edits that a person may make to it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.line import DIRECTIONS, Line, Station

JOIN = ","
"""Stands between the ids of routes that are one line together; in the line's own id it is JOIN_IN_LINE_ID."""
JOIN_IN_LINE_ID = "+"


def line_id_of(route_id: str) -> str:
    """Return what a line of that route, or of those routes, is called."""
    return route_id.replace(JOIN, JOIN_IN_LINE_ID)


def routes_of(name: str) -> frozenset[str]:
    """Return the ids under which a feed may have the trains of a line, from its routes (`A,C`) or its own id (`A+C`).

    A name such as `A,C` may be the id of one route all the same; one such as `A+` is nothing else.
    """
    parts = [part.strip() for part in re.split(f"[{re.escape(JOIN + JOIN_IN_LINE_ID)}]", name)]
    return frozenset({name, *parts} if all(parts) else {name})


@dataclass(frozen=True)
class RouteLine:
    """A Line, the route it is in a schedule (None where it comes from no schedule), and the stations excluded from it.

    The stop ids of `excluded` are those of `line.excluded`.
    """

    line: Line
    route_id: str | None
    excluded: tuple[Station, ...] = ()


def route_line(
    line_id: str,
    time_zone: str,
    stations: Sequence[Station],
    route_id: str | None = None,
    excluded: Sequence[Station] = (),
) -> RouteLine:
    """Build a RouteLine; raises HeadwayError for stations that do not make a line.

    That is fewer than two stations, a direction without a platform, or a stop id of two stations.
    """
    for direction in DIRECTIONS:
        if sum(station.stop_ids[direction] is not None for station in stations) < 2:
            raise HeadwayError(
                f"{line_id} has fewer than two stations with a platform in direction {direction}",
                "two or more, in both directions",
                "exclude fewer stops, or give both directions their stop ids",
            )
    _refuse_shared_ids(line_id, [*stations, *excluded])
    ids = frozenset(stop_id for station in excluded for stop_id in station_stop_ids(station))
    return RouteLine(Line(line_id, time_zone, tuple(stations), ids), route_id, tuple(excluded))


def station_stop_ids(station: Station) -> set[str]:
    """Every stop id of a station, of either direction."""
    return {stop_id for direction in DIRECTIONS for stop_id in station.all_stop_ids(direction)}


def _refuse_shared_ids(line_id: str, stations: Iterable[Station]) -> None:
    owner: dict[str, Station] = {}
    for station in stations:
        for stop_id in sorted(station_stop_ids(station)):
            if stop_id in owner:
                raise HeadwayError(
                    f"{line_id} has the stop {stop_id!r} twice, at {owner[stop_id].name} and at {station.name}",
                    "each stop id at one station, of the line or excluded",
                    "remove it from one of them",
                )
            owner[stop_id] = station


def keep_stations(whole: RouteLine, named: Sequence[str]) -> RouteLine:
    """Keep the stations named (by name or any stop id), exclude the others; raises HeadwayError for an unknown one."""
    kept = {find_station(whole.line, name) for name in named}
    return _partition(whole, [index in kept for index in range(len(whole.line.stations))])


def exclude(whole: RouteLine, named: Sequence[str]) -> RouteLine:
    """Exclude the stations named (by name or by any stop id); raises HeadwayError for an unknown one."""
    gone = {find_station(whole.line, name) for name in named}
    return _partition(whole, [index not in gone for index in range(len(whole.line.stations))])


def cut_at_terminals(whole: RouteLine, terminals: Sequence[str]) -> RouteLine:
    """Cut the line at two stations (by name or by any stop id), in either order; those beyond are excluded.

    Raises HeadwayError for an unknown station, or other than two.
    """
    if len(terminals) != 2:
        raise HeadwayError(
            f"{len(terminals)} terminals were given", "two stations", "name the first and the last station"
        )
    first, last = sorted(find_station(whole.line, name) for name in terminals)
    return _partition(whole, [first <= index <= last for index in range(len(whole.line.stations))])


def with_line_id(whole: RouteLine, line_id: str) -> RouteLine:
    """Give the line another line_id."""
    return replace(whole, line=replace(whole.line, line_id=line_id))


def find_station(line: Line, named: str) -> int:
    """Return the index of the station of that stop id or else name; raises HeadwayError for none, or several of a name."""
    by_id = [index for index, station in enumerate(line.stations) if named in station_stop_ids(station)]
    found = by_id or [index for index, name in enumerate(line.station_names) if name == named]
    if len(found) == 1:
        return found[0]
    raise HeadwayError(
        f"{line.line_id} has {f'{len(found)} stations' if found else 'no station'} {named!r}",
        f"a name or stop id such as {', '.join(line.station_names[:5])}",
        "correct it, or use the stop id",
    )


def _partition(whole: RouteLine, on_line: Sequence[bool]) -> RouteLine:
    stations = list(zip(whole.line.stations, on_line, strict=True))
    kept = [station for station, on in stations if on]
    excluded = [*whole.excluded, *(station for station, on in stations if not on)]
    return route_line(whole.line.line_id, whole.line.time_zone, kept, whole.route_id, excluded)
