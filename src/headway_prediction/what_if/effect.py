"""What a changed plan does to one direction: headways, waits and reach, the same chances run under both plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.what_if.baseline import Baseline
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.monte_carlo import held
from headway_prediction.what_if.reach import first_reached, reached
from headway_prediction.what_if.wait import WaitTotals, last_passings, wait_totals

DRAWS = 100


@dataclass(frozen=True)
class Effect:
    """One direction under the `baseline` plan and under a changed one, positions in the order of travel.

    `passings` are those of the present and of the changed plan, (trains, positions, draws) each; `reached` (leads,
    positions) is True where the headways of the two may differ.
    """

    baseline: Baseline
    direction: int
    passings: tuple[np.ndarray, np.ndarray]
    reached: np.ndarray

    @classmethod
    def of(cls, baseline: Baseline, changed: Baseline, direction: int, draws: int = DRAWS) -> Self:
        """Run the trains of one direction, of which trips are known, under both plans."""
        monte_carlo = baseline.monte_carlo(direction, draws)
        upcoming = (
            monte_carlo.upcoming(baseline.days[direction]),
            monte_carlo.upcoming(changed.days[direction], baseline.trips_under(changed, direction)),
        )
        first = first_reached(*upcoming, baseline.now)
        passings = tuple(monte_carlo.passings(one) for one in upcoming)
        return cls(baseline, direction, passings, reached(first, baseline.now, EDITED_MINS))

    @cached_property
    def headways(self) -> tuple[np.ndarray, np.ndarray]:
        """Headways held at the end of each minute under either plan: (leads, positions, draws) each."""
        return tuple(_headways(self.baseline, self.direction, passings) for passings in self.passings)

    def waits(self, mins: int = EDITED_MINS) -> tuple[WaitTotals, WaitTotals]:
        """Return what passengers of the next `mins` minutes wait under either plan: (positions, draws) each."""
        last = np.min([last_passings(passings) for passings in self.passings], axis=0)
        until = np.minimum(self.baseline.now + mins, last)
        return tuple(wait_totals(passings, self.baseline.now, until) for passings in self.passings)

    @property
    def mean_difference(self) -> np.ndarray:
        """What the change does to the mean headway, 0 where it cannot reach: (leads, positions)."""
        baseline, changed = self.headways
        return np.where(self.reached, (changed - baseline).mean(axis=-1), 0.0)

    def level_differences(self, levels: Sequence[float]) -> np.ndarray:
        """Return what the change does to quantiles of the headway, 0 where it cannot reach: (levels, leads, positions)."""
        baseline, changed = (np.quantile(headways, levels, axis=-1) for headways in self.headways)
        return np.where(self.reached, changed - baseline, 0.0)


def _headways(baseline: Baseline, direction: int, passings: np.ndarray) -> np.ndarray:
    """Headways held after now, capped; before the first train those that are held now, 10 minutes where there are none."""
    grid = baseline.history
    stations = grid.line.travel_order(direction)
    now = grid.day(baseline.service_date)["headway"].values[max(baseline.t0, 0)][stations, direction]
    before = np.where(np.isfinite(now), now, FALLBACK_HEADWAY_MINS)[None, :, None]
    last_observed = baseline.days[direction].last_observed(baseline.t0)
    ahead = held(passings, last_observed, baseline.now, EDITED_MINS)
    return np.minimum(np.where(np.isfinite(ahead), ahead, before), grid.grid.attrs["cap_mins"])
