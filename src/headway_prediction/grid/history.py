"""LineHistory: everything known of a line over some service days, as every later stage reads it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.headway_grid import (
    CAP_MINS,
    OUTAGES_ATTRIBUTE,
    day_grid,
    last_logged_minutes,
    outages_attribute,
    outages_known_at,
    outages_on,
    planned_terminals,
    stack_days,
)
from headway_prediction.grid.passings import passings_before, passings_of_parts
from headway_prediction.transit.clock import SCORED_DAY_MINS, instant, service_day_start
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

DIMENSIONS = ("time", "station", "direction")


@dataclass(frozen=True)
class LineHistory:
    """A line, its passings and timetable, and the grid made of them.

    `grid` has dims time (service days x 1620 minutes, stacked), station, direction; variables headway, elapsed (float32,
    minutes), arrived, valid (bool), planned_terminal_headway (float32, minutes) and planned_departures (uint8) by time
    and direction; coordinates service_date and minute along time. `passings` has the columns of grid.passings.
    """

    line: Line
    passings: pl.DataFrame
    timetable: Timetable | None
    grid: xr.Dataset

    @property
    def service_dates(self) -> list[date]:
        """The service dates of the grid, in order."""
        return list(self.grid["service_date"].values[::SCORED_DAY_MINS].astype("datetime64[D]").tolist())

    def day(self, service_date: date) -> xr.Dataset:
        """Return the 1620 minutes of one service date."""
        start = self._index(service_date) * SCORED_DAY_MINS
        return self.grid.isel(time=slice(start, start + SCORED_DAY_MINS))

    def passings_on(self, service_date: date) -> pl.DataFrame:
        """Return the passings of one service date."""
        return self.passings.filter(pl.col("service_date") == service_date)

    def select(self, service_dates: Sequence[date]) -> "LineHistory":
        """Return the history of those service dates alone; raises HeadwayError for one that is not in the grid."""
        starts = [self._index(day) * SCORED_DAY_MINS for day in service_dates]
        rows = np.concatenate([np.arange(start, start + SCORED_DAY_MINS) for start in starts])
        passings = self.passings.filter(pl.col("service_date").is_in(list(service_dates)))
        return replace(self, grid=self.grid.isel(time=rows), passings=passings)

    def as_of(self, service_date: date, t0: int) -> "LineHistory":
        """Return what was known at the end of minute `t0` of a service date: every later passing is deleted.

        The grid is built anew from the remaining passings, for the dates up to `service_date`. Raises HeadwayError for a
        date that is not in the grid.
        """
        dates = self.service_dates[: self._index(service_date) + 1]
        known = self.known_passings(service_date, t0)
        observed_until = last_logged_minutes(known) | {service_date: t0}
        attributes = {name: value for name, value in self.grid.attrs.items() if name != OUTAGES_ATTRIBUTE}
        attributes |= outages_known_at(self.grid.attrs, service_date, t0)
        return build_history(
            known, self.line, self.timetable, dates, observed_until, attributes, attributes["cap_mins"]
        )

    def known_passings(self, service_date: date, t0: int) -> pl.DataFrame:
        """Return the passings known at the end of minute `t0` of a service date."""
        yesterday = service_date - timedelta(days=1)
        since = self.unknown_from(service_date, t0)[yesterday]
        late = (pl.col("service_date") == yesterday) & (pl.col("minute") >= since)
        return passings_before(self.passings, service_date, t0 + 1).filter(~late)

    def unknown_from(self, service_date: date, t0: int) -> dict[date, float]:
        """Return from which minute on the passings of a service date are unknown at the end of minute `t0`.

        Of the date itself and, as its trains may still run after midnight, of the day before; later ones are unknown whole.
        """
        yesterday = service_date - timedelta(days=1)
        moment = instant(service_date, t0 + 1, self.line.time_zone)
        since = (moment - service_day_start(yesterday, self.line.time_zone)).total_seconds() / 60
        later = (day for day in self.service_dates if day > service_date)
        return {yesterday: since, service_date: t0 + 1.0} | dict.fromkeys(later, 0.0)

    def _index(self, service_date: date) -> int:
        dates = self.service_dates
        if service_date not in dates:
            raise HeadwayError(
                f"the grid has no service date {service_date}",
                f"a date between {dates[0]} and {dates[-1]}",
                "choose a date that the log covers",
            )
        return dates.index(service_date)


@dataclass(frozen=True)
class ForecastOrigin:
    """The moment that a forecast of a line starts from: the end of minute `t0` of a service date.

    `history` may hold later passings; a forecast from here uses none of them.
    """

    history: LineHistory
    service_date: date
    t0: int

    @property
    def line(self) -> Line:
        """The line of the history."""
        return self.history.line

    def as_known(self) -> "ForecastOrigin":
        """Return the origin with everything deleted that was not known at the end of minute `t0`."""
        return replace(self, history=self.history.as_of(self.service_date, self.t0))


def history_from_log(
    log: pl.DataFrame,
    line: Line,
    timetable: Timetable | None = None,
    provenance: Mapping[str, object] | None = None,
    cap_mins: float = CAP_MINS,
    outages: pl.DataFrame | None = None,
) -> LineHistory:
    """Build the history of every service date of a checked arrival log; see `history_from_parts`."""
    return history_from_parts([log], line, timetable, provenance, cap_mins, outages)


def history_from_parts(
    parts: Iterable[pl.DataFrame],
    line: Line,
    timetable: Timetable | None = None,
    provenance: Mapping[str, object] | None = None,
    cap_mins: float = CAP_MINS,
    outages: pl.DataFrame | None = None,
) -> LineHistory:
    """Build the history of every service date of the parts of a checked arrival log.

    Parts are read once, as by `passings_of_parts`; errors are those of that function. `outages`
    (grid.headway_grid.OUTAGE_COLUMNS) are minutes in which nothing is known of the line.
    """
    passings, dropped = passings_of_parts(parts, line)
    attributes = dict(provenance or {}) | {
        "duplicates_dropped": dropped.duplicates,
        "outside_service_day_dropped": dropped.outside_service_day,
    }
    attributes |= {} if outages is None else outages_attribute(outages)
    dates = passings["service_date"].unique().sort().to_list()
    return build_history(
        passings, line, timetable, dates, last_logged_minutes(passings), attributes, cap_mins
    )


def build_history(
    passings: pl.DataFrame,
    line: Line,
    timetable: Timetable | None,
    service_dates: Sequence[date],
    observed_until: Mapping[date, int],
    attributes: Mapping[str, object],
    cap_mins: float = CAP_MINS,
) -> LineHistory:
    """Build a history from passings (no duplicates); minutes after `observed_until` of a date are not valid.

    Outages are those of `attributes` (see grid.headway_grid), which go along into stores, copies and `as_of`.
    """
    by_date = passings.partition_by("service_date", as_dict=True)
    none = passings.clear()
    days = (
        day_grid(
            by_date.get((day,), none),
            len(line.stations),
            observed_until.get(day, -1),
            cap_mins,
            outages_on(attributes, day),
        )
        for day in service_dates
    )
    headways, departures = planned_terminals(timetable, line, service_dates, cap_mins)
    variables: dict[str, Any] = {
        name: (DIMENSIONS, cells) for name, cells in stack_days(days, len(service_dates)).items()
    }
    variables["planned_terminal_headway"] = (("time", "direction"), headways)
    variables["planned_departures"] = (("time", "direction"), departures)
    grid = xr.Dataset(variables, _coordinates(line, service_dates), dict(attributes) | {"cap_mins": cap_mins})
    return LineHistory(line, passings, timetable, grid)


def _coordinates(line: Line, service_dates: Sequence[date]) -> dict[str, tuple[str, np.ndarray]]:
    days = np.array(service_dates, dtype="datetime64[s]")
    return {
        "service_date": ("time", np.repeat(days, SCORED_DAY_MINS)),
        "minute": ("time", np.tile(np.arange(SCORED_DAY_MINS, dtype=np.int16), len(days))),
        "direction": ("direction", np.array([0, 1], dtype=np.int8)),
    }
