"""Randomly drawn changes that a dispatcher may make, and the simulator's plan with them.

An overdue train that is held until a minute from now leaves a minute later than it would have without the hold: the cause of
its delay lasts just as long.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate import Plan
from headway_prediction.what_if.baseline import Baseline, Departure
from headway_prediction.what_if.plan import RevisedDeparture, check_feasible
from headway_prediction.what_if.request import (
    Add,
    Cancel,
    Hold,
    Move,
    Request,
    Search,
    Strategy,
    StrategyName,
)
from headway_prediction.what_if.result import requested_plan

ACTIONS = ("hold", "move", "cancel", "add", "hold_next", "fill_gap", "even_headways", "search")
NEXT = 3
SOON = 0.8
"""The probability that the change is of one of the next NEXT departures, and not of any departure of the hour."""
MAX_TRIES = 100


def draw_change(baseline: Baseline, action: str, random: np.random.Generator) -> tuple[RevisedDeparture, ...]:
    """Draw until the change is feasible and changes a departure: a late train may leave no room behind it."""
    for _ in range(MAX_TRIES):
        try:
            plan = requested_plan(baseline, request_of(baseline.departures, action, random, baseline.now))
            check_feasible(baseline, plan)
        except HeadwayError:
            continue
        if any(one.changed for one in plan):
            return plan
    raise RuntimeError(f"no {action} can be made at minute {baseline.now}")


def request_of(
    departures: Sequence[Departure], action: str, random: np.random.Generator, now: int
) -> Request:
    """Draw a change of one kind of a departure that is not overdue."""
    direction = int(random.integers(2))
    own = [one.planned for one in departures if one.direction == direction and one.planned >= now]
    place = int(random.integers(NEXT) if random.random() < SOON else random.integers(len(own) - 1))
    at, gap = own[place], own[place + 1] - own[place]
    mins = float(np.round(random.uniform(1, gap - 1), 1))
    next_mins = float(np.round(random.uniform(1, own[1] - own[0] - 1), 1))
    earlier = float(np.round(random.uniform(max(1.5 - gap, now - at), 0), 1))
    cancel, strategies = (Cancel(direction, at),), StrategyName
    return {
        "hold": lambda: Request((Hold(direction, at, mins),)),
        "move": lambda: Request((Move(direction, at, at + (earlier if random.random() < 0.5 else mins)),)),
        "cancel": lambda: Request(cancel),
        "add": lambda: Request((Add(direction, at + gap / 2),)),
        "hold_next": lambda: Request(strategy=Strategy(strategies.HOLD_NEXT, direction, next_mins)),
        "fill_gap": lambda: Request(cancel, Strategy(strategies.FILL_GAP, direction, 2.0)),
        "even_headways": lambda: Request(cancel, Strategy(strategies.EVEN_HEADWAYS, direction)),
        "search": lambda: Request(cancel, search=Search(direction, 4.0, 3.0)),
    }[action]()


def changed_plan(plan: Plan, changes: Sequence[RevisedDeparture], now: int) -> Plan:
    """Return the simulator's plan with the same departures changed."""
    departures = plan.departures
    for one in (change for change in changes if change.changed):
        own = pl.col("direction_id") == one.direction
        if one.planned is None:
            departures = pl.concat([departures, _added_train(departures.filter(own), one.minute)])
            continue
        itself = own & (pl.col("departure_secs") == round(60 * one.planned))
        if one.minute is None:
            departures = departures.filter(~itself)
        else:
            later = round(60 * (one.minute - max(one.planned, now)))
            moved = pl.col("departure_secs") + pl.when(itself).then(later).otherwise(0)
            departures = departures.with_columns(departure_secs=moved.cast(pl.Int64))
    return replace(plan, departures=departures)


def _added_train(own: pl.DataFrame, minute: float) -> pl.DataFrame:
    """One more train, from the yard, with random numbers of its own and the passenger demand of the nearest departure."""
    nearest = own.sort((pl.col("departure_secs") - 60 * minute).abs()).row(0, named=True)
    new = {"train": own["train"].max() + 1, "departure_secs": round(60 * minute), "inbound_train": None}
    return pl.DataFrame([nearest | new], schema=own.schema)
