"""Bunched trains and gaps to come: where, when, how sure, the most urgent first.

Every passing that is expected within the forecast's reach is judged by the quantiles of the headway held just after it,
against the usual headway (evaluation.detection has the limits), unless the next train should have passed by then: that
headway would be the other train's. A train in the same trouble at stations one after another is one warning, at the first.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from headway_prediction.evaluation.detection import THRESHOLDS as LIMITS
from headway_prediction.forecasters.base import Forecast
from headway_prediction.nn.quantiles import middle_index
from headway_prediction.service.live.published import Alert, AlertKind, LineState, TrainPath

LIMITS = {AlertKind.BUNCHED: LIMITS["bunched"], AlertKind.GAP: LIMITS["gapped"]}
MIN_PROBABILITY = 0.5
SETTLING_MINS = 2
"""A train's headway is the one held so long after the start of the minute it is expected in: it may be a little late."""
URGENCY_HALF_LIFE_MINS = 10.0
"""Trouble that is this much further away is half as urgent."""


def find_alerts(forecast: Forecast, state: LineState) -> tuple[Alert, ...]:
    """Return what to warn of, as of the forecast's only origin."""
    to_come = _to_come(state)
    found = [
        alert
        for train in state.trains
        for kind in AlertKind
        for alert in _of_train(train, kind, forecast, state, to_come)
    ]
    return tuple(sorted(found, key=lambda alert: -urgency(alert, state.t0)))


def urgency(alert: Alert, t0: int) -> float:
    """Return how sure and how soon trouble is, in one number: its probability, halved for every ten minutes until then."""
    return alert.probability * 0.5 ** ((alert.minute - (t0 + 1)) / URGENCY_HALF_LIFE_MINS)


def _to_come(state: LineState) -> dict[tuple[int, int], list[float]]:
    """When trains are expected at each (station, direction), in order."""
    to_come: dict[tuple[int, int], list[float]] = {}
    for train in state.trains:
        for station, minute in train.expected:
            to_come.setdefault((station, train.direction), []).append(minute)
    return {platform: sorted(minutes) for platform, minutes in to_come.items()}


def _of_train(
    train: TrainPath,
    kind: AlertKind,
    forecast: Forecast,
    state: LineState,
    to_come: Mapping[tuple[int, int], Sequence[float]],
) -> list[Alert]:
    alert, in_trouble = [], False
    for station, minute in train.expected:
        ahead = to_come[station, train.direction]
        following = bisect_right(ahead, minute)
        if following < len(ahead) and ahead[following] < int(minute) + SETTLING_MINS:
            continue
        judged = _judge(train, kind, station, minute, forecast, state)
        if judged is not None and not in_trouble:
            alert.append(judged)
        in_trouble = judged is not None
    return alert


def _judge(
    train: TrainPath, kind: AlertKind, station: int, minute: float, forecast: Forecast, state: LineState
) -> Alert | None:
    lead = int(minute) + SETTLING_MINS - 1 - state.t0
    row = lead - 1
    typical = float(state.typical[station, train.direction])
    if row > forecast.mean.shape[1] - 1 or not typical > 0:
        return None
    at = {
        level: float(cells[0, row, station, train.direction]) for level, cells in forecast.quantiles.items()
    }
    limit = LIMITS[kind]
    below = share_below(at, limit.limit * typical)
    probability = below if limit.sign < 0 else 1 - below
    if probability < MIN_PROBABILITY:
        return None
    middle = sorted(at.items())[middle_index(sorted(at))][1]
    return Alert(kind, train.direction, station, minute, middle, typical, round(probability, 3), train.train)


def share_below(quantiles: Mapping[float, float], headway_mins: float) -> float:
    """Return the probability of a headway below `headway_mins`, from quantiles by level.

    Between two quantiles it grows evenly; beyond the outermost, to 0 and 1, half as fast as on the other side of them.
    """
    levels, values = (np.array(part) for part in zip(*sorted(quantiles.items()), strict=True))
    if len(levels) == 1:
        return float(values[0] < headway_mins)
    (first, second), *_ = pairwise(values)
    low = values[0] - 2 * (second - first) * levels[0] / (levels[1] - levels[0])
    high = values[-1] + 2 * (values[-1] - values[-2]) * (1 - levels[-1]) / (levels[-1] - levels[-2])
    if low == high:
        return float(low < headway_mins)
    return float(
        np.interp(
            headway_mins, np.concatenate([[low], values, [high]]), np.concatenate([[0.0], levels, [1.0]])
        )
    )
