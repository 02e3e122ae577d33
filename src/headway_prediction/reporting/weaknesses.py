"""Where the method is weak, in plain sentences: far ahead, in disturbed periods, at which hour and platform."""

import math
from itertools import groupby

import numpy as np
import xarray as xr

from headway_prediction.evaluation.compare import Scores
from headway_prediction.reporting.glossary import towards

MIN_DAYS = 5
MIN_SHARE = 0.01
"""An hour with a smaller share of the scored cells is none to judge by."""


def weaknesses(scores: Scores, method: str) -> list[str]:
    """Say where the method is weak: far ahead, in disturbed periods, at which hour and platform."""
    texts = [_by_lead(scores.by_lead()["mae"], method), *_by_condition(scores, method)]
    if len(scores.service_dates) < MIN_DAYS:
        return [
            *texts,
            "The days are too few to call an hour or a station weak: one bad morning would decide.",
        ]
    return [*texts, _weakest_hour(scores, method), _weakest_platform(scores, method)]


def _by_lead(errors: xr.DataArray, method: str) -> str:
    own = errors.sel({"method": method}).values
    text = f"One minute ahead it is {own[0]:.2f} minutes off, {len(own)} minutes ahead {own[-1]:.2f}."
    best = errors["method"].values[np.nanargmin(errors.transpose("lead", "method").values, axis=1)]
    # The first of equals is the best; equal is not worse.
    best = np.where(own <= errors.min("method").values, method, best)
    runs = [
        (name, [lead for lead, _ in run])
        for name, run in groupby(enumerate(best, start=1), key=lambda pair: pair[1])
    ]
    others = [f"{name} is less off {_leads(leads)}" for name, leads in runs if name != method]
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
    counts = (
        scores.sums.by_condition.sel(statistic="count", population="valid")
        .isel(method=0)
        .sum(["service_date", "lead"])
    )
    share = float(counts.sel(condition="disturbed") / counts.sum())
    where = f"In disturbed periods ({share:.0%} of what is scored)"
    text = f"{where} it is {disturbed:.2f} minutes off, in quiet ones {quiet:.2f}."
    if len(scores.service_dates) < MIN_DAYS:
        return [text]
    there = errors.sel(condition="disturbed")
    best = str(there["method"].values[int(np.nanargmin(there.values))])
    least = float(there.sel({"method": best}))
    return [f"{text} There {best} is less off: {least:.2f}." if least < disturbed else text]


def _weakest_hour(scores: Scores, method: str) -> str:
    errors = scores.by_hour()["mae"].sel({"method": method})
    counts = scores.sums.by_hour.sel({"statistic": "count", "population": "valid", "method": method}).sum(
        "service_date"
    )
    judged = errors.where(counts >= MIN_SHARE * counts.sum())
    worst, best = int(np.nanargmax(judged.values)), int(np.nanargmin(judged.values))
    return (
        f"Its weakest hour begins at {worst % 24:02d}:00 ({float(judged[worst]):.2f} minutes off), its best at "
        f"{best % 24:02d}:00 ({float(judged[best]):.2f})."
    )


def _weakest_platform(scores: Scores, method: str) -> str:
    errors = scores.by_platform()["mae"].sel({"method": method}).transpose("station", "direction").values
    station, direction = np.unravel_index(np.nanargmax(errors), errors.shape)
    name = scores.line.stations[station].name
    where = towards(scores.line, int(direction))
    return f"Its weakest platform is {name}, {where}: {errors[station, direction]:.2f} minutes off."
