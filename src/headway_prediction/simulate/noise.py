"""The noise of a day and direction, drawn per train and station in an order that no plan changes."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate.plan import day_type, trip_secs
from headway_prediction.simulate.scenario import Scenario

# Weibull: on DART's open days the standard deviation of the lateness at the terminals is twice its mean.
_LATENESS_POWER = 1.5
_INCIDENT_SHAPE = 2.0  # of a gamma distribution: short holds are frequent, long ones rare


@dataclass(frozen=True)
class Incident:
    """A train that would leave `station` (its place along the direction) in [start, end) leaves at `end`."""

    station: int
    start_secs: float
    end_secs: float


@dataclass(frozen=True)
class Noise:
    """The noise of the trains of one direction on one day.

    `lateness_secs` (trains,) at the first platform; `running_factor` (trains, stations - 1) and `dwell_factor`
    (trains, stations) multiply the planned times, with mean 1; `last_station` (trains,) where a train ends.
    """

    lateness_secs: np.ndarray
    running_factor: np.ndarray
    dwell_factor: np.ndarray
    last_station: np.ndarray
    incidents: tuple[Incident, ...]


def draw_noise(scenario: Scenario, seed: int, service_date: date, direction: int, trains: int) -> Noise:
    """Return the noise of trains 0 ... `trains` - 1: the first n of them are the same whatever `trains` is.

    Each source of noise has its own stream, seeded by (seed, service date, direction) only. Raises
    HeadwayError for a negative seed.
    """
    if seed < 0:
        raise HeadwayError(f"the seed is {seed}", "a whole number from 0 on", "give another seed")
    day = np.random.SeedSequence((seed, service_date.toordinal(), direction))
    late, pace, running, dwell, turn, incident = (np.random.default_rng(child) for child in day.spawn(6))
    stations = scenario.station_count
    train_factor = _factor(pace, scenario.train_pace_spread, (trains, 1))
    return Noise(
        _lateness(scenario, late, trains),
        train_factor * _factor(running, scenario.running_spread, (trains, stations - 1)),
        _factor(dwell, scenario.dwell_spread, (trains, stations)),
        _last_stations(scenario, turn, direction, trains),
        _incidents(scenario, incident, service_date),
    )


def _lateness(scenario: Scenario, stream: np.random.Generator, trains: int) -> np.ndarray:
    """Return Weibull draws, as powers of exponential ones: mostly small, rarely many times the mean, within the limit."""
    of_mean_one = stream.standard_exponential(trains) ** _LATENESS_POWER / math.gamma(1 + _LATENESS_POWER)
    lateness = scenario.terminal_lateness_secs * of_mean_one
    limit = scenario.terminal_lateness_max_secs
    return lateness if limit is None else np.minimum(lateness, limit)


def _factor(stream: np.random.Generator, spread: float, shape: tuple[int, int]) -> np.ndarray:
    """Return log-normal factors of mean 1."""
    return np.exp(spread * stream.standard_normal(shape) - spread**2 / 2)


def _last_stations(
    scenario: Scenario, stream: np.random.Generator, direction: int, trains: int
) -> np.ndarray:
    terminal = scenario.station_count - 1
    draws = stream.random((trains, 2))
    if not scenario.turnback_stations:
        return np.full(trains, terminal)
    turnbacks = np.abs(direction * terminal - np.array(scenario.turnback_stations))
    chosen = turnbacks[(draws[:, 1] * len(turnbacks)).astype(int)]
    return np.where(draws[:, 0] < scenario.short_turn_share, chosen, terminal)


def _incidents(scenario: Scenario, stream: np.random.Generator, service_date: date) -> tuple[Incident, ...]:
    service = getattr(scenario, day_type(service_date))
    count = int(stream.poisson(scenario.incidents_per_day))
    if service is None or count == 0:
        return ()
    first, last = service.headways[0][0] * 60, service.last_departure_min * 60 + trip_secs(scenario)
    starts = np.sort(stream.uniform(first, last, count))
    places = stream.integers(0, scenario.station_count - 1, count)
    lengths = stream.gamma(_INCIDENT_SHAPE, scenario.incident_mins * 60 / _INCIDENT_SHAPE, count)
    return tuple(
        Incident(int(place), float(start), float(start + length))
        for place, start, length in zip(places, starts, lengths, strict=True)
    )
