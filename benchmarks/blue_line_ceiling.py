"""Bounds on the published experiment's line: the best RMSE and R² of any forecast that knows the terminal departures.

    python benchmarks/blue_line_ceiling.py [--days 12] [--default-noise]

From each origin the day is simulated several times with the same past, the same terminal lateness and new noise under way.
The variance between these replicas is the minimum squared error of a forecast. A train under way keeps its pace, which its
past reveals. Cells of the scored peak, both directions together.
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
from horizons import HORIZONS

from headway_prediction.grid.headway_grid import CAP_MINS
from headway_prediction.simulate import Plan, Scenario, blue_line, plan_day
from headway_prediction.simulate.blue_line import PEAK_MINS
from headway_prediction.simulate.noise import Noise, draw_noise
from headway_prediction.simulate.trains import Passings, run_with_noise, train_count
from headway_prediction.transit.line import DIRECTIONS

REPLICAS = 6
ORIGINS = range(PEAK_MINS.start - 58, PEAK_MINS.stop - 15, 24)
NOISE_SETTINGS = ("train_pace_spread", "running_spread", "dwell_spread", "incidents_per_day", "incident_mins")


def held_secs(passed: Passings, minutes: list[int]) -> np.ndarray:
    """Headways held at the ends of `minutes`, whole seconds, capped: (minutes, stations)."""
    departures = np.rint(passed.departure_secs)
    held = []
    for times in departures.T:
        last = np.searchsorted(times, 60 * (np.array(minutes) + 1), side="left") - 1
        held.append(times[last] - times[last - 1])
    return np.minimum(np.stack(held, axis=1), 60 * CAP_MINS)


def noises(scenario: Scenario, plan: Plan, seed: int) -> tuple[Noise, Noise]:
    return tuple(
        draw_noise(scenario, seed, plan.service_date, direction, train_count(plan, direction))
        for direction in DIRECTIONS
    )


def replica_noise(known: Noise, new: Noise, passed: Passings, now_secs: float) -> Noise:
    """The known noise up to a moment and new noise after it; the lateness at the terminals stays."""
    past = passed.departure_secs < now_secs
    pace, new_pace = (noise.running_factor.mean(axis=1, keepdims=True) for noise in (known, new))
    upcoming = new.running_factor * np.where(past[:, :1], pace / new_pace, 1.0)
    return Noise(
        known.lateness_secs,
        np.where(past[:, 1:], known.running_factor, upcoming),
        np.where(past, known.dwell_factor, new.dwell_factor),
        known.last_station,
        tuple(i for i in known.incidents if i.start_secs < now_secs)
        + tuple(i for i in new.incidents if i.start_secs >= now_secs),
    )


def variances(scenario: Scenario, plan: Plan, seed: int) -> Iterator[tuple[int, float]]:
    """Yield (horizon, variance between replicas) for every origin of a day from which the horizon falls into the peak."""
    known = noises(scenario, plan, seed)
    passings = run_with_noise(scenario, plan, known)
    for t0 in ORIGINS:
        held = []
        for number in range(REPLICAS):
            new = noises(scenario, plan, seed + 1 + number)
            mixed = tuple(
                replica_noise(*parts, 60 * (t0 + 1)) for parts in zip(known, new, passings, strict=True)
            )
            ends = [t0 + horizon for horizon in HORIZONS]
            held.append([held_secs(passed, ends) for passed in run_with_noise(scenario, plan, mixed)])
        between = np.var(held, axis=0, ddof=1).mean(axis=(0, 2))
        yield from (pair for pair in zip(HORIZONS, between, strict=True) if t0 + pair[0] in PEAK_MINS)


def weekdays(first: date, count: int) -> list[date]:
    return [day for day in (first + timedelta(days=k) for k in range(2 * count)) if day.weekday() < 5][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--default-noise", action="store_true", help="noise under way as on the simulator's default line"
    )
    args = parser.parse_args()
    noise = {name: getattr(Scenario(), name) for name in NOISE_SETTINGS} if args.default_noise else {}
    scenario = blue_line(**noise)
    left: dict[int, list[float]] = {horizon: [] for horizon in HORIZONS}
    truth = []
    for day in weekdays(scenario.start_date, args.days):
        plan = plan_day(scenario, day)
        passings = run_with_noise(scenario, plan, noises(scenario, plan, args.seed))
        truth += [held_secs(passed, list(PEAK_MINS)) for passed in passings]
        for horizon, between in variances(scenario, plan, args.seed):
            left[horizon].append(between)
    print(f"standard deviation of the target: {np.std(truth):.0f} s")
    for horizon, between in left.items():
        rmse, r2 = np.sqrt(np.mean(between)), 1 - np.mean(between) / np.var(truth)
        print(f"{horizon} min: RMSE {rmse:.0f} s, R² {r2:.2f} at best")


if __name__ == "__main__":
    main()
