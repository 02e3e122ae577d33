"""Directions of trips to which a schedule gives no direction_id: inferred from the order in which they pass stations.

GTFS leaves direction_id optional (gtfs.org, reference, trips.txt).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import pandas as pd

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.stations import group_stops
from headway_prediction.feeds.gtfs.tables import Schedule, stops_table, trips_of
from headway_prediction.transit.line import DIRECTIONS, Line

Way = tuple[str, ...]
"""Stations in the order in which a trip passes them, each once."""


def directions_among(schedule: Schedule, route: str) -> dict[str, int]:
    """Return the direction of each trip of a route that runs and has none, by its id.

    A trip runs the way of those with which it shares stations in the same order; where no trip has a direction_id, the way
    of the commonest stops is direction 0. Raises HeadwayError for a trip whose stops do not decide it.
    """
    trips = trips_of(schedule, route)
    lacking = _lacking(trips)
    if lacking.empty:
        return {}
    ran = trips[trips["service_id"].isin(list(schedule.dates_of_service))].set_index("trip_id")
    ways = _ways(schedule, list(ran.index))
    known, unknown = Counter[Way](), Counter[Way]()
    for trip, way in ways.items():
        days = len(schedule.dates_of_service[ran.loc[trip, "service_id"]])
        if trip in lacking.index:
            unknown[way] += days
        else:
            known[way if ran.loc[trip, "direction_id"] == 0 else way[::-1]] += days
    found = directed(unknown, known)
    undecided = [trip for trip, way in ways.items() if trip in lacking.index and way not in found]
    if undecided:
        raise HeadwayError(
            f"trips.txt has trips without direction_id, and for {len(undecided)} of them (for example {undecided[0]}) the "
            "stops do not decide which way they run",
            "0 or 1 for every trip, or trips that pass two or more stations of other trips",
            "fill direction_id in",
        )
    return {trip: found[way] for trip, way in ways.items() if trip in lacking.index}


def directions_along(schedule: Schedule, route: str | None, line: Line) -> dict[str, int]:
    """Return the direction of the trips of a route, or of all, that have none and pass two stations of a line or more."""
    lacking = _lacking(trips_of(schedule, route))
    places = {
        stop_id: place
        for place, station in enumerate(line.stations)
        for direction in DIRECTIONS
        for stop_id in station.all_stop_ids(direction)
    }
    found = {}
    for trip, stops in _stops(schedule, list(lacking.index)).items():
        along = [places[stop] for stop in stops if stop in places]
        steps = sum((later > earlier) - (later < earlier) for earlier, later in pairwise(along))
        if steps:
            found[trip] = int(steps < 0)
    return found


def directed(unknown: Mapping[Way, int], known: Mapping[Way, int]) -> dict[Way, int]:
    """Return the direction of each way of `unknown`, as far as it can be inferred.

    Both hold how many trains run each way; those of `known` are in the order of direction 0. Ways are decided one after
    the other, the one that shares most pairs of stations with those decided before it first.
    """
    net: Counter[tuple[str, str]] = Counter()

    def add(way: Sequence[str], trains: int) -> None:
        for earlier, later in combinations(way, 2):
            net[earlier, later] += trains
            net[later, earlier] -= trains

    def agreement(way: Way) -> int:
        return sum((net[pair] > 0) - (net[pair] < 0) for pair in combinations(way, 2))

    for way, trains in known.items():
        add(way, trains)
    left, found = sorted(unknown, key=lambda way: (-unknown[way], -len(way), way)), {}
    if not known and left:
        commonest = left.pop(0)
        found[commonest] = 0
        add(commonest, unknown[commonest])
    while left:
        scores = [agreement(way) for way in left]
        best = max(range(len(left)), key=lambda index: abs(scores[index]))
        if not scores[best]:
            break
        way = left.pop(best)
        found[way] = int(scores[best] < 0)
        add(way[::-1] if found[way] else way, unknown[way])
    return found


def _lacking(trips: pd.DataFrame) -> pd.DataFrame:
    """The trips without direction_id, by their id."""
    lacking = trips[trips["direction_id"].isna()] if "direction_id" in trips.columns else trips
    return lacking.set_index("trip_id")


def _stops(schedule: Schedule, trips: Sequence[str]) -> dict[str, tuple[str, ...]]:
    times = schedule.feed.stop_times
    times = times[times["trip_id"].isin(trips)].dropna(subset=["stop_id"]).sort_values("stop_sequence")
    return {trip: tuple(own) for trip, own in times.groupby("trip_id")["stop_id"]}


def _ways(schedule: Schedule, trips: Sequence[str]) -> dict[str, Way]:
    stops = _stops(schedule, trips)
    planned_ids = set(schedule.feed.stop_times["stop_id"].dropna())
    groups = group_stops(stops_table(schedule), set(stops.values()), planned_ids)
    return {trip: tuple(dict.fromkeys(groups[stop].key for stop in own)) for trip, own in stops.items()}
