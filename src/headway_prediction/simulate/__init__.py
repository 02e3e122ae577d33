"""A line that does not exist: the same log and GTFS zip as a real line has, from a scenario and a seed.

Scenario -> plan of terminal departures -> noise -> trains -> log. A day depends on the scenario, its date and the seed
only; the seed is what tells replications apart.
"""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.simulate.blue_line import blue_line
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.log import log_table
from headway_prediction.simulate.plan import Plan, plan_day
from headway_prediction.simulate.scenario import DayService, Scenario
from headway_prediction.simulate.trains import run_day

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


def simulate_day(scenario: Scenario, plan: Plan, *, seed: int) -> pl.DataFrame:
    """Return the log of one service day under `plan` (from `plan_day`, edited or not): see `log.log_table`.

    The same seed gives every train the same luck under every plan of that date. Raises HeadwayError for a
    negative seed.
    """
    return log_table(scenario, plan.service_date, run_day(scenario, plan, seed))


def simulate_days(scenario: Scenario, *, days: int, seed: int) -> pl.DataFrame:
    """Return the log of `days` consecutive service days from the scenario's start date on, in order of date.

    A day is the same however many are simulated. Raises HeadwayError for fewer than one day or a negative seed.
    """
    dates = _dates(scenario, days)
    return pl.concat([simulate_day(scenario, plan_day(scenario, day), seed=seed) for day in dates])


def write_simulation(folder: Path | str, scenario: Scenario, *, days: int, seed: int) -> tuple[Path, Path]:
    """Write `arrivals.parquet` and `gtfs.zip` into `folder`, made if needed; returns the two paths.

    Each file is written whole or not at all. Raises HeadwayError as `simulate_days` does, or when the folder
    cannot be written.
    """
    arrivals, gtfs = Path(folder) / "arrivals.parquet", Path(folder) / "gtfs.zip"
    log = simulate_days(scenario, days=days, seed=seed)
    dates = _dates(scenario, days)
    with atomic_path(arrivals) as fresh:
        log.write_parquet(fresh)
    with atomic_path(gtfs) as fresh:
        fresh.write_bytes(gtfs_bytes(scenario, dates[0], dates[-1]))
    return arrivals, gtfs


def _dates(scenario: Scenario, days: int) -> list[date]:
    if days < 1:
        raise HeadwayError(f"{days} days were asked for", "at least one day to simulate", "ask for more days")
    return [scenario.start_date + timedelta(days=day) for day in range(days)]
