"""Pairs of simulated mornings with common random numbers (see `simulate.noise`): as planned, and with changed departures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from what_if_changes import changed_plan, draw_change
from what_if_futures import changes_of_futures
from what_if_waits import LEADS, Change, minutes_of_passings, platforms, wait_increase, waits_by_platform

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import ForecastRequest
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import ForecastOrigin, LineHistory, history_from_log
from headway_prediction.simulate import Plan, Scenario, plan_day, simulate_day
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.effect import Effect
from headway_prediction.what_if.monte_carlo import AHEAD_MINS
from headway_prediction.what_if.plan import with_plan
from headway_prediction.what_if.request import EDITED_MINS
from headway_prediction.what_if.result import effects_of, platform_waits

MOMENTS = (400, 540)
"""Minutes of the day, 06:40 to 09:00, with a train every five minutes."""


@dataclass
class Pair:
    """One morning: the `real` effect of a change, its `mean` over futures (or None), and the `predicted` ones by method.

    `reached` and `valid` (leads, stations, directions) mark where the change can have an effect and where both headways are
    known, `inside` (LEADS, stations, directions) where the real effect on waits is inside the interval of what-if.
    """

    action: str
    reached: np.ndarray
    valid: np.ndarray
    real: Change
    mean: Change | None
    predicted: dict[str, Change]
    inside: np.ndarray


@dataclass(frozen=True)
class SimulatedLine:
    """The simulated line of a bundle, which can be run under any plan."""

    bundle: Bundle
    scenario: Scenario
    futures: int

    @property
    def day(self) -> date:
        """The last weekday with a plan in the bundle; the seed decides what happens on it."""
        dates = set().union(*(service.dates for service in self.bundle.timetable.services))
        return max(day for day in dates if day.weekday() < 5)

    def run(self, plan: Plan, seed: int) -> LineHistory:
        """Simulate a plan."""
        log = check_arrivals(simulate_day(self.scenario, plan, seed=seed))
        return history_from_log(log, self.bundle.line, self.bundle.timetable)

    def pair(self, action: str, seed: int) -> tuple[Pair, tuple[ForecastRequest, ForecastRequest]]:
        """Simulate one morning twice and predict the effect of the change; also return the requests for the network."""
        random = np.random.default_rng(seed)
        as_planned, t0 = plan_day(self.scenario, self.day), int(random.integers(*MOMENTS))
        typical = self.run(as_planned, seed)
        baseline = Baseline.of(self.bundle, ForecastOrigin(typical, self.day, t0))
        plan = draw_change(baseline, action, random)
        plans = as_planned, changed_plan(as_planned, plan, baseline.now)
        changed = with_plan(baseline, plan)
        pair = _compared(action, baseline, changed, typical, self.run(plans[1], seed))
        if self.futures:
            half = self.futures // 2
            futures = changes_of_futures(self.scenario, plans, seed, baseline, self.futures)
            pair.predicted["bound"], pair.mean = Change.mean(futures[:half]), Change.mean(futures[half:])
            pair.predicted["bound"] = pair.predicted["bound"].where(pair.reached)
        requests = [
            ForecastRequest(FittedPrior(one.prior), one.history, self.day, np.array([t0]))
            for one in (baseline, changed)
        ]
        return pair, tuple(requests)


def _compared(
    action: str, baseline: Baseline, changed: Baseline, typical: LineHistory, other: LineHistory
) -> Pair:
    day, t0 = baseline.service_date, baseline.t0
    before, after = (history.day(day) for history in (typical, other))
    known, ahead = slice(0, t0 + 1), slice(t0 + 1, t0 + 1 + EDITED_MINS)
    np.testing.assert_array_equal(*(grid["headway"].values[known] for grid in (before, after)))
    effects = effects_of(baseline, changed)
    reached = platforms(baseline, lambda direction: effects[direction].reached).astype(bool)
    headways = after["headway"].values[ahead] - before["headway"].values[ahead]
    real = Change(
        headways, wait_increase(baseline, [minutes_of_passings(one, day) for one in (typical, other)])
    )
    waits = [platform_waits(baseline.history.line, effects, mins) for mins in LEADS]
    low, high = (waits_by_platform(waits, headways.shape[1], name) for name in ("low_mins", "high_mins"))
    predicted = {
        "what-if": _of_what_if(baseline, effects, waits),
        "prior": _of_prior(baseline, changed).where(reached),
    }
    valid = (before["valid"].values & after["valid"].values)[ahead]
    return Pair(action, reached, valid, real, None, predicted, (low <= real.waits) & (real.waits <= high))


def _of_what_if(baseline: Baseline, effects: Mapping[int, Effect], waits: Sequence[dict]) -> Change:
    headways = platforms(baseline, lambda direction: effects[direction].mean_difference)
    return Change(headways, waits_by_platform(waits, headways.shape[1], "difference_mins"))


def _of_prior(baseline: Baseline, changed: Baseline) -> Change:
    origins = np.array([baseline.t0])
    means = [
        TripPropagation(one.prior, leads=EDITED_MINS).forecast(one.history, one.service_date, origins).mean[0]
        for one in (baseline, changed)
    ]
    trains: list[Callable[[int], np.ndarray]] = [
        lambda direction, one=one: one.days[direction].expected(one.t0, AHEAD_MINS).minutes
        for one in (baseline, changed)
    ]
    return Change(
        means[1] - means[0], wait_increase(baseline, [[of(d) for d in DIRECTIONS] for of in trains])
    )
