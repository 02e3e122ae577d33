"""A what-if by a rule of thumb, for tests of what lies around it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.serialization import platform_index
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.transit.clock import gtfs_time
from headway_prediction.transit.line import Line
from headway_prediction.what_if.effect import Wait
from headway_prediction.what_if.plan import RevisedDeparture
from headway_prediction.what_if.request import Add, Cancel, Edit, Hold, Move
from headway_prediction.what_if.result import WhatIfResult


def rule_of_thumb(
    edits: Sequence[Edit], planned: Iterable[tuple[int, float]], hour: PublishedForecast, line: Line
) -> WhatIfResult:
    """Make headways longer wherever a held, moved or added departure can have arrived: fast, and of the right shape."""
    known, mean = set(planned), hour.forecast.mean[0]
    changed, reached = mean.copy(), np.zeros(mean.shape, dtype=bool)
    departures = []
    for edit in edits:
        if not isinstance(edit, Add) and not any(
            d == edit.direction and abs(m - edit.departure) < 0.5 for d, m in known
        ):
            found = f"no departure is planned at {gtfs_time(edit.departure)}"
            raise HeadwayError(found, "one of /departures", "take one of these")
        mins = edit.mins if isinstance(edit, Hold) else 3.0
        for place, station in enumerate(line.travel_order(edit.direction)):
            first = max(0, int(edit.departure + 2 * place - hour.t0 - 1))
            reached[first:, station, edit.direction] = True
            changed[first : first + 6, station, edit.direction] += mins
        departures.append(_revised(edit))
    forecast = replace(
        hour.forecast,
        mean=changed[None],
        quantiles={level: q + changed - mean for level, q in hour.forecast.quantiles.items()},
    )
    stations, directions = platform_index(line)
    waits = {
        (int(d), int(s)): _wait(mean[:, s, d], changed[:, s, d])
        for s, d in zip(stations, directions, strict=True)
    }
    return WhatIfResult(
        line,
        hour.service_date,
        hour.t0,
        tuple(edits),
        hour.forecast,
        forecast,
        reached,
        tuple(departures),
        _wait(mean, changed),
        waits,
    )


def _revised(edit: Edit) -> RevisedDeparture:
    match edit:
        case Add():
            return RevisedDeparture(edit.direction, -1, None, edit.departure)
        case Cancel():
            return RevisedDeparture(edit.direction, 0, edit.departure, None)
        case Move():
            return RevisedDeparture(edit.direction, 0, edit.departure, edit.to)
        case Hold():
            return RevisedDeparture(edit.direction, 0, edit.departure, edit.departure + edit.mins)


def _wait(baseline: np.ndarray, changed: np.ndarray) -> Wait:
    before, after = (float(np.mean(h**2) / (2 * np.mean(h))) for h in (baseline, changed))
    difference = after - before
    return Wait(before, after, difference, difference - 0.2, difference + 0.2)
