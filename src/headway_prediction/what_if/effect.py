"""What a changed plan does to one direction: headways, waits and reach, the same chances run under both plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.what_if.baseline import Present
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.monte_carlo import held
from headway_prediction.what_if.reach import first_reached, reached
from headway_prediction.what_if.wait import Waited, last_passings, waited

DRAWS = 100


@dataclass(frozen=True)
class Effect:
    """One direction under the `present` plan and under a changed one, positions in the order of travel.

    `passings` are those of the present and of the changed plan, (trains, positions, draws) each; `reached` (leads,
    positions) is True where the headways of the two may differ.
    """

    present: Present
    direction: int
    passings: tuple[np.ndarray, np.ndarray]
    reached: np.ndarray

    @classmethod
    def of(cls, present: Present, changed: Present, direction: int, draws: int = DRAWS) -> Self:
        """Run the trains of one direction, of which trips are known, under both plans."""
        chances = present.chances(direction, draws)
        coming = (
            chances.coming(present.days[direction]),
            chances.coming(changed.days[direction], present.trips_under(changed, direction)),
        )
        first = first_reached(*coming, present.now)
        passings = tuple(chances.passings(one) for one in coming)
        return cls(present, direction, passings, reached(first, present.now, EDITED_MINS))

    @cached_property
    def headways(self) -> tuple[np.ndarray, np.ndarray]:
        """Headways held at the end of each minute under either plan: (leads, positions, draws) each."""
        return tuple(_headways(self.present, self.direction, passings) for passings in self.passings)

    def waits(self, mins: int = EDITED_MINS) -> tuple[Waited, Waited]:
        """Return what passengers of the next `mins` minutes wait under either plan: (positions, draws) each."""
        last = np.min([last_passings(passings) for passings in self.passings], axis=0)
        until = np.minimum(self.present.now + mins, last)
        return tuple(waited(passings, self.present.now, until) for passings in self.passings)

    @property
    def mean_difference(self) -> np.ndarray:
        """What the change does to the mean headway, 0 where it cannot reach: (leads, positions)."""
        present, changed = self.headways
        return np.where(self.reached, (changed - present).mean(axis=-1), 0.0)

    def level_differences(self, levels: Sequence[float]) -> np.ndarray:
        """Return what the change does to quantiles of the headway, 0 where it cannot reach: (levels, leads, positions)."""
        present, changed = (np.quantile(headways, levels, axis=-1) for headways in self.headways)
        return np.where(self.reached, changed - present, 0.0)


def _headways(present: Present, direction: int, passings: np.ndarray) -> np.ndarray:
    """Headways held after now, capped; before the first train those that are held now, 10 minutes where there are none."""
    grid = present.history
    stations = grid.line.travel_order(direction)
    now = grid.day(present.service_date)["headway"].values[max(present.t0, 0)][stations, direction]
    before = np.where(np.isfinite(now), now, FALLBACK_HEADWAY_MINS)[None, :, None]
    last_seen = present.days[direction].last_seen(present.t0)
    ahead = held(passings, last_seen, present.now, EDITED_MINS)
    return np.minimum(np.where(np.isfinite(ahead), ahead, before), grid.grid.attrs["cap_mins"])
