from dataclasses import replace
from math import nan

import numpy as np
import pytest

from headway_prediction.evaluation.compare import Difference
from headway_prediction.evaluation.detection import EventCells
from headway_prediction.reporting.summary import alerts, comparison, intervals
from reporting.test_table import NAMES, scores_of


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (
            Difference(-0.5, -0.75, -0.25, 0.0002),
            "Better than held by 0.50 minutes (25%); that is more than chance.",
        ),
        (
            Difference(0.5, 0.25, 0.75, 0.01),
            "Worse than held by 0.50 minutes (25%); that is more than chance.",
        ),
        (
            Difference(-0.5, -0.75, -0.25, 0.25),
            "Better than held by 0.50 minutes (25%); 3 days are too few to rule out chance.",
        ),
        (Difference(-0.1, -0.3, 0.2, 0.4), "Better than held by 0.10 minutes (5%), but that may be chance."),
        (Difference(0.1, 0.0, 0.2, 0.051), "Worse than held by 0.10 minutes (5%), but that may be chance."),
        (
            Difference(-0.5, nan, nan, nan),
            "Better than held by 0.50 minutes (25%); a single service day cannot tell whether that is chance.",
        ),
        (Difference(0.0, -0.1, 0.1, 1.0), "As good as held."),
    ],
    ids=["better", "worse", "few days", "perhaps better", "perhaps worse", "one day", "equal"],
)
def test_a_comparison_in_words(difference, expected):
    assert comparison("held", difference, other_error=2.0, days=3) == expected


def test_simple_methods_are_explained_and_a_perfect_rival_leaves_no_percentage():
    text = comparison("schedule", Difference(0.5, 0.25, 0.75, 0.01), other_error=0.0, days=9)
    assert text == "Worse than schedule (the timetable) by 0.50 minutes; that is more than chance."


def test_intervals_in_words():
    assert intervals(scores_of(intervals=True), NAMES[1]) == (
        "It gives intervals that should hold the headway 8 times in 10. On these days, where trains passed, they did in "
        "80.0%: as promised. Their other limits hold."
    )
    assert "it gives no intervals" in intervals(scores_of(intervals=True), NAMES[0])


def with_events(truth, said):
    events = EventCells(np.ones(len(truth)), np.array(truth), {NAMES[0]: np.array(said)})
    return replace(scores_of(), events=events)


def test_warnings_in_words():
    # 40 bunched of 100, 30 of them seen, 10 false alarms; one gapped.
    truth = [0.4] * 40 + [1.0] * 59 + [2.0]
    scores = with_events(truth, [0.4] * 30 + [1.0] * 10 + [0.4] * 10 + [1.0] * 50)
    bunched, gapped = alerts(scores, NAMES[0])
    assert bunched == (
        "Trains that came bunched (under half the usual headway): it had warned in 75% of 40 cases, and 75% of its warnings "
        "were right. Warning every time would be right in 40.0%."
    )
    assert gapped.endswith("1 cases are too few to judge by.")


def test_a_detector_that_knows_nothing_or_says_nothing_is_called_so():
    truth = [0.4] * 40 + [1.0] * 60
    assert "it never warned of one, in 40 cases." in alerts(with_events(truth, [1.0] * 100), NAMES[0])[0]
    blind = alerts(with_events(truth, [0.4] * 10 + [1.0] * 50 + [0.4] * 40), NAMES[0])[0]
    assert blind.endswith("It tells no more than warning always or never.")
    assert alerts(scores_of(), NAMES[0]) == [
        "Bunched and gapped trains cannot be told: the grid has no earlier days and no plan to say what is usual."
    ]
