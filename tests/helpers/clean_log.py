"""A simulated log without faults, for the quality checks to find faults put into it."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from headway_prediction.feeds.gtfs.timetable import read_timetable
from headway_prediction.feeds.logs.arrivals import typed_arrivals
from headway_prediction.simulate import Scenario, write_simulation
from headway_prediction.transit.clock import service_minutes
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import Timetable

SCENARIO = Scenario.of_size(6).without_noise()
DAYS = [SCENARIO.start_date + timedelta(days=k) for k in range(5)]  # Monday to Friday


def write_clean_log(folder: Path) -> tuple[pl.DataFrame, Line, Timetable, Path]:
    """Five weekdays on which every train ran as planned: the log, the line, the plan and the folder of their files."""
    arrivals, gtfs = write_simulation(folder, SCENARIO, days=len(DAYS), seed=0)
    log = typed_arrivals(pl.read_parquet(arrivals))
    line = Line.from_arrivals(log, SCENARIO.time_zone)
    return log, line, read_timetable(gtfs, line), folder


def on(day):
    return pl.col("service_date") == DAYS[day]


def silent_hour(log, line):
    """The rows from ten to eleven o'clock on Wednesday."""
    minutes = service_minutes(log["event_time"], log["service_date"], line.time_zone)
    return on(2) & minutes.is_between(600, 660, closed="left")
