"""Where an alert is decided: expected gaps and bunched trains, with their probability, the most urgent first.

Each expected passing of each train is checked against the thresholds of `evaluation.detection`, relative to the typical
headway. The forecast headway just after the passing is the train's own, unless the next train is expected by then: such a
passing is skipped. A train that meets a threshold at consecutive stations gives one alert, at the first of them.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from headway_prediction.config import middle_index
from headway_prediction.evaluation.detection import THRESHOLDS
from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.published import Alert, AlertKind, LineState, TrainPath

ALERT_THRESHOLDS = {AlertKind.BUNCHED: THRESHOLDS["bunched"], AlertKind.GAP: THRESHOLDS["gapped"]}
MIN_PROBABILITY = 0.5
SETTLING_MINS = 2
"""A train's headway is read this long after the start of its expected minute, because it may be a little late."""
URGENCY_HALF_LIFE_MINS = 10.0
"""An alert this much further ahead is half as urgent."""


def find_alerts(forecast: Forecast, state: LineState) -> tuple[Alert, ...]:
    """Return the alerts of a forecast, made from one origin, the one of `state`."""
    expected = _expected_minutes(state)
    alerts = [
        alert
        for train in state.trains
        for kind in AlertKind
        for alert in _alerts_of_train(train, kind, forecast, state, expected)
    ]
    return tuple(sorted(alerts, key=lambda alert: -urgency(alert, state.t0)))


def urgency(alert: Alert, t0: int) -> float:
    """Return the probability of an alert, halved for every URGENCY_HALF_LIFE_MINS from the end of minute `t0` on."""
    ahead_mins = alert.minute - (t0 + 1)
    return alert.probability * math.pow(0.5, ahead_mins / URGENCY_HALF_LIFE_MINS)


def _expected_minutes(state: LineState) -> dict[tuple[int, int], list[float]]:
    """The expected passings at each (station, direction), in order of time."""
    expected: dict[tuple[int, int], list[float]] = {}
    for train in state.trains:
        for station, minute in train.expected:
            expected.setdefault((station, train.direction), []).append(minute)
    return {platform: sorted(minutes) for platform, minutes in expected.items()}


def _alerts_of_train(
    train: TrainPath,
    kind: AlertKind,
    forecast: Forecast,
    state: LineState,
    expected: Mapping[tuple[int, int], Sequence[float]],
) -> list[Alert]:
    alerts, in_alert = [], False
    for station, minute in train.expected:
        minutes = expected[station, train.direction]
        following = bisect_right(minutes, minute)
        if following < len(minutes) and minutes[following] < int(minute) + SETTLING_MINS:
            continue
        alert = _alert_at(train, kind, station, minute, forecast, state)
        if alert is not None and not in_alert:
            alerts.append(alert)
        in_alert = alert is not None
    return alerts


def _alert_at(
    train: TrainPath, kind: AlertKind, station: int, minute: float, forecast: Forecast, state: LineState
) -> Alert | None:
    """The alert of a train at one station, None where its headway does not meet the threshold."""
    lead = int(minute) + SETTLING_MINS - 1 - state.t0
    typical = float(state.typical[station, train.direction])
    if lead > forecast.mean.shape[1] or not typical > 0:
        return None
    quantiles = {
        level: float(cells[0, lead - 1, station, train.direction])
        for level, cells in forecast.quantiles.items()
    }
    threshold = ALERT_THRESHOLDS[kind]
    below = probability_below(quantiles, threshold.limit * typical)
    probability = below if threshold.sign < 0 else 1 - below
    if probability < MIN_PROBABILITY:
        return None
    levels = sorted(quantiles)
    median = quantiles[levels[middle_index(levels)]]
    return Alert(kind, train.direction, station, minute, median, typical, round(probability, 3), train.train)


def probability_below(quantiles: Mapping[float, float], headway_mins: float) -> float:
    """Return the probability of a headway below `headway_mins`, from quantiles by level.

    The distribution function is linear between quantiles. Beyond the outermost ones it goes on to 0 and 1, at half the
    slope of the neighbouring interval.
    """
    levels, values = (np.array(part) for part in zip(*sorted(quantiles.items()), strict=True))
    if len(levels) == 1:
        return float(values[0] < headway_mins)
    (first, second), *_ = pairwise(values)
    low = values[0] - 2 * (second - first) * levels[0] / (levels[1] - levels[0])
    high = values[-1] + 2 * (values[-1] - values[-2]) * (1 - levels[-1]) / (levels[-1] - levels[-2])
    if low == high:
        return float(low < headway_mins)
    points, shares = np.concatenate([[low], values, [high]]), np.concatenate([[0.0], levels, [1.0]])
    place = int(np.clip(np.searchsorted(points, headway_mins, side="right"), 1, len(points) - 1))
    # Clipped, because rounding may carry the interpolated share beyond the ends of its interval.
    share = np.interp(headway_mins, points, shares)
    return float(np.clip(share, shares[place - 1], shares[place]))
