"""Bunched and gapped trains: how well forecasts detect them, beside the detectors "always" and "never".

A train is bunched when its headway is under half of the typical one, gapped when it is over one and a half times the
typical one (docs/methodology.md), at event cells. Every method is turned into a detector in the same way: it raises a
bunching alert when its median is under half of the typical headway, that is when bunching is more likely than not, and
ranks trains by the ratio of its median to the typical headway. Truth is capped: where the typical headway is two thirds of
the cap or more, no train can be gapped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from headway_prediction.evaluation.metrics import LEAD_GROUPS
from headway_prediction.evaluation.truth import Truth

ALL_LEADS = "all"

DetectorScores = dict[str, float]
"""mcc, average_precision, recall_at_precision, base_rate, recall and precision of one detector."""
WANTED_PRECISION = 0.8


@dataclass(frozen=True)
class Threshold:
    """A limit on the ratio of a headway to the typical one: exceeded above `limit` (sign 1) or below it (sign -1)."""

    sign: int
    limit: float

    def is_met(self, ratios: np.ndarray) -> np.ndarray:
        """Return which ratios lie beyond the limit."""
        return np.asarray(self.sign * ratios > self.sign * self.limit)


THRESHOLDS = {"bunched": Threshold(-1, 0.5), "gapped": Threshold(1, 1.5)}


@dataclass(frozen=True)
class EventCells:
    """Headways over typical headways at event cells where the typical headway is known; all of shape (cells,).

    `lead` in minutes, `truth`, and `forecasts` (medians) by method. An average precision needs all cells: sums do not
    suffice. Cells of disjoint windows may be appended to each other.
    """

    lead: np.ndarray
    truth: np.ndarray
    forecasts: Mapping[str, np.ndarray]

    def at_leads(self, first: int, last: int) -> Self:
        """Return the cells of leads `first` to `last`."""
        chosen = (first <= self.lead) & (self.lead <= last)
        forecasts = {method: ratios[chosen] for method, ratios in self.forecasts.items()}
        return type(self)(self.lead[chosen], self.truth[chosen], forecasts)


def event_cells(truths: Sequence[Truth], medians: Mapping[str, Iterable[np.ndarray]]) -> EventCells:
    """Gather the cells of all dates; `medians` holds each method's, filled as they are scored, for each of `truths`."""
    chosen = [truth.event & np.isfinite(truth.typical) for truth in truths]

    def ratios(headways: Iterable[np.ndarray]) -> np.ndarray:
        days = [
            cells[own] / truth.typical[own]
            for cells, truth, own in zip(headways, truths, chosen, strict=True)
        ]
        return np.concatenate(days).astype(float)

    leads = [np.nonzero(own)[1] + 1 for own in chosen]
    forecasts = {method: ratios(cells) for method, cells in medians.items()}
    return EventCells(np.concatenate(leads), ratios([truth.headway for truth in truths]), forecasts)


def detection_by_leads(cells: EventCells, threshold: Threshold) -> dict[str, dict[str, DetectorScores]]:
    """Return `detection_scores` over all leads and by group of leads."""
    groups = {group: cells.at_leads(*ends) for group, ends in LEAD_GROUPS.items()}
    return {name: detection_scores(part, threshold) for name, part in ({ALL_LEADS: cells} | groups).items()}


def detection_scores(cells: EventCells, threshold: Threshold) -> dict[str, DetectorScores]:
    """Return `detector_scores` of every method and, last, of the detectors "always" and "never"."""
    actual = threshold.is_met(cells.truth)
    rows = {
        method: detector_scores(actual, threshold.is_met(ratios), threshold.sign * ratios)
        for method, ratios in cells.forecasts.items()
    }
    constant = np.zeros(len(actual))
    trivial = {name: np.full(len(actual), alert) for name, alert in (("always", True), ("never", False))}
    return rows | {name: detector_scores(actual, alerted, constant) for name, alerted in trivial.items()}


def detector_scores(actual: np.ndarray, alerted: np.ndarray, strength: np.ndarray) -> DetectorScores:
    """Return the scores of one detector; a share of nothing is NaN.

    `actual` (bunched or gapped) and `alerted` are bool, `strength` ranks the cells by how likely the detector holds them to
    be bunched or gapped: (cells,).
    """
    return {
        "mcc": matthews_correlation(actual, alerted),
        "average_precision": average_precision(actual, strength),
        "recall_at_precision": recall_at_precision(actual, strength),
        "base_rate": _share(actual),
        "recall": _share(alerted[actual]),
        "precision": _share(actual[alerted]),
    }


def _share(cells: np.ndarray) -> float:
    return float(cells.mean()) if len(cells) else np.nan


def matthews_correlation(actual: np.ndarray, alerted: np.ndarray) -> float:
    """Return the correlation of two yes-or-no series (Matthews 1975); 0 where one never changes, NaN without cells."""
    if not len(actual):
        return np.nan
    both, spread = np.mean(actual & alerted), actual.std() * alerted.std()
    return float((both - actual.mean() * alerted.mean()) / spread) if spread else 0.0


def average_precision(actual: np.ndarray, strength: np.ndarray) -> float:
    """Return the precision at every distinct threshold, weighted by the recall that it adds; NaN without a positive cell.

    No interpolation (Davis & Goadrich 2006 show that a straight one flatters); equal strengths are one threshold, so that
    a detector that never changes has the base rate.
    """
    if not actual.any():
        return np.nan
    found, alerts = _thresholds(actual, strength)
    return float(np.sum(np.diff(found, prepend=0) * found / alerts) / found[-1])


def recall_at_precision(actual: np.ndarray, strength: np.ndarray) -> float:
    """Return the largest recall of any threshold whose precision is WANTED_PRECISION or more, 0 where there is none.

    NaN without a positive cell. Equal strengths are one threshold.
    """
    if not actual.any():
        return np.nan
    found, alerts = _thresholds(actual, strength)
    precise = found[found >= WANTED_PRECISION * alerts]
    return float(precise.max(initial=0) / found[-1])


def _thresholds(actual: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive cells found, and cells alerted to, at every distinct threshold, the highest first: (thresholds,) each."""
    order = np.argsort(-strength, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(strength[order])), len(order) - 1)
    return np.cumsum(actual[order])[ends], ends + 1
