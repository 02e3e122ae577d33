"""Alerts: one per train and stretch of the line, ordered by urgency, with the probability from the quantiles."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.alerts import find_alerts, probability_below
from headway_prediction.service.live.published import AlertKind, LineState, TrainPath

TODAY, T0 = date(2026, 1, 13), 510
TYPICAL = np.full((4, 2), 8.0)


def a_state(*trains: TrainPath) -> LineState:
    past = np.full((60, 4, 2), np.nan)
    return LineState(
        TODAY, T0, np.arange(451, 511), past, past, past > 0, np.tile(TYPICAL, (120, 1, 1)), trains
    )


def a_forecast(headways: dict[tuple[int, int], float], width=1.0) -> Forecast:
    """The typical headway everywhere but at some (station, direction); the interval is `width` wide on each side."""
    middle = np.full((1, 15, 4, 2), 8.0)
    for place, headway in headways.items():
        middle[0, :, *place] = headway
    return Forecast(TODAY, np.array([T0]), middle, {0.1: middle - width, 0.5: middle, 0.9: middle + width})


def a_train(name, *stops, direction=0):
    return TrainPath(name, direction, (), tuple(stops))


def test_typical_headways_give_no_alert():
    assert find_alerts(a_forecast({}), a_state(a_train("t1", (0, 512.0), (1, 514.0)))) == ()


def test_a_bunched_train_is_one_alert_at_the_first_of_its_stations():
    bunched = a_forecast({(0, 0): 3.0, (1, 0): 2.5, (2, 0): 2.0})
    (alert,) = find_alerts(bunched, a_state(a_train("t1", (0, 512.2), (1, 514.0), (2, 516.0), (3, 518.0))))
    assert (alert.kind, alert.train, alert.station, alert.minute) == (AlertKind.BUNCHED, "t1", 0, 512.2)
    assert (alert.headway_mins, alert.typical_mins) == (3.0, 8.0) and alert.probability == 0.9


def test_the_headway_of_a_train_close_behind_is_not_taken_for_that_of_the_train_before():
    """The headway held at 514.0 is the second train's by then; nothing is known of the first one's."""
    bunched, first = a_forecast({(0, 0): 2.0}), a_train("first", (0, 512.2))
    for behind, alerted in ((513.9, ["second"]), (514.0, ["first", "second"])):
        alerts = find_alerts(bunched, a_state(first, a_train("second", (0, behind))))
        assert [alert.train for alert in alerts] == alerted
    elsewhere = a_train("second", (1, 513.0)), a_train("third", (0, 513.0), direction=1)
    assert [alert.train for alert in find_alerts(bunched, a_state(first, *elsewhere))] == ["first"]


def test_a_gap_that_closes_and_opens_again_is_two_alerts():
    again = a_forecast({(0, 0): 14.0, (2, 0): 14.0})
    alerts = find_alerts(again, a_state(a_train("t1", (0, 512.0), (1, 514.0), (2, 516.0))))
    assert [(alert.kind, alert.station) for alert in alerts] == [(AlertKind.GAP, 0), (AlertKind.GAP, 2)]


def test_the_most_urgent_come_first():
    state = a_state(
        a_train("late", (0, 522.0)),
        a_train("soon", (1, 512.0)),
        a_train("sure", (2, 512.0)),
        a_train("up", (3, 517.0), direction=1),
    )
    forecast = a_forecast({(0, 0): 2.0, (1, 0): 3.7, (2, 0): 1.0, (3, 1): 2.0})
    # 1, halved for a minute; 1, for six; 0.62, for one; 1, for eleven
    assert [alert.train for alert in find_alerts(forecast, state)] == ["sure", "up", "soon", "late"]


@pytest.mark.parametrize("minute", [525.0, 540.0])
def test_passings_beyond_the_forecast_give_no_alert(minute):
    assert find_alerts(a_forecast({(0, 0): 2.0}), a_state(a_train("t1", (0, minute)))) == ()


def test_without_a_typical_headway_there_is_no_alert():
    state = replace(a_state(a_train("t1", (0, 512.0))), typical_around=np.full((120, 4, 2), np.nan))
    assert find_alerts(a_forecast({(0, 0): 2.0}), state) == ()


def test_a_probability_under_one_half_gives_no_alert():
    assert find_alerts(a_forecast({(0, 0): 4.1}), a_state(a_train("t1", (0, 512.0)))) == ()


def test_the_probability_below_a_quantile_is_its_level_and_is_linear_between_two():
    quantiles = {0.1: 4.0, 0.5: 6.0, 0.9: 10.0}
    shares = [probability_below(quantiles, value) for value in (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)]
    np.testing.assert_allclose(shares, [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    assert probability_below({0.1: 5.0, 0.5: 5.0, 0.9: 5.0}, 5.1) == 1.0
    assert probability_below({0.1: 5.0, 0.5: 5.0, 0.9: 5.0}, 5.0) == 0.0
    assert probability_below({0.5: 5.0}, 6.0) == 1.0


@given(st.lists(st.floats(0, 30), min_size=3, max_size=3), st.floats(0, 30), st.floats(0, 30))
def test_the_probability_below_never_decreases(values, one, other):
    quantiles = dict(zip((0.1, 0.5, 0.9), sorted(values), strict=True))
    lower, upper = (probability_below(quantiles, value) for value in sorted((one, other)))
    assert 0 <= lower <= upper <= 1
