"""Which stop ids of a GTFS schedule are one station: platforms of one parent station or, without one, of one name.

The parent_station of a boarding area is a platform, whose parent_station is the station (GTFS reference, stops.txt).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from headway_prediction.transit.branches import Position, distance_metres

BOARDING = (0, 4)
"""location_type of platforms and boarding areas; 1 is a station, 2 an entrance, 3 a node of its paths."""
MAX_SAME_NAME_METRES = 1000
"""Stops of one name further apart than this are two stations."""


@dataclass(frozen=True)
class StopGroup:
    """A station of a schedule: its name, its position where known, and every stop id that means it.

    `unplanned` are those of the ids that no trip of the schedule stops at: the parent station, spare tracks.
    """

    name: str
    position: Position | None
    stop_ids: frozenset[str]
    unplanned: frozenset[str]

    @property
    def key(self) -> str:
        """The first of its stop ids, which identifies the station among the branches."""
        return min(self.stop_ids)


def group_stops(
    stops: pl.DataFrame, patterns: Collection[Sequence[str]], planned_ids: Collection[str]
) -> dict[str, StopGroup]:
    """Return {stop id: its group} for the stops of `patterns` (lists of stop ids, one per stop pattern).

    `stops` as by `tables.stops_table`; `planned_ids` are the stop ids of all trips of the schedule. Stops of one name
    are no one station where a pattern serves two of them.
    """
    rows = {row["stop_id"]: row for row in stops.iter_rows(named=True)}
    served = {stop for pattern in patterns for stop in pattern}
    roots: dict[str, set[str]] = {}
    for stop in sorted(served):
        roots.setdefault(_root(stop, rows), set()).add(stop)
    spare = _unplanned_children(rows, planned_ids)
    groups: dict[str, StopGroup] = {}
    for members in _joined_by_name(roots, rows, patterns):
        ids = set(members).union(*(roots[root] for root in members)) & rows.keys()
        ids = ids.union(*(spare.get(root, ()) for root in members))
        group = _group(members, ids, rows, planned_ids)
        groups |= dict.fromkeys(served.intersection(*[ids]), group)
    return groups


def _root(stop: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The station a stop belongs to; a parent that is not in the table still holds its stops together."""
    seen = {stop}
    while (parent := rows.get(stop, {}).get("parent_station")) and parent not in seen:
        stop = parent
        seen.add(stop)
    return stop


def _joined_by_name(
    roots: Mapping[str, set[str]], rows: Mapping[str, Mapping[str, Any]], patterns: Collection[Sequence[str]]
) -> list[list[str]]:
    """Roots that are one station, together: at most one of them a parent, none served by one train with another."""
    by_name: dict[str, list[str]] = {}
    for root in sorted(roots, key=lambda root: (root in roots[root], root)):
        by_name.setdefault(_name(root, roots[root], rows), []).append(root)
    joined: list[list[str]] = []
    for same_name in by_name.values():
        stations: list[list[str]] = []
        for root in same_name:
            home = next((s for s in stations if _is_one(s, root, roots, rows, patterns)), None)
            stations.append([root]) if home is None else home.append(root)
        joined += stations
    return joined


def _is_one(
    station: list[str],
    root: str,
    roots: Mapping[str, set[str]],
    rows: Mapping[str, Mapping[str, Any]],
    patterns: Collection[Sequence[str]],
) -> bool:
    if root not in roots[root]:
        return False
    one, other = (_position([member, *roots[member]], rows) for member in (station[0], root))
    if one and other and distance_metres(one, other) > MAX_SAME_NAME_METRES:
        return False
    known = set().union(*(roots[member] for member in station))
    return not any(known.intersection(pattern) and root in pattern for pattern in patterns)


def _unplanned_children(
    rows: Mapping[str, Mapping[str, Any]], planned_ids: Collection[str]
) -> dict[str, set[str]]:
    children: dict[str, set[str]] = {}
    for stop, row in rows.items():
        if row["parent_station"] and stop not in planned_ids and row["location_type"] in BOARDING:
            children.setdefault(_root(stop, rows), set()).add(stop)
    return children


def _group(
    members: Sequence[str], ids: set[str], rows: Mapping[str, Mapping[str, Any]], planned_ids: Collection[str]
) -> StopGroup:
    name, position = _name(members[0], ids, rows), _position([*members, *sorted(ids)], rows)
    return StopGroup(name, position, frozenset(ids), frozenset(ids.difference(planned_ids)))


def _name(root: str, stops: Iterable[str], rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = (rows[stop]["stop_name"] for stop in (root, *sorted(stops)) if stop in rows)
    return next((name for name in names if name), root)


def _position(stops: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> Position | None:
    places = ((rows[stop]["stop_lat"], rows[stop]["stop_lon"]) for stop in stops if stop in rows)
    # A position of 0, 0 is what software writes that has none.
    return next((place for place in places if None not in place and any(place)), None)
