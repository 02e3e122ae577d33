"""Seconds and peak memory of the commands that read a log, on a simulated year of one line (12 million passings).

    python benchmarks/year_of_archive.py [--days 365] [--only grid] [--out FOLDER]

The year is written twice: as one Parquet file with times as instants, like `headway import` writes it, and as a folder of
daily files with times as text.
"""

import argparse
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
from common import DENSE_SERVICE, print_figure, run_headway

from headway_prediction.feeds.archives.convert import SCHEMA
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.files import parquet_parts
from headway_prediction.simulate import DayService, Scenario, plan_day, simulate_day

STATIONS = 66
LOG, ZONE = "arrivals.parquet", Scenario().time_zone
WEEKEND = DayService(headways=((330, 6), (540, 5), (1200, 6)), last_departure_min=1500)


def day_logs(days: int) -> Iterator[pl.DataFrame]:
    """The log of each simulated day, as `headway simulate` writes it."""
    scenario = Scenario.of_size(STATIONS, weekday=DENSE_SERVICE, saturday=WEEKEND, sunday=WEEKEND)
    for day in range(days):
        plan = plan_day(scenario, scenario.start_date + timedelta(days=day))
        yield simulate_day(scenario, plan, seed=0)


def write_year(folder: Path, days: int) -> int:
    """Write the log both ways; return the number of passings."""
    (folder / "days").mkdir(parents=True)
    passings = 0
    with parquet_parts(folder / LOG, SCHEMA) as append:
        for log in day_logs(days):
            log.write_parquet(folder / "days" / f"{log['service_date'][0]}.parquet")
            append(check_arrivals(log))
            passings += log.height
    return passings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder that keeps the year for another run")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument(
        "--only", action="append", choices=("grid", "folder", "check", "info"), help="repeatable"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.out or Path(temporary) / "year"
        if not (folder / LOG).exists():
            print(f"simulated {write_year(folder, args.days):,} passings of {args.days} days", flush=True)
        zone, grid = ("--time-zone", ZONE), folder / "grid.zarr"
        commands = {
            "grid": ("grid", "--arrivals", folder / LOG, *zone, "--out", grid),
            "folder": ("grid", "--arrivals", folder / "days", *zone, "--out", grid),
            "check": ("check", folder / LOG, *zone, "--out", folder / "quality.html"),
            "info": ("info", grid),
        }
        for name in args.only or commands:
            command = commands[name]
            cost = run_headway(*command)
            print(f"{name}: headway {command[0]}: {cost}", flush=True)
            print_figure(f"{args.days} days of one line, {name}, whole command", cost.seconds, "s")
            print_figure(
                f"{args.days} days of one line, {name}, peak memory", cost.peak_gib * 2**30 / 1e6, "MB"
            )


if __name__ == "__main__":
    main()
