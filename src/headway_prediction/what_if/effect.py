"""What a changed plan does to one direction: headways, waits and reach, the same chances run under both plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS
from headway_prediction.what_if.chances import held
from headway_prediction.what_if.edits import EDITED_MINS
from headway_prediction.what_if.present import Present
from headway_prediction.what_if.reach import first_reached, reached
from headway_prediction.what_if.wait import Waited, last_passings, waited

DRAWS = 100


@dataclass(frozen=True)
class Effect:
    """One direction under the present plan and under a changed one, positions in the order of travel.

    `present` and `changed` (leads, positions, draws) are headways held at the end of each minute; `present_wait` and
    `changed_wait` what passengers of the hour wait (positions, draws); `reached` (leads, positions) where they may differ.
    """

    present: np.ndarray
    changed: np.ndarray
    present_wait: Waited
    changed_wait: Waited
    reached: np.ndarray

    @classmethod
    def of(cls, present: Present, changed: Present, direction: int, draws: int = DRAWS) -> Self:
        """Run the trains of one direction, of which trips are known, under both plans."""
        chances = present.chances(direction, draws)
        coming = [
            chances.coming(present.days[direction]),
            chances.coming(changed.days[direction], present.trips_under(changed, direction)),
        ]
        passings = [chances.passings(one) for one in coming]
        until = np.minimum(
            present.now + EDITED_MINS, np.min([last_passings(one) for one in passings], axis=0)
        )
        waits = [waited(one, present.now, until) for one in passings]
        first = first_reached(*coming, present.now)
        headways = [_headways(present, direction, one) for one in passings]
        return cls(*headways, *waits, reached(first, present.now, EDITED_MINS))

    @property
    def mean_difference(self) -> np.ndarray:
        """What the change does to the mean headway, 0 where it cannot reach: (leads, positions)."""
        return np.where(self.reached, (self.changed - self.present).mean(axis=-1), 0.0)

    def level_differences(self, levels: Sequence[float]) -> np.ndarray:
        """What the change does to quantiles of the headway, 0 where it cannot reach: (levels, leads, positions)."""
        changed, present = (np.quantile(part, levels, axis=-1) for part in (self.changed, self.present))
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
