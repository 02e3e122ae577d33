"""A year of one line (12 million passings): seconds and peak memory of the commands that read it.

Made by the simulator, once as one Parquet file with times as instants, as `headway archive` writes it, and once as a folder
of daily files with times as texts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl

from headway_prediction.feeds.archives.convert import log_writer
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.simulate import DayService, Scenario, plan_day, simulate_day

STATIONS, DAYS = 66, 365
ARCHIVE, ZONE = "arrivals.parquet", Scenario().time_zone
WEEKDAY = DayService(headways=((300, 6), (390, 3), (570, 5), (930, 3), (1140, 6)), last_departure_min=1500)
WEEKEND = DayService(headways=((330, 6), (540, 5), (1200, 6)), last_departure_min=1500)


def days() -> Iterator[pl.DataFrame]:
    """The log of each simulated day, as `headway simulate` writes it."""
    scenario = Scenario.of_size(STATIONS, weekday=WEEKDAY, saturday=WEEKEND, sunday=WEEKEND)
    for day in range(DAYS):
        plan = plan_day(scenario, scenario.start_date + timedelta(days=day))
        yield simulate_day(scenario, plan, seed=0)


def write_year(folder: Path) -> int:
    """Write the year as `headway archive` does, and as a folder of daily logs with times as texts; return its passings."""
    (folder / "days").mkdir(parents=True)
    passings = 0
    with log_writer(folder / ARCHIVE) as writer:
        for day in days():
            day.write_parquet(folder / "days" / f"{day['service_date'][0]}.parquet")
            writer.append(check_arrivals(day))
            passings += day.height
    return passings


def measure(*words: object) -> str:
    """Run a `headway` command in a process of its own; say what it took."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "headway_prediction", *map(str, words)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss / 2**20
    return f"headway {words[0]}: status {status}; {seconds:.1f} s, {cpu:.1f} s of CPU; peak memory {peak:.2f} GiB"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, help="folder that keeps the year for another run")
    options.add_argument("--only", nargs="*", choices=("grid", "folder", "check", "info"), default=None)
    told = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.out or Path(temporary) / "year"
        if not (folder / ARCHIVE).exists():
            print(f"simulated {write_year(folder):,} passings of {DAYS} days", flush=True)
        zone, grid = ("--time-zone", ZONE), folder / "grid.zarr"
        commands = {
            "grid": ("grid", "--arrivals", folder / ARCHIVE, *zone, "--out", grid),
            "folder": ("grid", "--arrivals", folder / "days", *zone, "--out", grid),
            "check": ("check", folder / ARCHIVE, *zone, "--out", folder / "quality.html"),
            "info": ("info", grid),
        }
        for name in told.only or commands:
            print(f"{name}: {measure(*commands[name])}", flush=True)


if __name__ == "__main__":
    main()
