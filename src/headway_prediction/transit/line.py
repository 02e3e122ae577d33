"""Line: the stations of one line in order, their platforms in both directions, and the time zone.

Stations are numbered along direction 0; direction 1 runs through them from the last to the first. A line that forks is
one Line per branch, trunk included; the trunk alone is a Line too: name the stop ids that belong to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import time_zone
from headway_prediction.transit.line_survey import LineSurvey

DIRECTIONS = (0, 1)
T = TypeVar("T")


def per_direction(make: Callable[[int], T]) -> tuple[T, T]:
    """Return what `make` returns for each direction."""
    return make(0), make(1)


@dataclass(frozen=True)
class Station:
    """A station: its name and the stop id of its platform in each direction (None where it has no platform).

    `alternative_ids` holds the further stop ids by which logs and schedules may name the same platform, by direction: its
    parent station, other tracks. They do not count when stations are compared.
    """

    name: str
    stop_ids: tuple[str | None, str | None]
    alternative_ids: tuple[tuple[str, ...], tuple[str, ...]] = field(default=((), ()), compare=False)

    @classmethod
    def of_ids(cls, name: str, direction_0: Sequence[str], direction_1: Sequence[str]) -> Self:
        """Build a station from the stop ids of its platform in each direction, its own first; none where it has none."""
        own = (next(iter(direction_0), None), next(iter(direction_1), None))
        return cls(name, own, (tuple(direction_0[1:]), tuple(direction_1[1:])))

    def all_stop_ids(self, direction: int) -> tuple[str, ...]:
        """Every stop id of the platform in `direction`, its own first; none where there is no platform."""
        own = self.stop_ids[direction]
        return () if own is None else (own, *self.alternative_ids[direction])


@dataclass(frozen=True)
class Line:
    """A line: `stations` in the order of direction 0, `time_zone` as an IANA name.

    `excluded` holds the stop ids that its logs and schedules may name and that are deliberately not part of it, such as
    the other branches of a forked line; it does not count when lines are compared.
    """

    line_id: str
    time_zone: str
    stations: tuple[Station, ...]
    excluded: frozenset[str] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        time_zone(self.time_zone)

    @property
    def station_names(self) -> list[str]:
        """Names in the order of direction 0."""
        return [station.name for station in self.stations]

    def stop_ids(self, direction: int) -> list[str | None]:
        """Stop ids of one direction, indexed by station."""
        return [station.stop_ids[direction] for station in self.stations]

    def travel_order(self, direction: int) -> list[int]:
        """Station indices that have a platform in `direction`, in the order its trains pass them."""
        served = [index for index, stop_id in enumerate(self.stop_ids(direction)) if stop_id is not None]
        return served if direction == 0 else served[::-1]

    def first_station(self, direction: int) -> int:
        """Index of the station at whose platform trains of `direction` start: their terminal."""
        return self.travel_order(direction)[0]

    def platforms(self) -> pl.DataFrame:
        """Return one row per platform: direction_id, stop_id, direction, station (index)."""
        return self._placed(lambda station, direction: station.all_stop_ids(direction)[:1])

    def stops(self) -> pl.DataFrame:
        """Return the rows of `platforms`, one for every stop id by which logs and schedules may name a platform."""
        return self._placed(Station.all_stop_ids)

    def _placed(self, ids_of: Callable[[Station, int], tuple[str, ...]]) -> pl.DataFrame:
        rows = [
            (direction, stop_id, direction, index)
            for direction in DIRECTIONS
            for index, station in enumerate(self.stations)
            for stop_id in ids_of(station, direction)
        ]
        schema = {"direction_id": pl.Int64, "stop_id": pl.String, "direction": pl.Int8, "station": pl.Int16}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def to_dict(self) -> dict[str, object]:
        """Return plain values that JSON can hold."""
        return {
            "line_id": self.line_id,
            "time_zone": self.time_zone,
            "stations": [_plain_station(station) for station in self.stations],
            "excluded": sorted(self.excluded),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Line":
        """Rebuild a Line from `to_dict`'s values."""
        stations = []
        for station in plain["stations"]:
            alternatives = station.get("alternative_ids", ((), ()))
            ids = tuple(station["stop_ids"])
            stations.append(Station(station["name"], ids, (tuple(alternatives[0]), tuple(alternatives[1]))))
        return cls(plain["line_id"], plain["time_zone"], tuple(stations), frozenset(plain["excluded"]))

    @classmethod
    def from_arrivals(
        cls, log: pl.DataFrame, zone_name: str, stop_ids: Iterable[str] | None = None
    ) -> "Line":
        """Build a Line from a tidy arrival log (see feeds.logs.arrivals), as `from_survey` does."""
        return cls.from_survey(LineSurvey.of(log), zone_name, stop_ids)

    @classmethod
    def from_survey(cls, survey: LineSurvey, zone_name: str, stop_ids: Iterable[str] | None = None) -> "Line":
        """Build a Line from the survey of its log, keeping only `stop_ids` when given.

        The log's other stops are then excluded from the line, and passings there from its history. Raises
        HeadwayError for a log with one direction, with several lines, or whose stops do not stand in one order.
        """
        line_id = survey.line_id()
        orders = survey.orders(None if stop_ids is None else list(stop_ids))
        return from_orders(line_id, zone_name, orders, survey.names)


