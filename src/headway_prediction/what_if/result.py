"""The result of a what-if: the forecast of the changed plan beside the baseline, and a passenger's expected wait in each.

The baseline is the network's rollout to 60 minutes. The effect of a change is the difference of Monte Carlo runs with and
without it (`effect`), added to the baseline's mean and quantiles. The network's own difference between two plans, and that
of the physics prior alone, agree less with a simulated line: `benchmarks/what_if_truth.py` compares all three.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.grid.history import ForecastOrigin
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.what_if.baseline import Baseline, Departure
from headway_prediction.what_if.effect import Effect, Wait, stack_platforms
from headway_prediction.what_if.plan import (
    Plan,
    RevisedDeparture,
    apply_edits,
    as_edits,
    check_feasible,
    with_plan,
)
from headway_prediction.what_if.request import EDITED_MINS, Edit, Request
from headway_prediction.what_if.search import best_holds
from headway_prediction.what_if.strategies import apply_strategy

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class WhatIfResult:
    """What a change does, as of the end of minute `t0`.

    `edits`: all that were applied. `baseline` and `changed`: one origin and 60 leads each. `reached` (leads, stations,
    directions): True where the change can have arrived; elsewhere the two are equal bit for bit. `departures`: all of the
    next hour under the changed plan. `wait`: over all platforms, None where no train comes; `waits`: by (direction,
    station), without platforms where no train comes.
    """

    line: Line
    service_date: date
    t0: int
    edits: tuple[Edit, ...]
    baseline: Forecast
    changed: Forecast
    reached: np.ndarray
    departures: Plan
    wait: Wait | None
    waits: Mapping[tuple[int, int], Wait]

    @property
    def difference(self) -> np.ndarray:
        """The change of the mean headway in minutes: (leads, stations, directions)."""
        return np.asarray(self.changed.mean[0] - self.baseline.mean[0])


def editable_departures(bundle: "Bundle", origin: ForecastOrigin) -> tuple[Departure, ...]:
    """Return the departures of the next 60 minutes that can be edited, in order of time.

    These are the planned ones or, on a line whose trips are only known from other days, the typical ones; none where the
    bundle knows no trips. Raises HeadwayError for a date that is not in the history, or a history of another line.
    """
    return Baseline.of(bundle, origin).departures


def run_what_if(
    request: Request,
    bundle: "Bundle",
    origin: ForecastOrigin,
    baseline_forecast: Forecast | None = None,
) -> WhatIfResult:
    """Forecast the effect of `request` on a line, as known at a forecast origin.

    `baseline_forecast` is the one of method "st-convnet-60" from that origin alone, computed if not given. Raises
    HeadwayError for an edit of a departure that does not exist, has left or is too far away; for one that would overtake
    another or leave too little time to turn round; and for a bundle that knows no trips.
    """
    baseline = Baseline.of(bundle, origin)
    plan = requested_plan(baseline, request)
    check_feasible(baseline, plan)
    changed = with_plan(baseline, plan)
    if baseline_forecast is None:
        baseline_forecast = bundle.method(Rollout.name).forecast(
            origin.history, origin.service_date, np.array([origin.t0])
        )
    effects = effects_of(baseline, changed)
    line, cap_mins = origin.line, origin.history.grid.attrs["cap_mins"]
    return WhatIfResult(
        line,
        origin.service_date,
        origin.t0,
        as_edits(plan),
        baseline_forecast,
        changed_forecast(baseline_forecast, line, effects, cap_mins),
        _reached(line, effects),
        tuple(sorted(plan, key=_time)),
        line_wait(effects),
        platform_waits(line, effects),
    )


def requested_plan(baseline: Baseline, request: Request) -> Plan:
    """Return the plan that a request asks for: the edits first, then the strategy, then the search."""
    plan = apply_edits(baseline, request.edits)
    check_feasible(baseline, plan)
    if request.strategy is not None:
        plan = apply_strategy(baseline, plan, request.strategy)
        check_feasible(baseline, plan)
    return plan if request.search is None else best_holds(baseline, plan, request.search)


def effects_of(baseline: Baseline, changed: Baseline) -> dict[int, Effect]:
    """Return the effect of a changed plan in each direction whose trips are known."""
    known = [direction for direction in DIRECTIONS if baseline.days[direction].matched.trips is not None]
    return {direction: Effect.of(baseline, changed, direction) for direction in known}


def changed_forecast(
    baseline: Forecast, line: Line, effects: Mapping[int, Effect], cap_mins: float
) -> Forecast:
    """Return the baseline forecast with the effects in both directions added; quantiles stay in their order."""
    levels = sorted(baseline.quantiles)
    mean = baseline.mean.copy()
    quantiles = np.stack([baseline.quantiles[level] for level in levels])
    for direction, effect in effects.items():
        lead, position = np.nonzero(effect.reached)
        station = np.array(line.travel_order(direction))[position]
        cells = (slice(None), 0, lead, station, direction)
        mean[cells[1:]] += effect.mean_difference[lead, position]
        moved = quantiles[cells] + effect.level_differences(levels)[:, lead, position]
        quantiles[cells] = np.sort(moved, axis=0)
    mean, quantiles = (np.clip(part, 0.0, cap_mins).astype(np.float32) for part in (mean, quantiles))
    return Forecast(baseline.service_date, baseline.origins, mean, dict(zip(levels, quantiles, strict=True)))


def line_wait(effects: Mapping[int, Effect], mins: int = EDITED_MINS) -> Wait | None:
    """Return the expected wait of the passengers of the next `mins` minutes over all platforms."""
    if not effects:
        return None
    baseline, changed = zip(*(effect.waits(mins) for effect in effects.values()), strict=True)
    return Wait.of(
        stack_platforms(baseline).over_platforms().mean, stack_platforms(changed).over_platforms().mean
    )


def platform_waits(
    line: Line, effects: Mapping[int, Effect], mins: int = EDITED_MINS
) -> dict[tuple[int, int], Wait]:
    """Return the expected wait by (direction, station), without platforms where no train comes."""
    found = {}
    for direction, effect in effects.items():
        baseline, changed = (waits.mean for waits in effect.waits(mins))
        for position, station in enumerate(line.travel_order(direction)):
            wait = Wait.of(baseline[position], changed[position])
            if wait is not None:
                found[direction, station] = wait
    return found


def _reached(line: Line, effects: Mapping[int, Effect]) -> np.ndarray:
    cells = np.zeros((EDITED_MINS, len(line.stations), len(DIRECTIONS)), dtype=bool)
    for direction, effect in effects.items():
        cells[:, line.travel_order(direction), direction] = effect.reached
    return cells


def _time(one: RevisedDeparture) -> tuple[float, int]:
    minute = one.minute if one.planned is None else one.planned
    return np.inf if minute is None else minute, one.direction
