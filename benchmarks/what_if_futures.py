"""What could be known of a change: simulated mornings that are the same until now and have other luck from then on.

The mean of what a change does over many of these is the best that anyone could say who knows all of the simulator and of the
morning so far; how well that agrees with one real future is the most that can be asked of a forecast. How well a forecast
agrees with that mean tells what it misses beside chance.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from what_if_waits import Change, platforms, waits_longer

from headway_prediction.simulate import Plan, Scenario
from headway_prediction.simulate.noise import Noise, draw_noise
from headway_prediction.simulate.trains import Passings, run_with_noise, train_count
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.monte_carlo import held_headways
from headway_prediction.what_if.request import EDITED_MINS

TRIES = 2000


def changes_of_futures(
    scenario: Scenario, plans: tuple[Plan, Plan], seed: int, baseline: Baseline, futures: int
) -> list[Change]:
    """Return what the second of two plans changes after now in each of so many futures of a morning."""
    day = baseline.service_date
    trains = [train_count(plans[1], direction) for direction in DIRECTIONS]
    real = [draw_noise(scenario, seed, day, d, trains[d]) for d in DIRECTIONS]
    past = run_with_noise(scenario, plans[0], tuple(real))
    changes = []
    for future in range(futures):
        stream = tuple(
            _other_luck(scenario, plans[0], d, real[d], past[d], 60 * baseline.now, (seed, future, d))
            for d in DIRECTIONS
        )
        minutes = [
            [_minutes(one, baseline.now) for one in run_with_noise(scenario, plan, stream)] for plan in plans
        ]
        before, after = (_headways(baseline, plan) for plan in minutes)
        changes.append(Change(after - before, waits_longer(baseline, minutes)))
    return changes


def _other_luck(
    scenario: Scenario,
    plan: Plan,
    direction: int,
    real: Noise,
    past: Passings,
    now: int,
    seed: tuple[int, ...],
) -> Noise:
    """Keep the luck that trains have had by `now` (seconds), and draw what they will have."""
    fresh = draw_noise(scenario, hash(seed) % 2**32, plan.service_date, direction, len(real.lateness_secs))
    seen = np.zeros(real.dwell_factor.shape, dtype=bool)
    seen[past.train] = past.departure_secs < now
    ran = seen[:, 1:] & seen[:, :-1]
    late = np.where(seen[:, 0], real.lateness_secs, fresh.lateness_secs)
    last = np.maximum(fresh.last_station, seen.sum(axis=1) - 1)
    begun = tuple(one for one in real.incidents if one.start_secs < now)
    return replace(
        real,
        lateness_secs=_late_enough(scenario, plan, direction, late, seen[:, 0], now, seed),
        running_factor=np.where(ran, real.running_factor, fresh.running_factor),
        dwell_factor=np.where(seen, real.dwell_factor, fresh.dwell_factor),
        last_station=np.where(seen[:, -1], real.last_station, last),
        incidents=begun + tuple(one for one in fresh.incidents if one.start_secs >= now),
    )


def _late_enough(
    scenario: Scenario,
    plan: Plan,
    direction: int,
    late: np.ndarray,
    left: np.ndarray,
    now: int,
    seed: Sequence[int],
) -> np.ndarray:
    """A train that has not left though it should have is later than that: draw until it is."""
    late = late.copy()
    for row in plan.departures.filter(direction_id=direction).iter_rows(named=True):
        overdue = now - row["departure_secs"]
        if overdue > max(late[row["train"]], 0) and not left[row["train"]]:
            tries = draw_noise(
                scenario, hash((*seed, row["train"])) % 2**32, plan.service_date, direction, TRIES
            )
            later = tries.lateness_secs[tries.lateness_secs > overdue]
            late[row["train"]] = later[0] if len(later) else overdue
    return late


def _minutes(passings: Passings, now: int) -> np.ndarray:
    """When trains pass from now on, to the second as in a log, infinite where they do not: (trains, positions)."""
    minutes = np.rint(passings.departure_secs) / 60
    return np.where(minutes >= now, minutes, np.inf)


def _headways(baseline: Baseline, minutes: Sequence[np.ndarray]) -> np.ndarray:
    """Headways held after now, capped: (leads, stations, directions)."""
    grid = baseline.history.day(baseline.service_date)["headway"].values[baseline.t0]
    ahead = platforms(
        baseline,
        lambda direction: held_headways(
            minutes[direction][..., None],
            baseline.days[direction].last_observed(baseline.t0),
            baseline.now,
            EDITED_MINS,
        )[..., 0],
    )
    return np.minimum(np.where(np.isfinite(ahead), ahead, grid), baseline.history.grid.attrs["cap_mins"])
