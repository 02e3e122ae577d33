"""A simulated line: the same log and GTFS zip as a real line has, from a scenario and a seed.

scenario -> plan (terminal departures) -> noise -> trains -> log, and in `feed` the line's GTFS-Realtime feed. A day depends
on the scenario, its date and the seed only; replications differ in the seed.
"""

from headway_prediction.simulate.blue_line import blue_line
from headway_prediction.simulate.log import simulate_day, simulate_days, write_simulation
from headway_prediction.simulate.plan import Plan, plan_day
from headway_prediction.simulate.scenario import DayService, Scenario

__all__ = [
    "DayService",
    "Plan",
    "Scenario",
    "blue_line",
    "plan_day",
    "simulate_day",
    "simulate_days",
    "write_simulation",
]
