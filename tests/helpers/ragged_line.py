"""A noisy line with missing passings and trip ids, and bitwise equality of forecasts: for the no-peeking tests."""

from datetime import date, timedelta

import numpy as np

from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.trips import plan_of

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]


def ragged(trip_ids: str) -> list[tuple]:
    """Noisy trains of which some passings are missing; `trip_ids` are on all, on none, or on those after 10:00."""
    rows = regular_rows(stations=5, headway=8.0, days=DAYS, first=300, last=880, noise=1.5)
    seen = [
        row
        for row, chance in zip(rows, np.random.default_rng(3).random(len(rows)), strict=True)
        if chance < 0.9
    ]
    named = {"all": lambda minute: True, "none": lambda minute: False, "late": lambda minute: minute >= 600}[
        trip_ids
    ]
    return [(day, trip if named(minute) else "", *rest, minute) for day, trip, *rest, minute in seen]


def ragged_history(trip_ids: str, days: list[date]) -> LineHistory:
    log = log_of(row for row in ragged(trip_ids) if row[0] in days)
    line = Line.from_arrivals(log, ZONE)
    rows = [(k, 0, s, 300.0 + 8 * k + 2 * s) for k in range(70) for s in range(5)]
    return history_from_log(log, line, plan_of(rows) if trip_ids != "none" else None)


def assert_bitwise_equal(first, second):
    assert first.mean.dtype == second.mean.dtype
    assert first.mean.tobytes() == second.mean.tobytes()
    assert first.quantiles.keys() == second.quantiles.keys()
    for level, values in first.quantiles.items():
        assert values.tobytes() == second.quantiles[level].tobytes()
