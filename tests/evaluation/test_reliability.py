from math import nan

import pytest

from headway_prediction.evaluation.reliability import coverage_checks

GROUPS = ("ev_coverage@1-5", "ev_coverage@6-10", "ev_coverage@11-15")


def row_of(overall, groups, valid):
    return {"ev_coverage": overall, "coverage": valid} | dict(zip(GROUPS, groups, strict=True))


def test_limits_are_the_protocols_and_include_their_ends():
    checks = coverage_checks(row_of(0.78, (0.75, 0.85, 0.80), 0.80))
    assert [check.cells for check in checks] == [
        "event cells", "event cells, leads 1-5", "event cells, leads 6-10", "event cells, leads 11-15",
        "all valid cells",
    ]  # fmt: skip
    assert all(check.holds and check.verdict == "holds" for check in checks)
    assert coverage_checks(row_of(0.82, (0.8, 0.8, 0.8), 1.0))[0].holds


@pytest.mark.parametrize(
    ("row", "verdicts"),
    [
        (
            row_of(0.77, (0.74, 0.80, 0.86), 0.79),
            ["too narrow", "too narrow", "holds", "too wide", "too narrow"],
        ),
        (row_of(0.83, (0.80, 0.80, 0.80), 0.99), ["too wide", "holds", "holds", "holds", "holds"]),
        (row_of(0.80, (nan, 0.80, 0.80), 0.80), ["holds", "unknown", "holds", "holds", "holds"]),
    ],
)
def test_a_coverage_beyond_its_limits_says_what_is_wrong(row, verdicts):
    checks = coverage_checks(row)
    assert [check.verdict for check in checks] == verdicts
    assert [check.holds for check in checks] == [verdict == "holds" for verdict in verdicts]


def test_a_method_without_intervals_has_nothing_to_check():
    assert coverage_checks(row_of(nan, (nan, nan, nan), nan)) == []
