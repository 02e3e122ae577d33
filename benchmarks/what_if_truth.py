"""Whether what-if tells the truth: simulated mornings with and without a change, beside what was said of it before.

    python benchmarks/what_if_truth.py --bundle demo/bundle --stations 12 [--pairs 200] [--json what_if.json]

The bundle is of a simulated line of so many stations (`headway demo`); every morning has a seed of its own, which no
training day has. A morning runs twice: as planned, and with departures changed, each train having the same luck in both (see
`simulate.noise`). As of a moment before the change three methods say what it will do:

    chances        `headway what-if`: the same trains under both plans, many times over
    network        the difference of two forecasts of st-convnet-60, one with the changed plan
    first guess    the difference of two forecasts of trip propagation
    known          with --futures: the mean change over so many other futures of the same morning, which is the most that
                   can be known (see what_if_futures)

`correlation` and `slope` (real change per minute predicted; 1 is right) are over the cells that the change can reach, by the
minutes until then; `wait` is that of passengers who come until then, at platforms that are reached. The 95 % intervals are
drawn from pairs. `elsewhere` is what really happened where no effect is claimed.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from machine import describe
from what_if_futures import expected_change

from headway_prediction.bundle import Bundle
from headway_prediction.feeds.arrivals import check_arrivals
from headway_prediction.forecasters.feed_back import Asked
from headway_prediction.forecasters.guess_channels import FittedGuess
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.simulate import Plan, Scenario, plan_day, simulate_day
from headway_prediction.what_if.answer import effects_of, planned, platform_waits
from headway_prediction.what_if.changes import Planned, under
from headway_prediction.what_if.checks import refuse_impossible
from headway_prediction.what_if.edits import EDITED_MINS, Add, Cancel, Hold, Move
from headway_prediction.what_if.present import Departure, Present
from headway_prediction.what_if.request import Request, Search, Strategy, StrategyName
from headway_prediction.what_if.wait import waited

ACTIONS = ("hold", "move", "cancel", "add", "hold_next", "fill_gap", "even_headways", "search")
LEADS = (5, 10, 15, 30, 45, 60)
MOMENTS = (400, 540)
"""Between 06:40 and 09:00, when trains come every five minutes."""
NEXT = 3
SOON = 0.8
"""The change is one of the next three departures' so often, else any departure's of the hour."""
SIDE_BY_SIDE = 16
DRAWN = 400


@dataclass
class Pair:
    """One morning: `said` and `waits_said` by method, `real` and `waits_real`, over (leads, stations, directions)."""

    action: str
    reached: np.ndarray
    valid: np.ndarray
    real: np.ndarray
    said: dict[str, np.ndarray]
    waits_real: np.ndarray
    waits_said: np.ndarray
    inside: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--stations", type=int, required=True)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first morning")
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument("--futures", type=int, default=0, help="other futures of each morning")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bundle = Bundle.load(options.bundle)
    line = SimulatedLine(bundle, Scenario.of_size(options.stations), options.futures)
    pairs, asked = [], []
    for number in range(options.pairs):
        pair, both = line.pair(ACTIONS[number % len(ACTIONS)], options.seed + number)
        pairs.append(pair)
        asked.append(both)
    if not options.no_network:
        for pair, said in zip(pairs, network_differences(bundle, asked), strict=True):
            pair.said["network"] = np.where(pair.reached, said, 0.0)
    found = judged(pairs) | {"machine": describe(), "pairs": len(pairs), "bundle": options.bundle.name}
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


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

    def pair(self, action: str, seed: int) -> tuple[Pair, tuple[Asked, Asked]]:
        """Run one morning twice, and say before what the change will do."""
        random = np.random.default_rng(seed)
        as_planned, t0 = plan_day(self.scenario, self.day), int(random.integers(*MOMENTS))
        usual = self.run(as_planned, seed)
        present = Present.of(self.bundle, usual, self.day, t0)
        plan = self._change(present, action, random)
        plans = as_planned, changed_plan(as_planned, plan)
        pair, asked = self._compared(action, present, plan, usual, self.run(plans[1], seed))
        if self.futures:
            known = expected_change(self.scenario, plans, seed, present, self.futures)
            pair.said["known"] = np.where(pair.reached, known, 0.0)
        return pair, asked

    def _change(self, present: Present, action: str, random: np.random.Generator) -> tuple[Planned, ...]:
        while True:
            plan = planned(present, request_of(present.departures, action, random, present.now))
            if any(one.changed for one in plan):
                refuse_impossible(present, plan)
                return plan

    def _compared(
        self, action: str, present: Present, plan: Sequence[Planned], usual: LineHistory, other: LineHistory
    ) -> tuple[Pair, tuple[Asked, Asked]]:
        changed, day, t0 = under(present, plan), self.day, present.t0
        effects, line, ahead = (
            effects_of(present, changed),
            self.bundle.line,
            slice(t0 + 1, t0 + 1 + EDITED_MINS),
        )
        before, after = (history.day(day).isel(time=ahead) for history in (usual, other))
        known = slice(0, t0 + 1)
        np.testing.assert_array_equal(*(h.day(day)["headway"].values[known] for h in (usual, other)))
        reached, chances = np.zeros((2, *before["headway"].shape))
        for direction, effect in effects.items():
            order = line.travel_order(direction)
            reached[:, order, direction], chances[:, order, direction] = (
                effect.reached,
                effect.mean_difference,
            )
        origins = np.array([t0])
        guesses = [
            TripPropagation(one.guess, leads=EDITED_MINS).forecast(one.history, day, origins).mean[0]
            for one in (present, changed)
        ]
        waits = [platform_waits(line, effects, mins) for mins in LEADS]
        said, low, high = (
            cells_of(waits, before["headway"].shape[1], name)
            for name in ("difference_mins", "low_mins", "high_mins")
        )
        real = real_waits(usual, other, day, present.now)
        pair = Pair(
            action,
            reached > 0,
            (before["valid"] & after["valid"]).values,
            (after["headway"] - before["headway"]).values,
            {"chances": chances, "first guess": np.where(reached > 0, guesses[1] - guesses[0], 0.0)},
            real,
            said,
            (low <= real) & (real <= high),
        )
        return pair, tuple(
            Asked(FittedGuess(one.guess), one.history, day, origins) for one in (present, changed)
        )


def request_of(
    departures: Sequence[Departure], action: str, random: np.random.Generator, now: int
) -> Request:
    """Draw a change of one kind that trains can make."""
    direction = int(random.integers(2))
    own = [one.planned for one in departures if one.direction == direction]
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


def changed_plan(plan: Plan, changes: Sequence[Planned]) -> Plan:
    """Return the simulator's plan with the same departures changed."""
    departures = plan.departures
    for one in (change for change in changes if change.changed):
        own = pl.col("direction_id") == one.direction
        if one.planned is None:
            departures = pl.concat([departures, added_train(departures.filter(own), one.minute)])
            continue
        itself = own & (pl.col("departure_secs") == round(60 * one.planned))
        if one.minute is None:
            departures = departures.filter(~itself)
        else:
            moved = pl.when(itself).then(round(60 * one.minute)).otherwise("departure_secs")
            departures = departures.with_columns(departure_secs=moved.cast(pl.Int64))
    return replace(plan, departures=departures)


