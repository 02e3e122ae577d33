"""Tidy arrival log to passings of a line: service-day minutes, directions and stations instead of times and ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import service_minutes
from headway_prediction.transit.line import Line

DUPLICATE_SECONDS = 15
"""A passing this close to the previous one at the same platform is a duplicate (docs/methodology.md)."""
MAX_SERVICE_DAY_MINS = 36 * 60
MAX_MISDATED_SHARE = 0.01

PASSING_COLUMNS = pl.Schema(
    {
        "service_date": pl.Date(),
        "direction": pl.Int8(),
        "station": pl.Int16(),
        "minute": pl.Float64(),
        "trip_id": pl.Categorical(),
    }
)

HAS_TRIP_ID = pl.col("trip_id") != ""
"""A log may hold passings of trains without a trip id: theirs is empty."""


@dataclass(frozen=True)
class DroppedRows:
    """How many rows of a log were dropped, and why."""

    duplicates: int
    outside_service_day: int


def passings_on_line(log: pl.DataFrame, line: Line) -> tuple[pl.DataFrame, DroppedRows]:
    """Return the passings of `line` in a whole log and what was dropped; see `passings_of_parts`."""
    return passings_of_parts([log], line)


def passings_of_parts(parts: Iterable[pl.DataFrame], line: Line) -> tuple[pl.DataFrame, DroppedRows]:
    """Return the passings of `line` (PASSING_COLUMNS, sorted by day, platform and minute) and what was dropped.

    `parts` are those of a checked arrival log: each holds whole service dates, earlier ones first. `minute` counts in the
    service day; `trip_id` is empty where the log names none. A passing without a trip id is kept; passings at stops that
    were left out of the line are not. Raises HeadwayError for a stop that is neither on the line nor left out of it, for a
    log without a passing on the line, or when over 1 % of the times do not fit their service date.
    """
    kept, duplicates, misdated = [], 0, _Misdated()
    for part in parts:
        placed = _placed(part, line)
        if placed.is_empty():
            continue
        timed = placed.with_columns(
            minute=service_minutes(placed["event_time"], placed["service_date"], line.time_zone),
        )
        inside = timed.filter(pl.col("minute").is_between(0, MAX_SERVICE_DAY_MINS, closed="left"))
        misdated.add(timed, inside)
        passings = inside.select(pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items())
        kept.append(without_duplicates(passings))
        duplicates += passings.height - kept[-1].height
    if not misdated.rows:
        raise HeadwayError(
            f"the log has no passing at the stops of {line.line_id}",
            f"stop ids such as {line.stop_ids(0)[line.first_station(0)]}",
            "give the log of this line",
        )
    misdated.refuse()
    return pl.concat(kept), DroppedRows(duplicates, misdated.outside)


def without_duplicates(passings: pl.DataFrame) -> pl.DataFrame:
    """Drop passings 15 s or less after the one before them at the same platform, and sort by day, platform and minute.

    Of two passings in the same second, that of the trip id that sorts first stays.
    """
    platform = ["service_date", "direction", "station"]
    ordered = passings.sort(*platform, "minute", "trip_id")
    gap_seconds = (pl.col("minute").diff().over(platform) * 60).round(3)
    return ordered.filter(gap_seconds.is_null() | (gap_seconds > DUPLICATE_SECONDS))


def passings_before(passings: pl.DataFrame, service_date: date, minute: float) -> pl.DataFrame:
    """Return the passings known before `minute` of a service date: earlier days whole, later days not at all."""
    day = pl.col("service_date")
    return passings.filter((day < service_date) | ((day == service_date) & (pl.col("minute") < minute)))


def _placed(log: pl.DataFrame, line: Line) -> pl.DataFrame:
    """The rows of a log at the stops of the line, with direction and station."""
    own = log.filter(~pl.col("stop_id").is_in(list(line.excluded)))
    placed = own.join(stops_typed_like(own, line), on=["direction_id", "stop_id"], how="left")
    _check_origin(placed, line)
    return placed


def stops_typed_like(log: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return `line.stops()` with ids of the types they have in a log: a long one holds them as categories."""
    return line.stops().cast({name: log.schema[name] for name in ("direction_id", "stop_id")})


def _check_origin(placed: pl.DataFrame, line: Line) -> None:
    unknown_stops = placed.filter(pl.col("station").is_null())
    if not unknown_stops.is_empty():
        row = unknown_stops.row(0, named=True)
        raise HeadwayError(
            f"the log has the stop {row['stop_id']!r} in direction {row['direction_id']}, which is not on {line.line_id}",
            f"stop ids such as {line.stop_ids(0)[line.first_station(0)]} ({line.station_names[line.first_station(0)]})",
            "give the log of this line, or exclude that stop (--stop, or excluded in the line's TOML)",
        )


class _Misdated:
    """Counts the rows of a log whose time does not fall on their service date."""

    def __init__(self) -> None:
        self.rows = self.outside = 0
        self._example: tuple[datetime, date] | None = None

    def add(self, timed: pl.DataFrame, inside: pl.DataFrame) -> None:
        self.rows += timed.height
        self.outside += timed.height - inside.height
        if self._example is None and inside.height < timed.height:
            astray = timed.join(inside, on="minute", how="anti")
            self._example = astray.select("event_time", "service_date").row(0)

    def refuse(self) -> None:
        if self._example and self.outside > max(1, MAX_MISDATED_SHARE * self.rows):
            event_time, service_date = self._example
            raise HeadwayError(
                f"{self.outside} of {self.rows} passings do not fall on their service date (for instance {event_time} "
                f"on {service_date})",
                "event_time within 36 hours of the start of service_date in the line's time zone",
                "check service_date and the time zone",
            )
