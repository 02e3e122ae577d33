"""What could be known of a change: simulated mornings that are the same until now and have other luck from then on.

The mean of what a change does over many of these is the best that anyone could say who knows all of the simulator and of the
morning so far; how well that agrees with one real future is the most that can be asked of a forecast.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from headway_prediction.simulate import Plan, Scenario
from headway_prediction.simulate.noise import Noise, draw_noise
from headway_prediction.simulate.trains import Passings, run_under, trains_numbered
from headway_prediction.what_if.chances import held
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.present import Present

TRIES = 2000


def expected_change(
    scenario: Scenario, plans: tuple[Plan, Plan], seed: int, present: Present, futures: int
) -> np.ndarray:
    """Return the mean change of headways after now, from the first to the second plan: (leads, stations, directions)."""
    day = present.service_date
    trains = [trains_numbered(plans[1], direction) for direction in range(2)]
    real = [draw_noise(scenario, seed, day, d, trains[d]) for d in range(2)]
    past = run_under(scenario, plans[0], tuple(real))
    changes = []
    for future in range(futures):
        luck = tuple(
            _other_luck(scenario, plans[0], d, real[d], past[d], 60 * present.now, (seed, future, d))
            for d in range(2)
        )
        before, after = (_headways(present, run_under(scenario, plan, luck)) for plan in plans)
        changes.append(after - before)
    return np.mean(changes, axis=0)


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


def _headways(present: Present, passings: tuple[Passings, Passings]) -> np.ndarray:
    line, grid = present.history.line, present.history.day(present.service_date)["headway"].values
    found = np.zeros((EDITED_MINS, *grid.shape[1:]))
    for direction in range(2):
        order = line.travel_order(direction)
        minutes = np.rint(passings[direction].departure_secs) / 60
        coming = np.where(minutes >= present.now, minutes, np.inf)[..., None]
        ahead = held(coming, present.days[direction].last_seen(present.t0), present.now, EDITED_MINS)[..., 0]
        now = grid[present.t0][order, direction]
        found[:, order, direction] = np.minimum(np.where(np.isfinite(ahead), ahead, now), 30.0)
    return found
