"""Timetable: planned passings of a line by service, and the days each service runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

PLANNED_COLUMNS = pl.Schema(
    {
        "service": pl.Int32(),
        "trip_id": pl.Categorical(),
        "direction": pl.Int8(),
        "station": pl.Int16(),
        "minute": pl.Float64(),
    }
)


@dataclass(frozen=True)
class Service:
    """The days a service runs: on named `dates`, and on `weekdays` (Monday is 0) without end."""

    name: str
    dates: frozenset[date] = frozenset()
    weekdays: frozenset[int] = frozenset()

    def runs_on(self, service_date: date) -> bool:
        """Tell whether the service runs on a service date."""
        return service_date in self.dates or service_date.weekday() in self.weekdays

    def to_dict(self) -> dict[str, object]:
        """Return plain values that JSON can hold."""
        dates = sorted(day.isoformat() for day in self.dates)
        return {"name": self.name, "dates": dates, "weekdays": sorted(self.weekdays)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Service":
        """Rebuild a Service from `to_dict`'s values."""
        dates = frozenset(date.fromisoformat(text) for text in plain["dates"])
        return cls(plain["name"], dates, frozenset(plain["weekdays"]))


@dataclass(frozen=True)
class Timetable:
    """`services`, and `planned`: one row per planned passing, with the columns of PLANNED_COLUMNS.

    `service` indexes `services`; `trip_id` is the id that trains have in the log where log and
    schedule share their ids; `minute` counts in the service day; `station` and `direction` are the Line's.
    """

    services: tuple[Service, ...]
    planned: pl.DataFrame

    def planned_on(self, service_date: date) -> pl.DataFrame:
        """Return the planned passings of a service date, sorted by direction, station and minute; empty without a plan."""
        running = frozenset(n for n, service in enumerate(self.services) if service.runs_on(service_date))
        if running not in self._planned_by_services:
            own = self.planned.filter(pl.col("service").is_in(list(running)))
            self._planned_by_services[running] = own.sort("direction", "station", "minute", "trip_id")
        return self._planned_by_services[running]

    @cached_property
    def _planned_by_services(self) -> dict[frozenset[int], pl.DataFrame]:
        """The planned passings by the services that run, as far as they were asked for: many dates share them."""
        return {}

    def departures(self, service_date: date, direction: int, station: int) -> np.ndarray:
        """Return the planned minutes of one platform on a service date, sorted (numpy float64)."""
        at_platform = (pl.col("direction") == direction) & (pl.col("station") == station)
        return self.planned_on(service_date).filter(at_platform)["minute"].sort().to_numpy()