def added_train(own: pl.DataFrame, minute: float) -> pl.DataFrame:
    """One more train, from the yard, with luck that no other train has, among passengers used to the headway of the time."""
    nearest = own.sort((pl.col("departure_secs") - 60 * minute).abs()).row(0, named=True)
    new = {"train": own["train"].max() + 1, "departure_secs": round(60 * minute), "feeder": None}
    return pl.DataFrame([nearest | new], schema=own.schema)


def real_waits(usual: LineHistory, other: LineHistory, day: date, now: int) -> np.ndarray:
    """Return how much longer passengers really waited who came until each of LEADS: (leads, stations, directions)."""
    shape = (len(LEADS), len(usual.line.stations), 2)
    found = np.full(shape, np.nan)
    passed = [history.passings_on(day).filter(pl.col("minute") >= now) for history in (usual, other)]
    for direction in range(2):
        for station in usual.line.travel_order(direction):
            here = (pl.col("direction") == direction) & (pl.col("station") == station)
            minutes = [rows.filter(here)["minute"].to_numpy()[:, None] for rows in passed]
            last = min(part.max(initial=-np.inf) for part in minutes)
            for place, lead in enumerate(LEADS):
                until = np.array([min(last, now + lead)])
                before, after = (waited(part, now, until).each[0] for part in minutes)
                found[place, station, direction] = after - before
    return found


def cells_of(waits: Sequence[dict], stations: int, name: str) -> np.ndarray:
    """Put waits by platform on (leads, stations, directions)."""
    found = np.full((len(waits), stations, 2), np.nan)
    for place, by_platform in enumerate(waits):
        for (direction, station), wait in by_platform.items():
            found[place, station, direction] = getattr(wait, name)
    return found


def network_differences(bundle: Bundle, asked: Sequence[tuple[Asked, Asked]]) -> list[np.ndarray]:
    """Forecast both plans of all pairs by the network; return the differences of its means."""
    method, found = bundle.method("st-convnet-60"), []
    for first in range(0, len(asked), SIDE_BY_SIDE):
        forecasts = method.forecast_each(
            [one for both in asked[first : first + SIDE_BY_SIDE] for one in both]
        )
        means = [forecast.mean[0] for forecast in forecasts]
        found += [changed - present for present, changed in zip(means[::2], means[1::2], strict=True)]
    return found


