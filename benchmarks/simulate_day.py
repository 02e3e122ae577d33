"""Print how long a weekday of a 66-station line takes to simulate, log table included (median of several days)."""

import statistics
import time
from datetime import timedelta

from headway_prediction.simulate import DayService, Scenario, plan_day, simulate_day

STATIONS = 66
DAYS = 15


def main() -> None:
    service = DayService(
        headways=((300, 6), (390, 3), (570, 5), (930, 3), (1140, 6)), last_departure_min=1500
    )
    scenario = Scenario.of_size(STATIONS, weekday=service, saturday=service, sunday=service)
    durations = []
    for day in range(DAYS):
        started = time.perf_counter()
        plan = plan_day(scenario, scenario.start_date + timedelta(days=day))
        log = simulate_day(scenario, plan, seed=0)
        durations.append(time.perf_counter() - started)
    trains = plan.departures.height
    print(f"{STATIONS} stations, {trains} trains, {log.height} passings: ", end="")
    print(f"median {statistics.median(durations):.3f} s a day, slowest {max(durations):.3f} s")


if __name__ == "__main__":
    main()
