"""What the scores mean, in plain sentences for a reader who is no statistician.

A difference that may be chance is called so, and alerts are judged only from enough cases.
"""

import math
from itertools import groupby

import numpy as np
import xarray as xr

from headway_prediction.evaluation.compare import Difference, Scores
from headway_prediction.evaluation.detection import ALL_LEADS, THRESHOLDS
from headway_prediction.evaluation.metrics import coverage_checks
from headway_prediction.evaluation.truth import MIN_DISTURBED_IRREGULARITY
from headway_prediction.reporting.page import towards

SIGNIFICANCE_LEVEL = 0.05
MIN_CASES = 30
MIN_DAYS = 5
MIN_SHARE = 0.01
"""An hour with a smaller share of the scored cells is not judged."""
METHOD_DESCRIPTIONS = {
    "persistence": "the current headway continues",
    "climatology": "the median headway of the half-hour",
    "schedule": "the timetable",
    "propagation": "every train continues at its typical running times",
}
KIND_DEFINITIONS = {
    "bunched": "under half the typical headway",
    "gapped": "over one and a half times the typical headway",
}
GLOSSARY = (
    "Lead: how many minutes ahead a headway is forecast, 1 to 15. Headway: the time between a train and the previous one at "
    "the same platform, held until the next one passes.",
    "Event cell: a station and a minute in which a train passed. At all other cells the headway is still that of the last "
    "train, which is often known at the origin.",
    "Typical headway: the median of the earlier days at that platform, weekday or weekend, and half-hour; the planned "
    "headway where there is no such day. A train is bunched when its headway is under half of the typical one, gapped when "
    "it is over one and a half times the typical one.",
    "Disturbed: at the origin, the headways of the last half hour and the waits that already exceed the typical headway "
    f"deviate from it by {MIN_DISTURBED_IRREGULARITY:.0%} or more (root mean square), which the Transit Capacity and "
    "Quality of Service Manual (2nd edition) calls frequent bunching. All other origins are quiet.",
)


def overview(scores: Scores) -> str:
    """Return what the scores rest on: days, origins, leads and stations."""
    dates, stations = scores.service_dates, len(scores.line.stations)
    days = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} service days, {dates[0]} to {dates[-1]}"
    return (
        f"Scored on {days}: from {scores.windows:,} origins, ten minutes apart, the headways of the next 15 minutes at "
        f"{stations} stations in both directions."
    )


def ranking(scores: Scores, method: str) -> str:
    """Return the mean absolute error of the method, and its rank."""
    table = scores.table()
    errors = {name: row["mae"] for name, row in table.items()}
    order = sorted(errors, key=lambda name: errors[name])
    own = (
        f"The mean absolute error of {method} is {errors[method]:.2f} minutes; "
        f"{table[method]['ev_mae']:.2f} minutes at event cells, where a train passes in that very minute."
    )
    if method == order[0]:
        return f"{own} No other method has a smaller error."
    best = f"the best is {order[0]} with {errors[order[0]]:.2f} minutes"
    return f"{own} It ranks {order.index(method) + 1} of {len(order)}; {best}."


def comparisons(scores: Scores, method: str) -> list[str]:
    """Return, for every other method, by how much the main one is better or worse than it."""
    errors, days = {name: row["mae"] for name, row in scores.table().items()}, len(scores.service_dates)
    return [
        comparison(other, scores.difference(method, other), errors[other], days)
        for other in errors
        if other != method
    ]


def comparison(other: str, difference: Difference, other_error: float, days: int) -> str:
    """Return by how much the mean absolute error differs from that of `other`, and whether `days` are enough to show it."""
    name = f"{other} ({METHOD_DESCRIPTIONS[other]})" if other in METHOD_DESCRIPTIONS else other
    gap = abs(difference.estimate)
    if gap == 0:
        return f"As good as {name}."
    share = f" ({gap / other_error:.0%})" if other_error else ""
    word = "Better" if difference.estimate < 0 else "Worse"
    return f"{word} than {name} by {gap:.2f} minutes{share}{_certainty(difference, days)}."


def _certainty(difference: Difference, days: int) -> str:
    if math.isnan(difference.p_value):
        return "; a single service day cannot show whether that is chance"
    if not difference.is_clear:
        return ", but that may be chance"
    if difference.p_value < SIGNIFICANCE_LEVEL:
        return "; the difference is significant"
    return f"; {days} days are too few to rule out chance"


def intervals(scores: Scores, method: str) -> str:
    """Return whether the coverage of the method's intervals is within its limits."""
    checks = coverage_checks(scores.table()[method])
    if not checks:
        return f"{method} gives no intervals."
    overall, *others = checks
    verdict = "as it should be" if overall.holds else f"the intervals are {overall.verdict}"
    text = (
        "Its intervals should contain the headway 8 times in 10. On these days, at event cells, their coverage is "
        f"{overall.coverage:.1%}: {verdict}."
    )
    failed = [f"{check.cells} {check.coverage:.1%} ({check.verdict})" for check in others if not check.holds]
    return (
        f"{text} Outside their limits: {', '.join(failed)}."
        if failed
        else f"{text} All other limits are met."
    )


