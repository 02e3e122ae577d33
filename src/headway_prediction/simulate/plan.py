"""The plan of a service day: which train leaves which terminal when, as a table that can be edited."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.simulate.scenario import DayService, Scenario
from headway_prediction.transit.line import DIRECTIONS

DAY_TYPES = ("weekday", "saturday", "sunday")

DEPARTURES_SCHEMA = {
    "direction_id": pl.Int64,
    "train": pl.Int64,
    "departure_secs": pl.Int64,
    "typical_headway_secs": pl.Int64,
    "inbound_train": pl.Int64,
}


@dataclass(frozen=True)
class Plan:
    """Planned terminal departures of one service date.

    `departures` has one row per train: `direction_id`; `train`, its number within the direction, which determines its noise
    and its trip_id; `departure_secs` of the service day at the first platform; `typical_headway_secs`, the headway of the
    timetable at that time; `inbound_train`, the train of the other direction that turns into it (null: from the yard). To
    hold, cancel or add departures, change, filter or append rows: the other trains keep their noise.
    """

    service_date: date
    departures: pl.DataFrame


def day_type(service_date: date) -> str:
    """Return the day type of a date: weekday, saturday or sunday."""
    return DAY_TYPES[max(0, service_date.weekday() - 4)]


def plan_day(scenario: Scenario, service_date: date) -> Plan:
    """Return the plan of `service_date`: the timetable of its day type; no rows on a day without service."""
    return Plan(service_date, planned_departures(scenario, day_type(service_date)))


def planned_departures(scenario: Scenario, of_day_type: str) -> pl.DataFrame:
    """Return the timetable of a day type: a table as `Plan.departures`, in order of direction and departure."""
    service: DayService | None = getattr(scenario, of_day_type)
    if service is None:
        return pl.DataFrame(schema=DEPARTURES_SCHEMA)
    trains = [_terminal_departures(service, direction) for direction in DIRECTIONS]
    parts = []
    for direction in DIRECTIONS:
        leaves, headways = trains[direction]
        arrives = trains[1 - direction][0] + trip_secs(scenario)
        parts.append(
            pl.DataFrame(
                {
                    "direction_id": np.full(len(leaves), direction),
                    "train": np.arange(len(leaves)),
                    "departure_secs": leaves,
                    "typical_headway_secs": headways,
                    "inbound_train": _inbound_trains(leaves, arrives, scenario.turn_planned_secs),
                },
                schema=DEPARTURES_SCHEMA,
            )
        )
    return pl.concat(parts)


def _terminal_departures(service: DayService, direction: int) -> tuple[np.ndarray, np.ndarray]:
    """Return departures and headways before them, whole seconds, of one direction."""
    starts = [start * 60 for start, _ in service.headways]
    headways = [round(headway * 60) for _, headway in service.headways]
    # The second terminal starts half a headway later, so that the directions do not always meet at the same places.
    leaves = [round(starts[0] + direction * headways[0] / 2)]
    before = [headways[0]]
    while True:
        headway = headways[int(np.searchsorted(starts, leaves[-1], side="right")) - 1]
        if leaves[-1] + headway > service.last_departure_min * 60:
            return np.array(leaves), np.array(before)
        leaves.append(leaves[-1] + headway)
        before.append(headway)


def _inbound_trains(leaves: np.ndarray, arrives: np.ndarray, turn_secs: float) -> list[int | None]:
    """Return for each departure the latest train that has arrived in time to turn, unless an earlier departure has it."""
    latest = np.searchsorted(arrives, leaves - turn_secs, side="right") - 1
    taken = np.r_[False, latest[1:] == latest[:-1]]
    return [None if train < 0 or used else int(train) for train, used in zip(latest, taken, strict=True)]


def line_times(scenario: Scenario, direction: int) -> tuple[np.ndarray, np.ndarray]:
    """Return running times to the next station (stations - 1) and dwells (stations) along `direction`, seconds."""
    running, dwell = np.array(scenario.running_secs, float), np.array(scenario.dwell_secs, float)
    return (running, dwell) if direction == 0 else (running[::-1], dwell[::-1])


def trip_secs(scenario: Scenario) -> int:
    """Return the planned seconds from leaving the first platform to having arrived at the last one."""
    return sum(scenario.running_secs) + sum(scenario.dwell_secs[1:-1])


def planned_passings(
    scenario: Scenario, direction: int, departure_secs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return planned arrivals and departures, each (trains, stations), in seconds of the service day.

    The planned dwell at the first platform ends, and at the last one starts, with the trip.
    """
    running, dwell = line_times(scenario, direction)
    leaves = np.concatenate([[0.0], np.cumsum(running + dwell[1:])]) + np.asarray(departure_secs)[:, None]
    return leaves - dwell, leaves


def trip_id(direction: int, train: int) -> str:
    """Return a train's id in the log, the same on every day: a letter for its direction and its number."""
    return f"{'AB'[direction]}{train:03d}"


def stop_id(station: int) -> str:
    """Return the stop id of a station by its place along direction 0; both directions share it."""
    return f"S{station + 1:02d}"
