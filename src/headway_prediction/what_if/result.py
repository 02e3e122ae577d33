"""The answer to a what-if: the forecast of the changed plan beside the present one, and what a passenger waits in each.

The present forecast is that of the network, fed back to 60 minutes. What a change does to it is told by the trains that run
under the same chances with and without it (`effect`), added to the present forecast's mean and quantiles. The network's own
difference between two plans, and that of the first guess alone, agree less with what a simulated line really does:
`benchmarks/what_if_truth.py` holds all three against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.what_if.apply_edits import RevisedDeparture, apply_edits, as_edits, under
from headway_prediction.what_if.baseline import Baseline, Departure
from headway_prediction.what_if.checks import check_feasible
from headway_prediction.what_if.edits import EDITED_MINS, Edit
from headway_prediction.what_if.effect import Effect
from headway_prediction.what_if.request import Request
from headway_prediction.what_if.search import best_holds
from headway_prediction.what_if.strategies import apply_strategy
from headway_prediction.what_if.wait import Wait, stack_platforms

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class WhatIfResult:
    """What a change does, as of the end of minute `t0`.

    `edits` are all that were applied. `baseline` and `changed` hold one origin and 60 leads each; `reached` (leads,
    stations, directions) is True where the change can have arrived: elsewhere the two are equal bit for bit. `departures`
    are all of the next hour, as they are to be. `wait` is that of all platforms together, None where no train comes; `waits`
    those by (direction, station), without those where none comes.
    """

    line: Line
    service_date: date
    t0: int
    edits: tuple[Edit, ...]
    baseline: Forecast
    changed: Forecast
    reached: np.ndarray
    departures: tuple[RevisedDeparture, ...]
    wait: Wait | None
    waits: Mapping[tuple[int, int], Wait]

    @property
    def difference(self) -> np.ndarray:
        """The change of the mean headway in minutes: (leads, stations, directions)."""
        return self.changed.mean[0] - self.baseline.mean[0]


def departures(bundle: "Bundle", history: LineHistory, service_date: date, t0: int) -> tuple[Departure, ...]:
    """Return the departures of the next 60 minutes that can be edited, in order of time.

    These are the planned ones or, on a line whose trips are known from other days alone, the usual ones. None where the
    bundle knows no trips. Raises HeadwayError for a date that is not in the history, or a history of another line.
    """
    return Baseline.of(bundle, history, service_date, t0).departures


def run_what_if(
    request: Request,
    bundle: "Bundle",
    history: LineHistory,
    service_date: date,
    t0: int,
    baseline_forecast: Forecast | None = None,
) -> WhatIfResult:
    """Forecast what `request` does to a line, as known at the end of minute `t0` of a service date in `history`.

    `baseline_forecast` is the one of method "st-convnet-60" from that origin alone, made anew if not given. Raises
    HeadwayError for an edit of a departure that is not there, has left or is too far away; for one that would overtake
    another or leave too little time to turn round; and for a bundle that knows no trips.
    """
    baseline = Baseline.of(bundle, history, service_date, t0)
    plan = planned(baseline, request)
    check_feasible(baseline, plan)
    changed = under(baseline, plan)
    if baseline_forecast is None:
        baseline_forecast = bundle.method(Rollout.name).forecast(history, service_date, np.array([t0]))
    effects = effects_of(baseline, changed)
    line, cap_mins = history.line, history.grid.attrs["cap_mins"]
    return WhatIfResult(
        line,
        service_date,
        t0,
        as_edits(plan),
        baseline_forecast,
        changed_forecast(baseline_forecast, line, effects, cap_mins),
        _reached(line, effects),
        _in_order(plan),
        line_wait(effects),
        platform_waits(line, effects),
    )


def effects_of(baseline: Baseline, changed: Baseline) -> dict[int, Effect]:
    """Return what a changed plan does in each direction whose trips are known."""
    known = [direction for direction in DIRECTIONS if baseline.days[direction].trips is not None]
    return {direction: Effect.of(baseline, changed, direction) for direction in known}


def planned(baseline: Baseline, request: Request) -> tuple[RevisedDeparture, ...]:
    """Return the departures that a request asks for: the edits first, then the strategy, then the search."""
    plan = apply_edits(baseline, request.edits)
    check_feasible(baseline, plan)
    if request.strategy is not None:
        plan = apply_strategy(baseline, plan, request.strategy)
        check_feasible(baseline, plan)
    return plan if request.search is None else best_holds(baseline, plan, request.search)


def changed_forecast(
    baseline: Forecast, line: Line, effects: Mapping[int, Effect], cap_mins: float
) -> Forecast:
    """Return the present forecast with what a change does in either direction; quantiles stay in their order."""
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


def _reached(line: Line, effects: Mapping[int, Effect]) -> np.ndarray:
    cells = np.zeros((EDITED_MINS, len(line.stations), len(DIRECTIONS)), dtype=bool)
    for direction, effect in effects.items():
        cells[:, line.travel_order(direction), direction] = effect.reached
    return cells


def _in_order(plan: tuple[RevisedDeparture, ...]) -> tuple[RevisedDeparture, ...]:
    def time(one: RevisedDeparture) -> tuple[float, int]:
        return one.minute if one.planned is None else one.planned, one.direction

    return tuple(sorted(plan, key=time))


def line_wait(effects: Mapping[int, Effect], mins: int = EDITED_MINS) -> Wait | None:
    """Return what passengers of the next `mins` minutes wait at all platforms together."""
    if not effects:
        return None
    waits = [effect.waits(mins) for effect in effects.values()]
    return Wait.of(*(stack_platforms(parts).over_platforms().each for parts in zip(*waits, strict=True)))


def platform_waits(
    line: Line, effects: Mapping[int, Effect], mins: int = EDITED_MINS
) -> dict[tuple[int, int], Wait]:
    """Return what they wait by (direction, station), without platforms at which no train comes."""
    found = {}
    for direction, effect in effects.items():
        baseline, changed = (waits.each for waits in effect.waits(mins))
        for position, station in enumerate(line.travel_order(direction)):
            wait = Wait.of(baseline[position], changed[position])
            if wait is not None:
                found[direction, station] = wait
    return found
