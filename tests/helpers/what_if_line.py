"""A line for the tests of what-if: A to F, ten trains an hour in both directions, two minutes between stations."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.statistics import FittedStatistics, TrainedLine
from headway_prediction.config import AppConfig
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.physics.turnarounds import Turnarounds
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory, history_from_log
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.request import Edit, Request
from headway_prediction.what_if.result import WhatIfResult, run_what_if
from helpers.lines import MONDAY, ZONE, log_of, train
from helpers.trips import plan_of

STATIONS, RUN = 6, 2.0
FIRST, LAST = 360, 720
DEPARTURES = np.array([minute + part for minute in np.arange(FIRST, LAST, 12.0) for part in (0.0, 5.0)])
"""Five minutes and seven in turn: a line that runs evenly needs no trips to be known."""
DAYS = [MONDAY + timedelta(days=k) for k in range(3)]
TODAY = DAYS[2]
T0 = 539
"""The last minute that is over: it is 09:00, and a train leaves either terminal now."""
NOW = T0 + 1
NAMES = "ABCDEF"


def plan() -> Timetable:
    """The planned passings of both directions, with the trip ids that the log has."""
    rows = []
    for direction in (0, 1):
        for minute in DEPARTURES:
            stations = range(STATIONS) if direction == 0 else range(STATIONS - 1, -1, -1)
            rows += [
                (f"{direction}-{minute:g}", direction, station, minute + RUN * k)
                for k, station in enumerate(stations)
            ]
    return plan_of(rows)


def line_history(noise: float = 0.0, planned: bool = True, trip_ids: bool = True) -> LineHistory:
    """Three days of the line; trains leave late and run unevenly by `noise` (minutes), or as planned."""
    random, rows = np.random.default_rng(0), []
    for day in DAYS:
        for direction, stops in enumerate((NAMES, NAMES[::-1])):
            for minute in DEPARTURES:
                late = abs(random.normal(0, noise)) + random.normal(0, noise / 4, STATIONS).cumsum()
                path = train(
                    f"{direction}-{minute:g}" if trip_ids else "", stops, minute, day=day, direction=direction
                )
                rows += [(*row[:5], row[5] + round(60 * late[k]) / 60) for k, row in enumerate(path)]
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE), plan() if planned else None)


def delayed(history: LineHistory, departure: float, mins: float) -> LineHistory:
    """Return the history in which the train of direction 0 planned to leave at `departure` runs `mins` late today."""
    at_first = (pl.col("direction") == 0) & (pl.col("station") == 0) & (pl.col("minute") == departure)
    trip = history.timetable.planned_on(TODAY).filter(at_first)["trip_id"].item()
    own = (pl.col("trip_id") == trip) & (pl.col("service_date") == TODAY)
    minute = pl.when(own).then(pl.col("minute") + mins).otherwise("minute")
    passings = history.passings.with_columns(minute=minute).sort(
        "service_date", "direction", "station", "minute"
    )
    return replace(history, passings=passings)


@dataclass(frozen=True)
class Railway:
    """The line with a history, a bundle of it without networks, and the moment that is asked about;
    `turnarounds` into either direction are known where they are given."""

    history: LineHistory
    t0: int = T0
    turnarounds: tuple[Turnarounds, Turnarounds] | None = None

    @cached_property
    def bundle(self) -> Bundle:
        """The simple methods of the bundle are fitted on the first two days."""
        history = self.history
        methods = fit_simple_methods(history.select(DAYS[:2]))
        if self.turnarounds is not None:
            prior = replace(methods["trip-propagation"].prior, turnarounds=self.turnarounds)
            methods |= {"trip-propagation": replace(methods["trip-propagation"], prior=prior)}
        days = {"training": tuple(DAYS[:2]), "validation": (), "test": (TODAY,)}
        cap_mins = history.grid.attrs["cap_mins"]
        return Bundle(
            config=AppConfig(),
            cap_mins=cap_mins,
            lines=(TrainedLine(history.line, days, ()),),
            network_paths=(),
            calibration=None,
            rollout=None,
            prior=FittedPrior(methods["trip-propagation"].prior),
            statistics=FittedStatistics(history.line, history.timetable, methods),
        )

    @property
    def origin(self) -> ForecastOrigin:
        """The moment that is asked about."""
        return ForecastOrigin(self.history, TODAY, self.t0)

    @cached_property
    def baseline(self) -> Baseline:
        """What is known of the line."""
        return Baseline.of(self.bundle, self.origin)

    @cached_property
    def forecast(self) -> Forecast:
        """A forecast of the next 60 minutes, with quantiles a minute apart."""
        prior = TripPropagation(self.bundle.prior.physics, leads=60)
        middle = prior.forecast(self.history, TODAY, np.array([self.t0]))
        levels = ((0.1, -1), (0.5, 0), (0.9, 1))
        return replace(
            middle, quantiles={level: (middle.mean + apart).clip(0, 30) for level, apart in levels}
        )

    def asked(self, *edits: Edit, **more: object) -> WhatIfResult:
        """What `edits` do, and a strategy or a search."""
        return run_what_if(Request(edits, **more), self.bundle, self.origin, self.forecast)
