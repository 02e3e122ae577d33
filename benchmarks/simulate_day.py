"""Seconds to simulate a weekday of a 66-station line, log table included: median and maximum of several days.

python benchmarks/simulate_day.py [--days 15]
"""

import argparse
import statistics
import time
from datetime import timedelta

from common import dense_line, print_figure

from headway_prediction.simulate import plan_day, simulate_day

STATIONS = 66


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=15)
    args = parser.parse_args()
    scenario = dense_line(STATIONS)
    durations = []
    for day in range(args.days):
        started = time.perf_counter()
        plan = plan_day(scenario, scenario.start_date + timedelta(days=day))
        log = simulate_day(scenario, plan, seed=0)
        durations.append(time.perf_counter() - started)
    trains = plan.departures.height
    print(f"{STATIONS} stations, {trains} trains, {log.height} passings, {args.days} days")
    print_figure("simulated day of 66 stations, median", statistics.median(durations), "s")


if __name__ == "__main__":
    main()
