"""Do the intervals tell the truth? The protocol's limits for coverage, and whether they hold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headway_prediction.evaluation.metrics import LEAD_GROUPS

OVERALL = (0.78, 0.82)
PER_LEAD_GROUP = (0.75, 0.85)
OVER_VALID_CELLS = (0.80, 1.0)
"""Between which the share of truths in [p10, p90] must lie (PROTOCOL.md, "Scores"): on event cells, there in each group of
leads, and over all valid cells, where many values are known beforehand."""


@dataclass(frozen=True)
class CoverageCheck:
    """A coverage (share of cells) and the limits it must keep, both included."""

    cells: str
    coverage: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Tell whether the coverage lies within its limits."""
        return bool(self.low <= self.coverage <= self.high)

    @property
    def verdict(self) -> str:
        """Say in words what the coverage means for the intervals."""
        if np.isnan(self.coverage):
            return "unknown"
        if self.holds:
            return "holds"
        return "too narrow" if self.coverage < self.low else "too wide"


def coverage_checks(row: Mapping[str, float]) -> list[CoverageCheck]:
    """Hold one method's row of `Scores.table` against every limit; nothing for a method without intervals."""
    if not np.isfinite(row["ev_coverage"]):
        return []
    groups = [
        CoverageCheck(f"event cells, leads {group}", row[f"ev_coverage@{group}"], *PER_LEAD_GROUP)
        for group in LEAD_GROUPS
    ]
    overall = CoverageCheck("event cells", row["ev_coverage"], *OVERALL)
    return [overall, *groups, CoverageCheck("all valid cells", row["coverage"], *OVER_VALID_CELLS)]