def judged(pairs: Sequence[Pair]) -> dict[str, object]:
    """Hold what was said against what happened."""
    headway = {
        method: {
            lead: score(pairs, lambda pair, m=method, at=lead - 1: headway_cells(pair, m, at))
            for lead in LEADS
        }
        for method in sorted(pairs[0].said)
    }
    actions = {
        action: score([pair for pair in pairs if pair.action == action], soon_cells)
        for action in ACTIONS
        if any(pair.action == action for pair in pairs)
    }
    wait = {
        lead: score(pairs, lambda pair, place=place: wait_cells(pair, place))
        for place, lead in enumerate(LEADS)
    }
    inside = [wait_cells(pair, len(LEADS) - 1)[2] for pair in pairs]
    elsewhere = np.concatenate([pair.real[pair.valid & ~pair.reached] for pair in pairs])
    claimed = np.concatenate([pair.said["chances"][~pair.reached] for pair in pairs])
    return {
        "headway": headway,
        "chances beside known": {
            lead: score(pairs, lambda pair, at=lead - 1: beside_known(pair, at)) for lead in LEADS
        }
        if "known" in pairs[0].said
        else None,
        "chances up to 15 by action": actions,
        "wait": wait,
        "wait inside 80 % interval": float(np.concatenate(inside).mean()),
        "elsewhere": {
            "cells": len(elsewhere),
            "really changed": float((np.abs(elsewhere) > 0.05).mean()),
            "claimed to change": int((claimed != 0).sum()),
        },
    }


def headway_cells(pair: Pair, method: str, at: int) -> tuple[np.ndarray, np.ndarray]:
    cells = (pair.valid & pair.reached)[at]
    return pair.said[method][at][cells], pair.real[at][cells]


def beside_known(pair: Pair, at: int) -> tuple[np.ndarray, np.ndarray]:
    cells = (pair.valid & pair.reached)[at]
    return pair.said["chances"][at][cells], pair.said["known"][at][cells]


def soon_cells(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    cells = (pair.valid & pair.reached)[:15]
    return pair.said["chances"][:15][cells], pair.real[:15][cells]


def wait_cells(pair: Pair, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = pair.reached[LEADS[place] - 1] & np.isfinite(pair.waits_real[place] + pair.waits_said[place])
    return pair.waits_said[place][cells], pair.waits_real[place][cells], pair.inside[place][cells]


def score(pairs: Sequence[Pair], cells) -> dict[str, object]:
    """Correlation and slope over all cells, and the 95 % interval of the former when pairs are drawn anew."""
    parts = [cells(pair)[:2] for pair in pairs]
    said, real = (np.concatenate(part) for part in zip(*parts, strict=True))
    random = np.random.default_rng(0)
    drawn = [
        correlation(*(np.concatenate(part) for part in zip(*(parts[i] for i in chosen), strict=True)))
        for chosen in random.integers(len(parts), size=(DRAWN, len(parts)))
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {
        "cells": len(said),
        "correlation": correlation(said, real),
        "interval": [float(low), float(high)],
        "slope": float(np.cov(said, real)[0, 1] / np.var(said, ddof=1))
        if len(said) > 1 and np.var(said)
        else np.nan,
    }


def correlation(said: np.ndarray, real: np.ndarray) -> float:
    if len(said) < 2 or not said.std() or not real.std():
        return np.nan
    return float(np.corrcoef(said, real)[0, 1])


def table(found: dict) -> str:
    """Return the scores as Markdown."""
    lines = ["| change of | said by | " + " | ".join(f"{lead} min" for lead in LEADS) + " |"]
    lines.append("| --- | --- |" + " ---: |" * len(LEADS))
    rows = [("headway", method, by_lead) for method, by_lead in found["headway"].items()]
    rows.append(("wait", "chances", found["wait"]))
    if found["chances beside known"]:
        rows.append(("headway, known", "chances", found["chances beside known"]))
    for what, method, by_lead in rows:
        shown = [
            f"{s['correlation']:.2f} [{s['interval'][0]:.2f}, {s['interval'][1]:.2f}], {s['slope']:.2f}"
            for s in by_lead.values()
        ]
        lines.append(f"| {what} | {method} | " + " | ".join(shown) + " |")
    lines.append(
        "\ncorrelation [95 % interval], slope; cells: "
        + ", ".join(str(s["cells"]) for s in rows[0][2].values())
    )
    for action, s in found["chances up to 15 by action"].items():
        lines.append(
            f"{action}: correlation {s['correlation']:.2f}, slope {s['slope']:.2f} up to 15 min ({s['cells']} cells)"
        )
    lines.append(f"real change of wait inside its 80 % interval: {found['wait inside 80 % interval']:.1%}")
    lines.append(f"elsewhere: {found['elsewhere']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
