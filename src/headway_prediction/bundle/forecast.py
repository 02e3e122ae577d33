"""From an arrival log up to a moment, or a line's history, to the next minutes of every platform as one table."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.parquet import forecast_rows
from headway_prediction.grid.history import ForecastOrigin, LineHistory, build_history
from headway_prediction.grid.passings import passings_before, passings_on_line
from headway_prediction.transit.clock import SCORED_DAY_MINS, instant, service_date_and_minute, time_zone
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

MAX_SILENCE_MINS = 60


def origin_now(
    line: Line,
    timetable: Timetable | None,
    cap_mins: float,
    arrivals: pl.DataFrame | Path | str,
    at: datetime | None,
) -> ForecastOrigin:
    """Return the last minute before `at`, with the history of its service date as known then.

    Arguments and errors as for `Bundle.predict`.
    """
    log = arrivals if isinstance(arrivals, pl.DataFrame) else read_arrivals(arrivals)
    check_same_line(log, line)
    passings, _ = passings_on_line(log, line)
    service_date, t0 = _origin(passings, line, at)
    origin = origin_of(line, timetable, cap_mins, passings, service_date, t0)
    _check_silence(origin.history.passings, line, service_date, t0)
    return origin


def origin_of(
    line: Line,
    timetable: Timetable | None,
    cap_mins: float,
    passings: pl.DataFrame,
    service_date: date,
    t0: int,
    attributes: Mapping[str, Any] = MappingProxyType({}),
) -> ForecastOrigin:
    """Return minute `t0` of a service date, with a line on that date as known at the end of the minute.

    `passings` are those of `passings_on_line`, later ones and those of other dates among them; `attributes` are the grid's
    (its outages, see grid.headway_grid).
    """
    known = passings_before(passings, service_date, t0 + 1).filter(pl.col("service_date") == service_date)
    history = build_history(known, line, timetable, [service_date], {service_date: t0}, attributes, cap_mins)
    return ForecastOrigin(history, service_date, t0)


def forecast_at(history: LineHistory, forecaster: Forecaster, at: datetime | None) -> pl.DataFrame:
    """Return the forecast at a moment of a line's history, for methods that are fitted on its earlier days.

    Nothing in the history from `at` on is used. Raises HeadwayError for a moment before the first or long after the last
    passing of its service date.
    """
    service_date, t0 = _origin(history.passings, history.line, at)
    known = history.known_passings(service_date, t0).filter(pl.col("service_date") == service_date)
    _check_silence(known, history.line, service_date, t0)
    return rows_of(forecaster, ForecastOrigin(history, service_date, t0).as_known())


def rows_of(forecaster: Forecaster, origin: ForecastOrigin) -> pl.DataFrame:
    """Return the forecast from one origin as a table, see `Bundle.predict`."""
    forecast = forecaster.forecast(origin.history, origin.service_date, np.array([origin.t0]))
    return with_stop_names(forecast_rows(forecast, origin.line), origin.line)


def with_stop_names(rows: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Return exported forecasts with the column stop_name, in the same order."""
    platforms = line.platforms()
    names = platforms.select(
        "direction_id", "stop_id", stop_name=pl.Series([line.station_names[s] for s in platforms["station"]])
    )
    return rows.join(names, on=["direction_id", "stop_id"], how="left", maintain_order="left")


def check_same_line(log: pl.DataFrame, line: Line) -> None:
    """Raise HeadwayError for a log with passings of another line."""
    others = log.filter(pl.col("line_id") != line.line_id)["line_id"]
    if len(others):
        raise HeadwayError(
            f"the log is of the line {others[0]}",
            f"{line.line_id}, which the bundle was trained on",
            "use its bundle",
        )


def _origin(passings: pl.DataFrame, line: Line, at: datetime | None) -> tuple[date, int]:
    """The service date, and the last minute that is over at `at`."""
    if at is None:
        last = passings.sort("service_date", "minute").row(-1, named=True)
        return last["service_date"], min(int(last["minute"]), SCORED_DAY_MINS - 1)
    moment = at if at.tzinfo else at.replace(tzinfo=time_zone(line.time_zone))
    service_date, minute = service_date_and_minute(moment, line.time_zone)
    return service_date, int(np.floor(minute)) - 1


def _check_silence(known: pl.DataFrame, line: Line, service_date: date, t0: int) -> None:
    last = None if known.is_empty() else float(known["minute"].to_numpy().max())
    if last is None or t0 - last > MAX_SILENCE_MINS:
        since = "" if last is None else f" after {instant(service_date, last, line.time_zone):%H:%M}"
        until = f"{instant(service_date, t0 + 1, line.time_zone):%H:%M}"
        raise HeadwayError(
            f"the log has no passing{since} before {until} on service date {service_date}",
            "passings within the last hour",
            "choose --at within the service that the log covers",
        )
