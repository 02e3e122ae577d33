"""What the scores say, in plain sentences: how the main method stands beside every other one, honest where it loses."""

import math

from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.significance import Difference

NOTES = (
    "Intervals and p-values come from drawing whole service days again (bootstrap), as the windows of one day are alike; "
    "few days cannot give a small p.",
    "An event cell is a station and a minute in which a train really passed; at all other cells the headway is still that "
    "of the last train, which is often known already.",
)
SIGNIFICANT = 0.05


def basis(scores: Scores) -> str:
    """Say on what the scores rest."""
    dates, stations = scores.service_dates, len(scores.line.stations)
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    return (
        f"Judged on {days}: from {scores.windows:,} moments, ten minutes apart, the headways of the next 15 minutes at "
        f"{stations} stations in both directions."
    )


def ranking(scores: Scores, method: str) -> str:
    """Say which method has the lowest mean absolute error, and where the main one stands."""
    errors = {name: row["mae"] for name, row in scores.table().items()}
    order = sorted(errors, key=errors.get)
    best = f"The lowest mean absolute error, {errors[order[0]]:.3f} minutes, is that of {order[0]}."
    if method == order[0]:
        return best
    return (
        f"{best} {method} comes {order.index(method) + 1} of {len(order)}, with {errors[method]:.3f} minutes."
    )


def comparisons(scores: Scores, method: str) -> list[str]:
    """Say, for every other method, by how much the main one is better or worse than it."""
    errors = {name: row["mae"] for name, row in scores.table().items()}
    return [
        comparison(method, other, scores.difference(method, other), errors[other])
        for other in errors
        if other != method
    ]


def comparison(method: str, other: str, difference: Difference, other_error: float) -> str:
    """Say by how much the mean absolute error of `method` differs from that of `other`."""
    gap = abs(difference.estimate)
    size = f"{gap:.3f} minutes" + (f" ({gap / other_error:.1%})" if other_error else "")
    word = "better" if difference.estimate < 0 else "worse"
    if gap == 0:
        return f"{method} is as good as {other}: the mean absolute errors are equal."
    if math.isnan(difference.p_value):
        return f"{method} is {word} than {other} by {size}; a single service day cannot tell whether that is chance."
    if difference.is_clear:
        low, high = sorted((abs(difference.low), abs(difference.high)))
        interval = f"95 % interval {low:.3f} to {high:.3f} minutes, {_p_value(difference.p_value)}"
        caution = "" if difference.p_value < SIGNIFICANT else "; the days are too few to rule out chance"
        return f"{method} is {word} than {other} by {size}; {interval}{caution}."
    return (
        f"{method} is {word} than {other} by {size}, but that may be chance: the 95 % interval runs from "
        f"{abs(min(difference.low, 0)):.3f} minutes better to {abs(max(difference.high, 0)):.3f} minutes worse, "
        f"{_p_value(difference.p_value)}."
    )


def _p_value(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
