"""The movement of the trains of a day: each waits for the previous train and for the one it turned from.

Passengers gather while no train comes, so a dwell grows with the headway before it (Newell and Potts, 1964): a late
train becomes later, the next one earlier, and bunches form by themselves.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from headway_prediction.simulate.noise import Incident, Noise, draw_noise
from headway_prediction.simulate.plan import Plan, line_times, planned_passings
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.transit.line import DIRECTIONS


@dataclass(frozen=True)
class Passings:
    """The passings of one direction, in seconds of the service day, NaN where a train did not come.

    `train` (trains,) holds the trains' numbers in the order they ran; `arrival_secs` and `departure_secs`
    (trains, stations) follow the direction of travel. At its last station a train departs when it is empty.
    """

    train: np.ndarray
    arrival_secs: np.ndarray
    departure_secs: np.ndarray


def run_day(scenario: Scenario, plan: Plan, seed: int) -> tuple[Passings, Passings]:
    """Run every train of `plan` over the line; returns the passings of direction 0 and of direction 1.

    Trains of a direction keep the order of their planned departures. Common random numbers: the same seed gives a train the
    same noise under every plan of that service date.
    """
    forward, backward = (
        draw_noise(scenario, seed, plan.service_date, direction, train_count(plan, direction))
        for direction in DIRECTIONS
    )
    return run_with_noise(scenario, plan, (forward, backward))


def train_count(plan: Plan, direction: int) -> int:
    """Return for how many trains a direction of the plan needs noise: one more than its highest train number."""
    trains = plan.departures.filter(direction_id=direction)["train"].to_list()
    return max(trains, default=-1) + 1


def run_with_noise(scenario: Scenario, plan: Plan, noises: tuple[Noise, Noise]) -> tuple[Passings, Passings]:
    """Run every train of `plan` under the noise of direction 0 and of direction 1; see `run_day`."""
    departures = plan.departures.sort("departure_secs", "direction_id", "train")
    tracks = [_Track(scenario, plan, direction, noises[direction]) for direction in DIRECTIONS]
    for train in departures.iter_rows(named=True):
        track, opposite = tracks[train["direction_id"]], tracks[1 - train["direction_id"]]
        turned = opposite.reached_terminal.get(train["inbound_train"], -math.inf)
        track.run(train["train"], train["departure_secs"], train["typical_headway_secs"], turned)
    forward, backward = tracks
    return forward.passings(), backward.passings()


class _Track:
    """One direction of the line on one day, and the state after the trains so far.

    A plain loop over floats: each passing depends on the previous one in time and in space, and at this size a loop is
    faster than arrays over the diagonals.
    """

    def __init__(self, scenario: Scenario, plan: Plan, direction: int, noise: Noise):
        own = plan.departures.filter(direction_id=direction).sort("departure_secs", "train")
        running, dwell = line_times(scenario, direction)
        self.scenario, self.noise = scenario, noise
        self.running: list[list[float]] = (running * noise.running_factor).tolist()
        self.dwell: list[list[float]] = (dwell * noise.dwell_factor).tolist()
        self.planned_dwell: list[float] = dwell.tolist()
        self.passengers = _take_passengers(scenario, direction)
        self.holds = _by_station(noise)
        # As many trains fit between two stations as the separation lets in one behind the other.
        self.section_exits = [[-math.inf] * math.ceil(run / scenario.separation_secs) for run in running]
        self.last_departure = _train_before_the_first(scenario, direction, own)
        self.reached_terminal: dict[int, float] = {}
        self.trains: list[int] = []
        self.rows: list[tuple[list[float], list[float]]] = []

    def run(self, train: int, planned_secs: float, typical_headway_secs: float, turned_secs: float) -> None:
        """Run one train from the first platform to its last; `turned_secs` is when its stock reached the terminal."""
        waits = turned_secs + self.scenario.turn_min_secs - planned_secs
        waits = min(waits, self.scenario.turn_lateness_max_secs)
        ready = planned_secs + max(self.noise.lateness_secs[train], waits)
        last = int(self.noise.last_station[train])
        arrivals, departures = self._move(train, float(ready), typical_headway_secs, last)
        if last == len(self.planned_dwell) - 1:
            self.reached_terminal[train] = arrivals[-1]
        self.trains.append(train)
        self.rows.append((arrivals, departures))

    def _move(
        self, train: int, ready: float, typical_headway: float, last: int
    ) -> tuple[list[float], list[float]]:
        arrivals: list[float] = []
        departures: list[float] = []
        arrival = ready - self.planned_dwell[0]
        for station in range(last + 1):
            arrival = max(arrival, self.last_departure[station] + self.scenario.separation_secs)
            departure = arrival + self._dwell(train, station, arrival, typical_headway)
            if station < last:
                departure = max(departure, self.section_exits[station][0])
            for incident in self.holds.get(station, ()):
                if incident.start_secs <= departure < incident.end_secs:
                    departure = incident.end_secs
            if station > 0:
                self._leave_section(station - 1, arrival)
            self.last_departure[station] = departure
            arrivals.append(arrival)
            departures.append(departure)
            arrival = departure + (self.running[train][station] if station < last else 0.0)
        return arrivals, departures

    def _dwell(self, train: int, station: int, arrival: float, typical_headway: float) -> float:
        scenario = self.scenario
        if not self.passengers[station]:
            return self.planned_dwell[station]
        headway = arrival + self.planned_dwell[station] - self.last_departure[station]
        gain = scenario.dwell_secs_per_headway_min * (headway - typical_headway) / 60
        return min(max(self.dwell[train][station] + gain, scenario.dwell_min_secs), scenario.dwell_max_secs)

    def _leave_section(self, section: int, arrival: float) -> None:
        exits = self.section_exits[section]
        exits.append(arrival)
        del exits[0]

    def passings(self) -> Passings:
        """Return the passings of the trains so far."""
        shape = len(self.rows), len(self.planned_dwell)
        arrival_secs, departure_secs = np.full(shape, np.nan), np.full(shape, np.nan)
        for row, (arrivals, departures) in enumerate(self.rows):
            arrival_secs[row, : len(arrivals)] = arrivals
            departure_secs[row, : len(departures)] = departures
        return Passings(np.array(self.trains, dtype=int), arrival_secs, departure_secs)


def _take_passengers(scenario: Scenario, direction: int) -> list[bool]:
    """Return, along `direction`, where a dwell depends on passengers; at the first platform they board before departure."""
    takes = [place not in scenario.timing_points for place in range(scenario.station_count)]
    return [False, *(takes if direction == 0 else takes[::-1])[1:]]


def _by_station(noise: Noise) -> dict[int, list[Incident]]:
    stations: dict[int, list[Incident]] = {}
    for incident in noise.incidents:
        stations.setdefault(incident.station, []).append(incident)
    return stations


def _train_before_the_first(scenario: Scenario, direction: int, own: pl.DataFrame) -> list[float]:
    """Return departures of a punctual train one typical headway before the first, which then has no longer dwells."""
    if own.is_empty():
        return []
    before = own["departure_secs"][0] - own["typical_headway_secs"][0]
    departures: list[float] = planned_passings(scenario, direction, np.array([before]))[1][0].tolist()
    return departures