def _plain_station(station: Station) -> dict[str, object]:
    plain = {"name": station.name, "stop_ids": list(station.stop_ids)}
    return plain | (
        {"alternative_ids": [list(ids) for ids in station.alternative_ids]}
        if any(station.alternative_ids)
        else {}
    )


def from_orders(line_id: str, zone_name: str, orders: Sequence[list[str]], names: dict[str, str]) -> Line:
    """Build a Line from the stop ids of both directions, each in its own order of travel.

    Platforms of the two directions are one station when they share the stop id or, failing that, the name. `names` holds
    the name of every stop id of the source; those of no platform are excluded. Raises HeadwayError when a direction
    passes a stop twice, or the two have no station in common or not in the reverse order.
    """
    forward, backward = orders[0], orders[1][::-1]
    _refuse_loops(line_id, orders)
    partner = _partners(forward, backward, names)
    if not partner:
        raise HeadwayError(
            f"the two directions of {line_id} share no station",
            "platforms that share a stop id or a stop name",
            "give both directions of one line, with matching names",
        )
    stations, following = [], iter(backward)
    for stop_id in forward:
        if stop_id in partner:
            for other in following:
                if other == partner[stop_id]:
                    break
                stations.append(Station(names[other], (None, other)))
        stations.append(Station(names[stop_id], (stop_id, partner.get(stop_id))))
    stations += [Station(names[other], (None, other)) for other in following]
    return Line(line_id, zone_name, tuple(stations), frozenset(names).difference(forward, backward))


def _refuse_loops(line_id: str, orders: Sequence[list[str]]) -> None:
    twice = sorted(stop_id for order in orders for stop_id in set(order) if order.count(stop_id) > 1)
    if twice:
        raise HeadwayError(
            f"trains of {line_id} pass the stop {twice[0]} twice",
            "a line whose trains pass each stop once",
            "name the stops of a part without a loop",
        )


def _partners(forward: list[str], backward: list[str], names: dict[str, str]) -> dict[str, str]:
    by_name = {names[stop_id]: stop_id for stop_id in backward}
    found = ((s, s if s in set(backward) else by_name.get(names[s])) for s in forward)
    partner = {stop_id: other for stop_id, other in found if other is not None}
    places = [backward.index(other) for other in partner.values()]
    if places != sorted(set(places)):
        raise HeadwayError(
            "the stations of direction 1 do not stand in the reverse order of direction 0",
            "the same stations in reverse",
            "check stop_sequence: it counts along the direction of travel, from 0",
        )
    return partner
