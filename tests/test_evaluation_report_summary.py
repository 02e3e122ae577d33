from math import nan

import pytest

from headway_prediction.evaluation.report_summary import comparison
from headway_prediction.evaluation.significance import Difference


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (
            Difference(-0.5, -0.75, -0.25, 0.0002),
            "net is better than held by 0.500 minutes (25.0%); 95 % interval 0.250 to 0.750 minutes, p < 0.001.",
        ),
        (
            Difference(0.5, 0.25, 0.75, 0.01),
            "net is worse than held by 0.500 minutes (25.0%); 95 % interval 0.250 to 0.750 minutes, p = 0.010.",
        ),
        (
            Difference(-0.5, -0.75, -0.25, 0.25),
            "net is better than held by 0.500 minutes (25.0%); 95 % interval 0.250 to 0.750 minutes, p = 0.250; the days "
            "are too few to rule out chance.",
        ),
        (
            Difference(-0.1, -0.3, 0.2, 0.4),
            "net is better than held by 0.100 minutes (5.0%), but that may be chance: the 95 % interval runs from 0.300 "
            "minutes better to 0.200 minutes worse, p = 0.400.",
        ),
        (
            Difference(0.1, 0.0, 0.2, 0.051),
            "net is worse than held by 0.100 minutes (5.0%), but that may be chance: the 95 % interval runs from 0.000 "
            "minutes better to 0.200 minutes worse, p = 0.051.",
        ),
        (
            Difference(-0.5, nan, nan, nan),
            "net is better than held by 0.500 minutes (25.0%); a single service day cannot tell whether that is chance.",
        ),
        (
            Difference(0.0, -0.1, 0.1, 1.0),
            "net is as good as held: the mean absolute errors are equal.",
        ),
    ],
    ids=["better", "worse", "few days", "perhaps better", "perhaps worse", "one day", "equal"],
)
def test_a_comparison_in_words(difference, expected):
    assert comparison("net", "held", difference, other_error=2.0) == expected


def test_a_perfect_rival_leaves_no_percentage():
    text = comparison("net", "oracle", Difference(0.5, 0.25, 0.75, 0.01), other_error=0.0)
    assert (
        text == "net is worse than oracle by 0.500 minutes; 95 % interval 0.250 to 0.750 minutes, p = 0.010."
    )
