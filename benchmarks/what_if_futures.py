"""Upper bound on the skill of a what-if forecast: simulated mornings with the same past and independently drawn futures.

The mean effect of a change over many futures is the best possible forecast, given the simulator and the morning so far. Its
agreement with one real future bounds that of any forecast. The agreement of a forecast with that mean shows its error
without the part due to chance.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from what_if_waits import Change, platforms, wait_increase

from headway_prediction.simulate import Plan, Scenario
from headway_prediction.simulate.noise import Noise, draw_noise
from headway_prediction.simulate.trains import Passings, run_with_noise, train_count
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.monte_carlo import held_headways
from headway_prediction.what_if.request import EDITED_MINS

DRAWS_OF_LATENESS = 2000


def changes_of_futures(
    scenario: Scenario, plans: tuple[Plan, Plan], seed: int, baseline: Baseline, futures: int
) -> list[Change]:
    """Return the effect after now of the second of two plans, in each of `futures` drawn futures of a morning."""
    day = baseline.service_date
    trains = [train_count(plans[1], direction) for direction in DIRECTIONS]
    real = [draw_noise(scenario, seed, day, d, trains[d]) for d in DIRECTIONS]
    past = run_with_noise(scenario, plans[0], tuple(real))
    changes = []
    for future in range(futures):
        stream = tuple(
            _redrawn_noise(scenario, plans[0], d, real[d], past[d], 60 * baseline.now, (seed, future, d))
            for d in DIRECTIONS
        )
        minutes = [
            [_minutes(one, baseline.now) for one in run_with_noise(scenario, plan, stream)] for plan in plans
        ]
        before, after = (_headways(baseline, plan) for plan in minutes)
        changes.append(Change(after - before, wait_increase(baseline, minutes)))
    return changes


def _redrawn_noise(
    scenario: Scenario,
    plan: Plan,
    direction: int,
    real: Noise,
    past: Passings,
    now: int,
    seed: tuple[int, ...],
) -> Noise:
    """Return the noise of the trains with the part after `now` (seconds) drawn again."""
    new = draw_noise(scenario, hash(seed) % 2**32, plan.service_date, direction, len(real.lateness_secs))
    seen = np.zeros(real.dwell_factor.shape, dtype=bool)
    seen[past.train] = past.departure_secs < now
    ran = seen[:, 1:] & seen[:, :-1]
    late = np.where(seen[:, 0], real.lateness_secs, new.lateness_secs)
    last = np.maximum(new.last_station, seen.sum(axis=1) - 1)
    started = tuple(one for one in real.incidents if one.start_secs < now)
    return replace(
        real,
        lateness_secs=_conditional_lateness(scenario, plan, direction, late, seen[:, 0], now, seed),
        running_factor=np.where(ran, real.running_factor, new.running_factor),
        dwell_factor=np.where(seen, real.dwell_factor, new.dwell_factor),
        last_station=np.where(seen[:, -1], real.last_station, last),
        incidents=started + tuple(one for one in new.incidents if one.start_secs >= now),
    )


def _conditional_lateness(
    scenario: Scenario,
    plan: Plan,
    direction: int,
    late: np.ndarray,
    left: np.ndarray,
    now: int,
    seed: Sequence[int],
) -> np.ndarray:
    """The lateness of overdue trains is drawn from its distribution above how late they are already."""
    late = late.copy()
    for row in plan.departures.filter(direction_id=direction).iter_rows(named=True):
        overdue = now - row["departure_secs"]
        if overdue > max(late[row["train"]], 0) and not left[row["train"]]:
            tries = draw_noise(
                scenario, hash((*seed, row["train"])) % 2**32, plan.service_date, direction, DRAWS_OF_LATENESS
            )
            later = tries.lateness_secs[tries.lateness_secs > overdue]
            late[row["train"]] = later[0] if len(later) else overdue
    return late


def _minutes(passings: Passings, now: int) -> np.ndarray:
    """Minutes of passings from now on, rounded to seconds as in a log, infinite without one: (trains, positions)."""
    minutes = np.rint(passings.departure_secs) / 60
    return np.where(minutes >= now, minutes, np.inf)


def _headways(baseline: Baseline, minutes: Sequence[np.ndarray]) -> np.ndarray:
    """Headways held after now, capped: (leads, stations, directions)."""
    grid = baseline.history.day(baseline.service_date)["headway"].values[baseline.t0]
    ahead = platforms(
        baseline,
        lambda direction: held_headways(
            minutes[direction][..., None],
            baseline.days[direction].matched.last_observed(baseline.t0),
            baseline.now,
            EDITED_MINS,
        )[..., 0],
    )
    return np.minimum(np.where(np.isfinite(ahead), ahead, grid), baseline.history.grid.attrs["cap_mins"])
