"""How well what was said of changes agrees with what they did: scores over many pairs, and the table of them."""

from collections.abc import Callable, Sequence

import numpy as np
from what_if_drawn import ACTIONS
from what_if_pairs import Pair
from what_if_waits import LEADS

DRAWN = 400
SOON_MINS = 15
FELT_MINS = 0.05
REAL, MEAN = "real", "mean"
Cells = Callable[[Pair], tuple[np.ndarray, np.ndarray]]
"""What was said and what happened, (cells,) each."""


def judged(pairs: Sequence[Pair]) -> dict[str, object]:
    """Hold what was said against what happened and, where there are futures, against the mean of what may happen."""
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
    """Score every method that says anything, by lead."""
    found = {}
    for method in sorted(pairs[0].said):
        if all(np.isnan(pair.said[method].waits).all() for pair in pairs) and cells is wait_cells:
            continue
        found[method] = {
            lead: score(pairs, lambda pair, m=method, at=place: cells(pair, m, truth, at))
            for place, lead in enumerate(LEADS)
        }
    return found


def headway_cells(pair: Pair, method: str, truth: str, place: int) -> tuple[np.ndarray, np.ndarray]:
    at = LEADS[place] - 1
    cells = (pair.valid & pair.reached)[at]
    return pair.said[method].headways[at][cells], getattr(pair, truth).headways[at][cells]


def wait_cells(pair: Pair, method: str, truth: str, place: int) -> tuple[np.ndarray, np.ndarray]:
    said, happened = pair.said[method].waits[place], getattr(pair, truth).waits[place]
    cells = pair.reached[LEADS[place] - 1] & np.isfinite(said + happened)
    return said[cells], happened[cells]


def soon_cells(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    cells = (pair.valid & pair.reached)[:SOON_MINS]
    return tuple(one.headways[:SOON_MINS][cells] for one in (pair.said["what-if"], pair.real))


def inside(pair: Pair) -> np.ndarray:
    """Whether the real change of wait of the whole hour is inside its interval, by platform: (cells,)."""
    said, real = pair.said["what-if"].waits[-1], pair.real.waits[-1]
    return pair.inside[-1][pair.reached[-1] & np.isfinite(said + real)]


def elsewhere(pairs: Sequence[Pair]) -> dict[str, float]:
    """What happened where no effect is claimed, and how often one is said there all the same."""
    real = np.concatenate([pair.real.headways[pair.valid & ~pair.reached] for pair in pairs])
    claimed = np.concatenate([pair.said["what-if"].headways[~pair.reached] for pair in pairs])
    changed = float((np.abs(real) > FELT_MINS).mean())
    return {"cells": len(real), "really changed": changed, "claimed to change": int((claimed != 0).sum())}


def score(pairs: Sequence[Pair], cells: Cells) -> dict[str, object]:
    """Correlation and slope over all cells, and the 95 % interval of the former when pairs are drawn anew."""
    parts = [cells(pair) for pair in pairs]
    said, happened = (np.concatenate(part) for part in zip(*parts, strict=True))
    random = np.random.default_rng(0)
    drawn = [
        correlation(*(np.concatenate(part) for part in zip(*(parts[i] for i in chosen), strict=True)))
        for chosen in random.integers(len(parts), size=(DRAWN, len(parts)))
    ]
    known = np.array(drawn)[np.isfinite(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return {
        "cells": len(said),
        "correlation": correlation(said, happened),
        "interval": [float(low), float(high)],
        "slope": float(np.cov(said, happened)[0, 1] / np.var(said, ddof=1))
        if len(said) > 1 and np.var(said)
        else np.nan,
    }


def correlation(said: np.ndarray, happened: np.ndarray) -> float:
    if len(said) < 2 or not said.std() or not happened.std():
        return np.nan
    return float(np.corrcoef(said, happened)[0, 1])


def table(found: dict) -> str:
    """Return the scores as Markdown, and what they leave out in sentences."""
    lines = ["| change of | said by | " + " | ".join(f"{lead} min" for lead in LEADS) + " |"]
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
    lines.append(f"real change of wait inside its 80 % interval: {found['wait inside 80 % interval']:.1%}")
    beyond = found["elsewhere"]
    lines.append(
        f"Where what-if says that nothing can change, the headway really changed by over {FELT_MINS} min in "
        f"{beyond['really changed']:.2%} of {beyond['cells']} cells; it told a change in {beyond['claimed to change']}."
    )
    return "\n".join(lines)


def shown(s: dict) -> str:
    return f"{s['correlation']:.2f} [{s['interval'][0]:.2f}, {s['interval'][1]:.2f}], {s['slope']:.2f}"
