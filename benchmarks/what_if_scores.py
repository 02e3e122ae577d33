"""Agreement of predicted and real effects of changes: scores over many pairs, and a table of them."""

from collections.abc import Callable, Sequence

import numpy as np
from what_if_changes import ACTIONS
from what_if_pairs import Pair
from what_if_waits import LEADS

RESAMPLES = 400
SOON_MINS = 15
MIN_EFFECT_MINS = 0.05
REAL, MEAN = "real", "mean"
Cells = Callable[[Pair], tuple[np.ndarray, np.ndarray]]
"""Predicted and real effects, (cells,) each."""


def evaluate(pairs: Sequence[Pair]) -> dict[str, object]:
    """Score the predicted effects against the real ones and, where futures were drawn, against their mean."""
    truths = [REAL] if pairs[0].mean is None else [REAL, MEAN]
    return {
        "headway": {truth: by_method(pairs, truth, headway_cells) for truth in truths},
        "wait": {truth: by_method(pairs, truth, wait_cells) for truth in truths},
        "what-if up to 15 by action": {
            action: score([pair for pair in pairs if pair.action == action], soon_cells)
            for action in ACTIONS
            if any(pair.action == action for pair in pairs)
        },
        "wait inside 80 % interval": float(np.concatenate([inside(pair) for pair in pairs]).mean()),
        "elsewhere": elsewhere(pairs),
    }


def by_method(pairs: Sequence[Pair], truth: str, cells: Callable) -> dict[str, dict[int, dict]]:
    """Score every method that predicts these cells, by lead."""
    found = {}
    for method in sorted(pairs[0].predicted):
        if all(np.isnan(pair.predicted[method].waits).all() for pair in pairs) and cells is wait_cells:
            continue
        found[method] = {
            lead: score(pairs, lambda pair, m=method, at=place: cells(pair, m, truth, at))
            for place, lead in enumerate(LEADS)
        }
    return found


def headway_cells(pair: Pair, method: str, truth: str, place: int) -> tuple[np.ndarray, np.ndarray]:
    at = LEADS[place] - 1
    cells = (pair.valid & pair.reached)[at]
    return pair.predicted[method].headways[at][cells], getattr(pair, truth).headways[at][cells]


def wait_cells(pair: Pair, method: str, truth: str, place: int) -> tuple[np.ndarray, np.ndarray]:
    predicted, real = pair.predicted[method].waits[place], getattr(pair, truth).waits[place]
    cells = pair.reached[LEADS[place] - 1] & np.isfinite(predicted + real)
    return predicted[cells], real[cells]


def soon_cells(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    cells = (pair.valid & pair.reached)[:SOON_MINS]
    return tuple(one.headways[:SOON_MINS][cells] for one in (pair.predicted["what-if"], pair.real))


def inside(pair: Pair) -> np.ndarray:
    """Whether the real effect on the wait of the whole hour is inside its interval, by platform: (cells,)."""
    predicted, real = pair.predicted["what-if"].waits[-1], pair.real.waits[-1]
    return pair.inside[-1][pair.reached[-1] & np.isfinite(predicted + real)]


def elsewhere(pairs: Sequence[Pair]) -> dict[str, float]:
    """Real effects where what-if expects none, and the number of cells there with a predicted one."""
    real = np.concatenate([pair.real.headways[pair.valid & ~pair.reached] for pair in pairs])
    predicted = np.concatenate([pair.predicted["what-if"].headways[~pair.reached] for pair in pairs])
    changed = float((np.abs(real) > MIN_EFFECT_MINS).mean())
    return {"cells": len(real), "changed": changed, "predicted to change": int((predicted != 0).sum())}


def score(pairs: Sequence[Pair], cells: Cells) -> dict[str, object]:
    """Correlation and slope over all cells, and the 95 % bootstrap interval of the correlation over pairs."""
    parts = [cells(pair) for pair in pairs]
    predicted, real = (np.concatenate(part) for part in zip(*parts, strict=True))
    random = np.random.default_rng(0)
    resampled = [
        correlation(*(np.concatenate(part) for part in zip(*(parts[i] for i in chosen), strict=True)))
        for chosen in random.integers(len(parts), size=(RESAMPLES, len(parts)))
    ]
    known = np.array(resampled)[np.isfinite(resampled)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return {
        "cells": len(predicted),
        "correlation": correlation(predicted, real),
        "interval": [float(low), float(high)],
        "slope": float(np.cov(predicted, real)[0, 1] / np.var(predicted, ddof=1))
        if len(predicted) > 1 and np.var(predicted)
        else np.nan,
    }


def correlation(predicted: np.ndarray, real: np.ndarray) -> float:
    if len(predicted) < 2 or not predicted.std() or not real.std():
        return np.nan
    return float(np.corrcoef(predicted, real)[0, 1])


def table(found: dict) -> str:
    """Return the scores as a Markdown table with notes."""
    lines = ["| effect on | method | " + " | ".join(f"{lead} min" for lead in LEADS) + " |"]
    lines.append("| --- | --- |" + " ---: |" * len(LEADS))
    for truth, of in ((REAL, ""), (MEAN, ", mean of other futures")):
        for what in ("headway", "wait"):
            for method, by_lead in found[what].get(truth, {}).items():
                lines.append(f"| {what}{of} | {method} | " + " | ".join(map(shown, by_lead.values())) + " |")
    counted = next(iter(found["headway"][REAL].values())).values()
    lines.append(
        "\ncorrelation [95 % interval], slope; cells: " + ", ".join(str(s["cells"]) for s in counted)
    )
    for action, s in found["what-if up to 15 by action"].items():
        lines.append(
            f"{action}: correlation {s['correlation']:.2f}, slope {s['slope']:.2f} up to 15 min ({s['cells']} cells)"
        )
    lines.append(f"real effect on waits inside its 80 % interval: {found['wait inside 80 % interval']:.1%}")
    beyond = found["elsewhere"]
    lines.append(
        f"Where what-if expects no effect, the headway changed by over {MIN_EFFECT_MINS} min in "
        f"{beyond['changed']:.2%} of {beyond['cells']} cells; it predicted an effect in {beyond['predicted to change']}."
    )
    return "\n".join(lines)


def shown(s: dict) -> str:
    return f"{s['correlation']:.2f} [{s['interval'][0]:.2f}, {s['interval'][1]:.2f}], {s['slope']:.2f}"
