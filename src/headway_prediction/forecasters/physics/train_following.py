"""How trains run behind one another: a late train becomes later, the one behind it closes up, and each keeps its own pace.

Passengers gather while no train comes, so that a run takes longer the longer the headway before it (Newell and Potts, 1964:
"Maintaining a bus schedule"); signals keep trains apart; and a train that was slow so far goes on slowly. What of this holds
on a line is learned from its training days (`fit_train_following`); where nothing does, trains simply run on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.forecasters.physics.sections import Sections

MAX_HEADWAY_EXCESS_MINS = 15.0
"""A headway is taken to be at most so much longer or shorter than usual: further off, nothing has been learned."""
ARRAYS, NUMBERS = ("dwell_growth", "dwell_offset", "min_headway"), ("pace_shrinkage", "max_slowness")


@dataclass(frozen=True)
class TrainFollowing:
    """What was learned of one direction.

    `dwell_growth` (positions,): minutes that the run onward from a position takes longer for each minute that the headway there
    is beyond the usual one; `dwell_offset` (positions,): minutes that it takes longer after the usual headway. `min_headway`
    (positions,): least minutes between two trains there. `pace_shrinkage`: a train's own pace is half believed after so many
    sections, infinite where it tells nothing; `max_slowness`: a section tells at most so many minutes of it.
    """

    dwell_growth: np.ndarray
    dwell_offset: np.ndarray
    min_headway: np.ndarray
    pace_shrinkage: float = np.inf
    max_slowness: float = 0.0

    @classmethod
    def none(cls, positions: int) -> Self:
        """Return what holds where trains simply run on."""
        return cls(*np.zeros((3, positions)))

    def delay(self, headway_excess: np.ndarray, at: np.ndarray | slice | int = slice(None)) -> np.ndarray:
        """Return minutes that runs onward from the positions `at` take longer after headways `headway_excess` usual (minutes, NaN
        where unknown, which tells nothing), one for each; both have the same shape."""
        known = np.clip(headway_excess, -MAX_HEADWAY_EXCESS_MINS, MAX_HEADWAY_EXCESS_MINS)
        return np.where(np.isnan(known), 0.0, self.dwell_offset[at] + self.dwell_growth[at] * known)

    def slowness(self, sections: Sections) -> np.ndarray:
        """Return minutes that each run took longer than it was to take after its headway: (trains, positions - 1)."""
        delay = self.delay(sections.headway_excess)[:, :-1]
        return np.clip(sections.run_mins - sections.typical - delay, -self.max_slowness, self.max_slowness)

    def pace(self, slowness: np.ndarray, typical: np.ndarray, run: np.ndarray) -> np.ndarray:
        """Return by which share of its usual running times each train is slow: (trains,).

        `slowness` and `typical` (trains, positions - 1) are minutes by section, `run` tells the sections that count.
        """
        run = run & np.isfinite(slowness)
        count = run.sum(axis=1)
        share = np.where(run, slowness, 0.0).sum(axis=1) / np.maximum(
            np.where(run, typical, 0.0).sum(axis=1), 1.0
        )
        return share * count / (count + self.pace_shrinkage)

    def apply(self, minutes: np.ndarray, last_observed: np.ndarray, typical: np.ndarray) -> np.ndarray:
        """Return expected `minutes` (trains, positions; infinite where a train will not pass) as the trains follow.

        `last_observed` (positions,) is when the last train passed, NaN before the first; `typical` (positions,) are the usual
        headways of the hour. Position by position trains keep apart, and what a headway does to a run is carried along.
        """
        moved, shift, reached = minutes.copy(), np.zeros(len(minutes)), np.full(len(minutes), -np.inf)
        for position in range(minutes.shape[1]):
            passing = np.flatnonzero(np.isfinite(minutes[:, position]))
            tentative = np.maximum(minutes[passing, position] + shift[passing], reached[passing])
            order = np.argsort(tentative, kind="stable")
            passing, last = passing[order], last_observed[position]
            apart = with_min_headway(tentative[order], last, self.min_headway[position])
            moved[passing, position] = reached[passing] = apart
            delay = self.delay(np.diff(apart, prepend=last) - typical[position], position)
            shift[passing] = apart - minutes[passing, position] + delay
        return moved

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under names that begin with `prefix`."""
        return {f"{prefix}_{name}": np.asarray(getattr(self, name)) for name in (*ARRAYS, *NUMBERS)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], prefix: str) -> Self:
        """Rebuild what `state` returned."""
        arrays = (state[f"{prefix}_{name}"] for name in ARRAYS)
        return cls(*arrays, *(float(state[f"{prefix}_{name}"]) for name in NUMBERS))


def with_min_headway(minutes: np.ndarray, last_observed: float, min_headway: float) -> np.ndarray:
    """Return sorted `minutes` (trains,), each at least `min_headway` after the one before; `last_observed` is before the first."""
    steps = min_headway * np.arange(1, len(minutes) + 1)
    ahead = np.maximum.accumulate(minutes - steps)
    return (ahead if np.isnan(last_observed) else np.maximum(ahead, last_observed)) + steps