def alerts(scores: Scores, method: str) -> list[str]:
    """Return recall and precision of the method's alerts of bunched and of gapped trains."""
    if not len(scores.events.truth):
        return [
            "Bunched and gapped trains cannot be judged: the grid has neither earlier days nor a plan to take typical "
            "headways from."
        ]
    return [_alert(scores, method, kind) for kind in THRESHOLDS]


def _alert(scores: Scores, method: str, kind: str) -> str:
    cases = int(THRESHOLDS[kind].is_met(scores.events.truth).sum())
    start = f"{kind.capitalize()} trains ({KIND_DEFINITIONS[kind]})"
    if cases < MIN_CASES:
        return f"{start}: {cases} cases are too few to judge."
    found = scores.detection(kind)[ALL_LEADS][method]
    if not math.isfinite(found["precision"]):
        return f"{start}: no alert in {cases:,} cases."
    text = (
        f"{start}: an alert in {found['recall']:.0%} of {cases:,} cases, and {found['precision']:.0%} of the alerts were "
        f"right. Alerts for every train would be right in {found['base_rate']:.1%}."
    )
    return text if found["mcc"] > 0 else f"{text} That is no better than alerting always or never."


def weaknesses(scores: Scores, method: str) -> list[str]:
    """Return where the method is weak: at which leads, in disturbed periods, at which hour and platform."""
    texts = [_weakest_leads(scores.by_lead()["mae"], method), *_by_condition(scores, method)]
    if len(scores.service_dates) < MIN_DAYS:
        few = "The days are too few to call an hour or a platform weak: one bad morning would decide."
        return [*texts, few]
    return [*texts, _weakest_hour(scores, method), _weakest_platform(scores, method)]


def _weakest_leads(errors: xr.DataArray, method: str) -> str:
    own = errors.sel({"method": method}).values
    text = f"One minute ahead the error is {own[0]:.2f} minutes, {len(own)} minutes ahead {own[-1]:.2f}."
    best = errors["method"].values[np.nanargmin(errors.transpose("lead", "method").values, axis=1)]
    # Of equal errors the first is the best; the method is not worse than an equal one.
    best = np.where(own <= errors.min("method").values, method, best)
    runs = [
        (name, [lead for lead, _ in run])
        for name, run in groupby(enumerate(best, start=1), key=lambda pair: pair[1])
    ]
    others = [f"{name} has a smaller error {_leads(leads)}" for name, leads in runs if name != method]
    return f"{text} {'; '.join(others)}." if others else text


def _leads(leads: list[int]) -> str:
    if len(leads) == 1:
        return f"{leads[0]} minute{'s' if leads[0] > 1 else ''} ahead"
    return f"{leads[0]} to {leads[-1]} minutes ahead"


def _by_condition(scores: Scores, method: str) -> list[str]:
    errors = scores.by_condition()["mae"]
    quiet, disturbed = (
        float(errors.sel({"method": method, "condition": name})) for name in ("quiet", "disturbed")
    )
    if not math.isfinite(disturbed):
        return []
    cells = scores.sums.by_condition.sel(statistic="count", population="valid").isel(method=0)
    counts = cells.sum(["service_date", "lead"])
    share = float(counts.sel(condition="disturbed") / counts.sum())
    text = (
        f"In disturbed periods ({share:.0%} of the scored cells) the error is {disturbed:.2f} minutes, in quiet ones "
        f"{quiet:.2f}."
    )
    if len(scores.service_dates) < MIN_DAYS:
        return [text]
    there = errors.sel(condition="disturbed")
    best = str(there["method"].values[int(np.nanargmin(there.values))])
    smallest = float(there.sel({"method": best}))
    return [f"{text} There {best} has a smaller error: {smallest:.2f}." if smallest < disturbed else text]


def _weakest_hour(scores: Scores, method: str) -> str:
    errors = scores.by_hour()["mae"].sel({"method": method})
    cells = scores.sums.by_hour.sel({"statistic": "count", "population": "valid", "method": method})
    counts = cells.sum("service_date")
    judged = errors.where(counts >= MIN_SHARE * counts.sum())
    worst, best = int(np.nanargmax(judged.values)), int(np.nanargmin(judged.values))
    return (
        f"Its weakest hour begins at {worst % 24:02d}:00 ({float(judged[worst]):.2f} minutes), its best at "
        f"{best % 24:02d}:00 ({float(judged[best]):.2f})."
    )


def _weakest_platform(scores: Scores, method: str) -> str:
    errors = scores.by_platform()["mae"].sel({"method": method}).transpose("station", "direction").values
    station, direction = np.unravel_index(np.nanargmax(errors), errors.shape)
    name = scores.line.stations[int(station)].name
    where = towards(scores.line, int(direction))
    return f"Its weakest platform is {name}, {where}: {errors[station, direction]:.2f} minutes."
