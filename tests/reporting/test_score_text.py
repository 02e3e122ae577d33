"""Sentences on scores: comparisons, intervals, alerts, weaknesses."""

from dataclasses import replace
from datetime import timedelta
from math import nan

import numpy as np
import pytest

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.compare import Difference, score_methods
from headway_prediction.evaluation.detection import EventCells
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import history_from_log
from headway_prediction.reporting.page import towards
from headway_prediction.reporting.score_text import alerts, comparison, intervals, weaknesses
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.scores import NAMES, scores_of


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (
            Difference(-0.5, -0.75, -0.25, 0.0002),
            "Better than held by 0.50 minutes (25%); the difference is significant.",
        ),
        (
            Difference(0.5, 0.25, 0.75, 0.01),
            "Worse than held by 0.50 minutes (25%); the difference is significant.",
        ),
        (
            Difference(-0.5, -0.75, -0.25, 0.25),
            "Better than held by 0.50 minutes (25%); 3 days are too few to rule out chance.",
        ),
        (Difference(-0.1, -0.3, 0.2, 0.4), "Better than held by 0.10 minutes (5%), but that may be chance."),
        (Difference(0.1, 0.0, 0.2, 0.051), "Worse than held by 0.10 minutes (5%), but that may be chance."),
        (
            Difference(-0.5, nan, nan, nan),
            "Better than held by 0.50 minutes (25%); a single service day cannot show whether that is chance.",
        ),
        (Difference(0.0, -0.1, 0.1, 1.0), "As good as held."),
    ],
    ids=["better", "worse", "few days", "perhaps better", "perhaps worse", "one day", "equal"],
)
def test_a_comparison_as_a_sentence(difference, expected):
    assert comparison("held", difference, other_error=2.0, days=3) == expected


def test_simple_methods_are_explained_and_a_perfect_one_leaves_no_percentage():
    text = comparison("schedule", Difference(0.5, 0.25, 0.75, 0.01), other_error=0.0, days=9)
    assert text == "Worse than schedule (the timetable) by 0.50 minutes; the difference is significant."


def test_intervals_as_a_sentence():
    assert intervals(scores_of(intervals=True), NAMES[1]) == (
        "Its intervals should contain the headway 8 times in 10. On these days, at event cells, their coverage is 80.0%: as "
        "it should be. All other limits are met."
    )
    assert "gives no intervals" in intervals(scores_of(intervals=True), NAMES[0])


def with_events(truth, forecasts):
    events = EventCells(np.ones(len(truth)), np.array(truth), {NAMES[0]: np.array(forecasts)})
    return replace(scores_of(), events=events)


def test_alerts_as_sentences():
    # 40 bunched of 100, 30 of them detected, 10 false alarms; one gapped.
    truth = [0.4] * 40 + [1.0] * 59 + [2.0]
    scores = with_events(truth, [0.4] * 30 + [1.0] * 10 + [0.4] * 10 + [1.0] * 50)
    bunched, gapped = alerts(scores, NAMES[0])
    assert bunched == (
        "Bunched trains (under half the typical headway): an alert in 75% of 40 cases, and 75% of the alerts were right. "
        "Alerts for every train would be right in 40.0%."
    )
    assert gapped.endswith("1 cases are too few to judge.")


def test_a_detector_without_skill_or_without_alerts_is_called_so():
    truth = [0.4] * 40 + [1.0] * 60
    assert "no alert in 40 cases." in alerts(with_events(truth, [1.0] * 100), NAMES[0])[0]
    blind = alerts(with_events(truth, [0.4] * 10 + [1.0] * 50 + [0.4] * 40), NAMES[0])[0]
    assert blind.endswith("That is no better than alerting always or never.")
    assert alerts(scores_of(), NAMES[0]) == [
        "Bunched and gapped trains cannot be judged: the grid has neither earlier days nor a plan to take typical headways "
        "from."
    ]


WEEK = [MONDAY + timedelta(days=k) for k in range(6)]


@pytest.fixture(scope="module")
def history():
    """Six even days; on all but the first no train passes from 500 to 540."""
    rows = [row for row in regular_rows(stations=3, days=WEEK) if row[0] == MONDAY or not 500 <= row[5] < 540]
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def off_by(history, days, cells):
    """Forecasts of `days` with the errors `cells(origins, leads, stations, directions)`, in minutes."""
    forecasts = {}
    for day in days:
        truth = day_truth(history, day, scored_origins(history, day))
        grid = np.meshgrid(truth.origins, np.arange(1, 16), np.arange(3), np.arange(2), indexing="ij")
        forecasts[day] = Forecast.of_points(day, truth.origins, truth.headway + cells(*grid))
    return forecasts


def weaknesses_of(history, days=WEEK[1:], **methods):
    forecasts = {name: off_by(history, days, cells) for name, cells in methods.items()}
    return weaknesses(score_methods(history, days, forecasts), next(iter(methods)))


def test_leads_at_which_another_method_has_a_smaller_error_are_named(history):
    texts = weaknesses_of(
        history,
        net=lambda origin, lead, station, direction: 2.0,
        early=lambda origin, lead, station, direction: np.where(lead <= 3, 1.0, 5.0),
        once=lambda origin, lead, station, direction: np.where(lead == 15, 1.5, 5.0),
        equal=lambda origin, lead, station, direction: 2.0,
    )
    assert texts[0] == (
        "One minute ahead the error is 2.00 minutes, 15 minutes ahead 2.00. early has a smaller error 1 to 3 minutes ahead; "
        "once has a smaller error 15 minutes ahead."
    )


def test_disturbed_periods_are_separated_from_quiet_ones(history):
    texts = weaknesses_of(
        history,
        net=lambda origin, lead, station, direction: np.where((origin >= 510) & (origin < 570), 6.0, 1.0),
        flat=lambda origin, lead, station, direction: 4.0,
    )
    assert texts[1].startswith("In disturbed periods (")
    assert "There flat has a smaller error: 4.00." in texts[1]


def test_the_weakest_hour_and_platform_are_named(history):
    texts = weaknesses_of(
        history,
        net=lambda origin, lead, station, direction: (
            1.0 + 2.0 * ((origin + lead) // 60 == 8) + 1.0 * ((station == 2) & (direction == 1))
        ),
    )
    hour, platform = texts[2:]
    assert hour.startswith("Its weakest hour begins at 08:00 (3.")
    assert platform.startswith(f"Its weakest platform is C Street, {towards(history.line, 1)}: ")
    assert towards(history.line, 1) == "towards A Street"


def test_few_days_call_no_hour_and_no_platform_weak_and_no_other_method_better(history):
    texts = weaknesses_of(
        history,
        WEEK[1:4],
        net=lambda origin, lead, station, direction: np.where((origin >= 510) & (origin < 570), 6.0, 1.0),
        flat=lambda origin, lead, station, direction: 4.0,
    )
    assert "flat" not in texts[1]
    assert texts[2:] == [
        "The days are too few to call an hour or a platform weak: one bad morning would decide."
    ]


def test_without_a_typical_headway_there_is_no_sentence_on_disturbance(history):
    texts = weaknesses_of(history, WEEK, net=lambda origin, lead, station, direction: 1.0)
    assert not [text for text in texts if "disturbed" in text]
