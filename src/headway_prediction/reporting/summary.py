"""What the scores say to somebody who is no statistician: plain sentences, honest where the method loses.

What these days cannot show is not said: a difference that may be chance is called so, and warnings are judged from several
cases on.
"""

import math

from headway_prediction.evaluation.compare import Difference, Scores
from headway_prediction.evaluation.detection import ALL_LEADS, THRESHOLDS
from headway_prediction.evaluation.metrics import coverage_checks
from headway_prediction.reporting.glossary import KIND_DEFINITIONS, METHOD_DESCRIPTIONS

SIGNIFICANCE_LEVEL = 0.05
MIN_CASES = 30


def overview(scores: Scores) -> str:
    """Say on what the scores rest."""
    dates, stations = scores.service_dates, len(scores.line.stations)
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    return (
        f"Judged on {days}: from {scores.windows:,} moments, ten minutes apart, the headways of the next 15 minutes at "
        f"{stations} stations in both directions."
    )


def ranking(scores: Scores, method: str) -> str:
    """Say how far off the method is, and whether another one is less so."""
    table = scores.table()
    errors = {name: row["mae"] for name, row in table.items()}
    order = sorted(errors, key=errors.get)
    own = (
        f"On average {method} is {errors[method]:.2f} minutes off; where a train passes at that very moment, "
        f"{table[method]['ev_mae']:.2f} minutes."
    )
    if method == order[0]:
        return f"{own} No other method here is less off."
    best = f"the best is {order[0]}, {errors[order[0]]:.2f} minutes off"
    return f"{own} It comes {order.index(method) + 1} of {len(order)}; {best}."


def comparisons(scores: Scores, method: str) -> list[str]:
    """Say, for every other method, by how much the main one is better or worse than it."""
    errors, days = {name: row["mae"] for name, row in scores.table().items()}, len(scores.service_dates)
    return [
        comparison(other, scores.difference(method, other), errors[other], days)
        for other in errors
        if other != method
    ]


def comparison(other: str, difference: Difference, other_error: float, days: int) -> str:
    """Say by how much the mean absolute error differs from that of `other`, and whether `days` can show it."""
    name = f"{other} ({METHOD_DESCRIPTIONS[other]})" if other in METHOD_DESCRIPTIONS else other
    gap = abs(difference.estimate)
    if gap == 0:
        return f"As good as {name}."
    share = f" ({gap / other_error:.0%})" if other_error else ""
    word = "Better" if difference.estimate < 0 else "Worse"
    return f"{word} than {name} by {gap:.2f} minutes{share}{_certainty(difference, days)}."


def _certainty(difference: Difference, days: int) -> str:
    if math.isnan(difference.p_value):
        return "; a single service day cannot tell whether that is chance"
    if not difference.is_clear:
        return ", but that may be chance"
    if difference.p_value < SIGNIFICANCE_LEVEL:
        return "; that is more than chance"
    return f"; {days} days are too few to rule out chance"


def intervals(scores: Scores, method: str) -> str:
    """Say whether the method's intervals hold what they promise."""
    checks = coverage_checks(scores.table()[method])
    if not checks:
        return f"{method} does not say how sure it is: it gives no intervals."
    overall, *others = checks
    text = "It gives intervals that should hold the headway 8 times in 10. On these days, where trains passed, they did in "
    text += f"{overall.coverage:.1%}: " + (
        "as promised." if overall.holds else f"they are {overall.verdict}."
    )
    failed = [f"{check.cells} {check.coverage:.1%} ({check.verdict})" for check in others if not check.holds]
    return (
        f"{text} Beyond their limits: {', '.join(failed)}." if failed else f"{text} Their other limits hold."
    )


def alerts(scores: Scores, method: str) -> list[str]:
    """Say of how many bunched and gapped trains the method had warned, and how many of its warnings were right."""
    if not len(scores.events.truth):
        return [
            "Bunched and gapped trains cannot be told: the grid has no earlier days and no plan to say what is usual."
        ]
    return [_warning(scores, method, kind) for kind in THRESHOLDS]


def _warning(scores: Scores, method: str, kind: str) -> str:
    cases = int(THRESHOLDS[kind].is_met(scores.events.truth).sum())
    start = f"Trains that came {kind} ({KIND_DEFINITIONS[kind]})"
    if cases < MIN_CASES:
        return f"{start}: {cases} cases are too few to judge by."
    found = scores.detection(kind)[ALL_LEADS][method]
    if not math.isfinite(found["precision"]):
        return f"{start}: it never warned of one, in {cases:,} cases."
    recall = f"it had warned in {found['recall']:.0%} of {cases:,} cases"
    precision = f"{found['precision']:.0%} of its warnings were right"
    known = (
        f"{start}: {recall}, and {precision}. Warning every time would be right in {found['base_rate']:.1%}."
    )
    return known if found["mcc"] > 0 else f"{known} It tells no more than warning always or never."
