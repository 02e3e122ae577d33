"""The planned service of a simulated line as a GTFS zip (gtfs.org), with the same bytes for the same scenario and days."""

import io
import math
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np

from headway_prediction.simulate.plan import (
    DAY_TYPES,
    planned_departures,
    planned_passings,
    stop_id,
    trip_id,
)
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.transit.line import DIRECTIONS

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip; the real one would change the bytes
_ORIGIN = (41.70, -87.90)
_BEARING_DEGREES = 35
_METRES_PER_SECOND = 11
_METRES_PER_DEGREE = 111_320

_CALENDAR_DAYS = {"weekday": "1,1,1,1,1,0,0", "saturday": "0,0,0,0,0,1,0", "sunday": "0,0,0,0,0,0,1"}


def gtfs_bytes(scenario: Scenario, first_date: date, last_date: date) -> bytes:
    """Return a GTFS zip of the timetables of every day type with service, valid from `first_date` to `last_date`.

    `trip_id` is the day type, '-', and the log's trip_id; `departure_time` is what the log holds without noise.
    """
    tables = {
        "agency.txt": _agency(scenario),
        "routes.txt": _routes(scenario),
        "stops.txt": _stops(scenario),
        "calendar.txt": _calendar(scenario, first_date, last_date),
        "trips.txt": _trips(scenario),
        "stop_times.txt": _stop_times(scenario),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, lines in tables.items():
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, "".join(f"{line}\n" for line in lines))
    return stream.getvalue()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text


def _agency(scenario: Scenario) -> list[str]:
    name = _quoted(f"{scenario.line_name} (simulated)")
    return [
        "agency_id,agency_name,agency_url,agency_timezone",
        f"simulated,{name},https://example.org,{scenario.time_zone}",
    ]


def _routes(scenario: Scenario) -> list[str]:
    line = _quoted(scenario.line_id)
    return [
        "route_id,agency_id,route_short_name,route_long_name,route_type",
        f"{line},simulated,{line},{_quoted(scenario.line_name)},1",
    ]


def _stops(scenario: Scenario) -> list[str]:
    distance_metres = np.concatenate([[0], np.cumsum(scenario.running_secs)]) * _METRES_PER_SECOND
    bearing = math.radians(_BEARING_DEGREES)
    latitudes = _ORIGIN[0] + distance_metres * math.cos(bearing) / _METRES_PER_DEGREE
    east = distance_metres * math.sin(bearing) / (_METRES_PER_DEGREE * math.cos(math.radians(_ORIGIN[0])))
    rows = zip(scenario.station_names, latitudes, _ORIGIN[1] + east, strict=True)
    return ["stop_id,stop_name,stop_lat,stop_lon"] + [
        f"{stop_id(station)},{_quoted(name)},{latitude:.6f},{longitude:.6f}"
        for station, (name, latitude, longitude) in enumerate(rows)
    ]


def _calendar(scenario: Scenario, first_date: date, last_date: date) -> list[str]:
    header = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date"
    span = f"{first_date:%Y%m%d},{last_date:%Y%m%d}"
    return [header] + [f"{kind},{_CALENDAR_DAYS[kind]},{span}" for kind in _served(scenario)]


def _served(scenario: Scenario) -> Iterable[str]:
    return [kind for kind in DAY_TYPES if getattr(scenario, kind) is not None]


def _trips(scenario: Scenario) -> list[str]:
    ends = _quoted(scenario.station_names[-1]), _quoted(scenario.station_names[0])
    return ["route_id,service_id,trip_id,trip_headsign,direction_id"] + [
        f"{_quoted(scenario.line_id)},{kind},{kind}-{trip_id(direction, train)},{ends[direction]},{direction}"
        for kind, direction, train, _ in _planned_trains(scenario)
    ]


def _planned_trains(scenario: Scenario) -> Iterator[tuple[str, int, int, int]]:
    for kind in _served(scenario):
        columns = planned_departures(scenario, kind).select("direction_id", "train", "departure_secs")
        for direction, train, leaves in columns.iter_rows():
            yield kind, direction, train, leaves


def _stop_times(scenario: Scenario) -> list[str]:
    stops = [stop_id(station) for station in range(scenario.station_count)]
    stops_along = stops, stops[::-1]
    trips_along = [planned_passings(scenario, direction, np.array([0])) for direction in DIRECTIONS]
    lines = ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"]
    for kind, direction, train, leaves in _planned_trains(scenario):
        trip = f"{kind}-{trip_id(direction, train)}"
        arrivals, departures = (leaves + times[0] for times in trips_along[direction])
        for sequence, stop in enumerate(stops_along[direction]):
            times = f"{_gtfs_time(arrivals[sequence])},{_gtfs_time(departures[sequence])}"
            lines.append(f"{trip},{times},{stop},{sequence + 1}")
    return lines


def _gtfs_time(secs: float) -> str:
    minutes, second = divmod(round(secs), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"
