"""What is told of a line: what it consists of, its last hour, one of its stations, and the moments kept of it."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from headway_prediction.forecasters.serialization import end, ends, moment, numbers, platform_columns
from headway_prediction.service.api.forecast_response import status_body
from headway_prediction.service.live.published import LineForecast, LineState, TrainPath
from headway_prediction.service.live.view import Departure, ServedLine
from headway_prediction.transit.line import DIRECTIONS, Line

STATE_MINS = 60
STATION_MINS = 180


def lines_body(lines: Sequence[ServedLine]) -> dict[str, object]:
    """Return the lines that are served."""
    return {"lines": [_summary(served) for served in lines]}


def line_body(served: ServedLine) -> dict[str, object]:
    """Return what a line consists of, and the bundle that forecasts it."""
    line, dates = served.line, served.training_dates
    stations = [
        {"station": place, "name": station.name, "stop_ids": list(station.stop_ids)}
        for place, station in enumerate(line.stations)
    ]
    towards = [
        {"direction_id": direction, "towards": towards_name(line, direction)} for direction in DIRECTIONS
    ]
    span = {"first": str(min(dates)), "last": str(max(dates))} if dates else {"first": None, "last": None}
    return {
        "line_id": line.line_id,
        "name": served.name,
        "time_zone": line.time_zone,
        "cap_mins": served.cap_mins,
        "quantiles": list(served.quantiles),
        "stations": stations,
        "directions": towards,
        "bundle": {
            "code_version": served.code_version,
            "training_dates": span | {"days": len(dates)},
            "methods": list(served.methods),
        },
        "what_if": served.what_if,
    }


def state_body(published: LineForecast, line: Line) -> dict[str, object]:
    """Return the last hour of a line: [direction][station][minute]."""
    state = published.state
    return _moment_head(published, line) | {
        "line_id": line.line_id,
        "service_date": state.service_date.isoformat(),
        "t0": state.t0,
        "times": ends(state.service_date, state.minutes[-STATE_MINS:], line),
        "headway": numbers(state.headway[-STATE_MINS:].T),
        "elapsed": numbers(state.elapsed[-STATE_MINS:].T),
        "arrived": state.arrived[-STATE_MINS:].T.tolist(),
        "typical": numbers(state.typical.T),
        "trains": [_train(train, state, line) for train in state.trains],
    }


def station_body(published: LineForecast, line: Line, station: int) -> dict[str, object]:
    """Return the last three hours (as far as they are known) and the forecast of one station."""
    directions = [
        _platform(published, line, station, direction)
        for direction in DIRECTIONS
        if line.stop_ids(direction)[station] is not None
    ]
    name = line.stations[station].name
    return _moment_head(published, line) | {"station": station, "name": name, "directions": directions}


def moments_body(
    service_dates: Sequence[date], service_date: date | None, origins: Sequence[int], line: Line
) -> dict[str, object]:
    """Return the moments of a service date from which a forecast is kept."""
    times = [] if service_date is None else ends(service_date, np.asarray(origins, dtype=int), line)
    return {
        "service_dates": [str(day) for day in service_dates],
        "service_date": None if service_date is None else str(service_date),
        "moments": [{"t0": t0, "time": time} for t0, time in zip(origins, times, strict=True)],
    }


def departures_body(
    published: LineForecast, departures: Sequence[Departure], line: Line
) -> dict[str, object]:
    """Return the terminal departures that are overdue or planned in the next hour, in order of time."""
    day = published.state.service_date
    rows = [
        {
            "direction_id": departure.direction,
            "trip": departure.trip,
            "planned": moment(day, departure.planned, line),
            "station": departure.station,
        }
        for departure in sorted(departures, key=lambda d: (d.planned, d.direction))
    ]
    return {"time": end(day, published.state.t0, line), "departures": rows}


def towards_name(line: Line, direction: int) -> str:
    """Return the name of the last station of a direction."""
    return line.stations[line.travel_order(direction)[-1]].name


def _summary(served: ServedLine) -> dict[str, object]:
    names = served.line.station_names
    return {
        "line_id": served.line.line_id,
        "name": served.name,
        "time_zone": served.line.time_zone,
        "stations": len(names),
        "first_station": names[0],
        "last_station": names[-1],
    }


def _moment_head(published: LineForecast, line: Line) -> dict[str, object]:
    state = published.state
    return {"time": end(state.service_date, state.t0, line), "status": status_body(published.status)}


def _train(train: TrainPath, state: LineState, line: Line) -> dict[str, object]:
    def places(path: tuple[tuple[int, float], ...]) -> list[dict[str, object]]:
        return [{"station": int(s), "time": moment(state.service_date, minute, line)} for s, minute in path]

    return {
        "train": train.train,
        "direction_id": train.direction,
        "passed": places(tuple(place for place in train.passed if place[1] >= state.t0 + 1 - STATE_MINS)),
        "expected": places(train.expected),
    }


def _platform(published: LineForecast, line: Line, station: int, direction: int) -> dict[str, object]:
    state, past = published.state, slice(-STATION_MINS, None)
    return {
        "direction_id": direction,
        "stop_id": line.stop_ids(direction)[station],
        "typical": numbers(state.typical[station, direction]),
        "past": {
            "times": ends(state.service_date, state.minutes[past], line),
            "headway": numbers(state.headway[past, station, direction]),
            "arrived": state.arrived[past, station, direction].tolist(),
        },
        "forecast": _platform_forecast(published, line, station, direction),
    }


def _platform_forecast(
    published: LineForecast, line: Line, station: int, direction: int
) -> dict[str, object] | None:
    known = [issued for issued in (published.hour, published.forecast) if issued is not None]
    if not known:
        return None
    # While the hour is still being worked out, the one published is of an earlier minute than the quarter.
    issued = max(known, key=lambda each: (each.service_date, each.t0, each.leads))
    times = ends(issued.service_date, issued.t0 + np.arange(1, issued.leads + 1), line)
    return {"valid_times": times} | platform_columns(issued.forecast, station, direction)
