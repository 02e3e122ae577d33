"""Mornings that run twice, each train with the same luck (see `simulate.noise`): as planned, and with departures changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from what_if_drawn import changed_plan, drawn_change
from what_if_futures import changes_of_futures
from what_if_waits import LEADS, Change, minutes_of_passings, platforms, told_waits, waits_longer

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.rollout import ForecastRequest
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.simulate import Plan, Scenario, plan_day, simulate_day
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.effect import Effect
from headway_prediction.what_if.monte_carlo import AHEAD_MINS
from headway_prediction.what_if.plan import with_plan
from headway_prediction.what_if.request import EDITED_MINS
from headway_prediction.what_if.result import effects_of, platform_waits

MOMENTS = (400, 540)
"""Between 06:40 and 09:00, when trains come every five minutes."""


@dataclass
class Pair:
    """One morning: the `real` change, the `mean` one of futures (None without these), and what was `said` of it by method.

    `reached` and `valid` (leads, stations, directions) tell where the change can be felt and where both headways are known,
    `inside` (LEADS, stations, directions) whether the real change of wait is inside the interval of what-if.
    """

    action: str
    reached: np.ndarray
    valid: np.ndarray
    real: Change
    mean: Change | None
    said: dict[str, Change]
    inside: np.ndarray


@dataclass(frozen=True)
class SimulatedLine:
    """The line that a bundle was trained on, which can be run again under any plan."""

    bundle: Bundle
    scenario: Scenario
    futures: int

    @property
    def day(self) -> date:
        """The last working day that the bundle has a plan for: what runs on it is in the seed."""
        dates = set().union(*(service.dates for service in self.bundle.timetable.services))
        return max(day for day in dates if day.weekday() < 5)

    def run(self, plan: Plan, seed: int) -> LineHistory:
        """Run the trains of a plan."""
        log = check_arrivals(simulate_day(self.scenario, plan, seed=seed))
        return history_from_log(log, self.bundle.line, self.bundle.timetable)

    def pair(self, action: str, seed: int) -> tuple[Pair, tuple[ForecastRequest, ForecastRequest]]:
        """Run one morning twice, and say before what the change will do; the network is asked later, with many others."""
        random = np.random.default_rng(seed)
        as_planned, t0 = plan_day(self.scenario, self.day), int(random.integers(*MOMENTS))
        typical = self.run(as_planned, seed)
        baseline = Baseline.of(self.bundle, typical, self.day, t0)
        plan = drawn_change(baseline, action, random)
        plans = as_planned, changed_plan(as_planned, plan, baseline.now)
        changed = with_plan(baseline, plan)
        pair = _compared(action, baseline, changed, typical, self.run(plans[1], seed))
        if self.futures:
            half = self.futures // 2
            futures = changes_of_futures(self.scenario, plans, seed, baseline, self.futures)
            pair.said["known"], pair.mean = Change.mean(futures[:half]), Change.mean(futures[half:])
            pair.said["known"] = pair.said["known"].where(pair.reached)
        asked = [
            ForecastRequest(FittedPrior(one.prior), one.history, self.day, np.array([t0]))
            for one in (baseline, changed)
        ]
        return pair, tuple(asked)


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
        headways, waits_longer(baseline, [minutes_of_passings(one, day) for one in (typical, other)])
    )
    waits = [platform_waits(baseline.history.line, effects, mins) for mins in LEADS]
    low, high = (told_waits(waits, headways.shape[1], name) for name in ("low_mins", "high_mins"))
    said = {
        "what-if": _of_what_if(baseline, effects, waits),
        "first guess": _of_first_guess(baseline, changed).where(reached),
    }
    valid = (before["valid"].values & after["valid"].values)[ahead]
    return Pair(action, reached, valid, real, None, said, (low <= real.waits) & (real.waits <= high))


def _of_what_if(baseline: Baseline, effects: Mapping[int, Effect], waits: Sequence[dict]) -> Change:
    headways = platforms(baseline, lambda direction: effects[direction].mean_difference)
    return Change(headways, told_waits(waits, headways.shape[1], "difference_mins"))


def _of_first_guess(baseline: Baseline, changed: Baseline) -> Change:
    origins = np.array([baseline.t0])
    means = [
        TripPropagation(one.prior, leads=EDITED_MINS).forecast(one.history, one.service_date, origins).mean[0]
        for one in (baseline, changed)
    ]
    trains: list[Callable[[int], np.ndarray]] = [
        lambda direction, one=one: one.days[direction].expected(one.t0, AHEAD_MINS).minutes
        for one in (baseline, changed)
    ]
    return Change(means[1] - means[0], waits_longer(baseline, [[of(d) for d in DIRECTIONS] for of in trains]))
