"""Metrics: worked out by hand, identities, and the limits of coverage."""

from math import nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.cell_statistics import day_sums, scored_forecast, total
from headway_prediction.evaluation.metrics import coverage_checks, metrics, summary_metrics
from headway_prediction.forecasters.base import Forecast
from helpers.truths import DAY, LEVELS, random_case, three_cells, truth_of


def by_hand():
    truth = truth_of(
        three_cells([4, 8, 12]), np.isfinite(three_cells([1, 1, 1])), three_cells([1, 0, 1]) == 1
    )
    quantiles = {0.1: three_cells([3, 9, 5]), 0.5: three_cells([6, 8, 12]), 0.9: three_cells([4, 10, 11])}
    return truth, Forecast(DAY, truth.origins, three_cells([5, 8, 9]), quantiles)


BY_HAND = {
    "mae": 2 / 3,  # medians 6, 8, 12 against 4, 8, 12
    "rmse": sqrt(10 / 3),  # means 5, 8, 9: squares 1, 0, 9
    "r2": 1 - 10 / 32,  # squares of 4, 8, 12 around 8: 16 + 0 + 16
    "ev_mae": 1,
    "ev_rmse": sqrt(5),
    "ev_r2": 1 - 10 / 32,
    "sqrt_ev_r2": sqrt(1 - 10 / 32),
    "disp": 2 / 4,  # 5 and 9 around 7 over 4 and 12 around 8
    "mae@5": nan,
    "mae@10": nan,
    "mae@15": 0,
    "rmse@15": 3,
    "ev_mae_late": 0,
    "missing": 0,
    "coverage": 1 / 3,  # [3, 4] holds 4; [9, 10] not 8; [5, 11] not 12
    "ev_coverage": 1 / 2,
    "ev_coverage@1-5": 1,
    "ev_coverage@6-10": nan,
    "ev_coverage@11-15": 0,
    "interval_score": (1 + (1 + 10) + (6 + 10)) / 3,
    "ev_interval_score": (1 + (6 + 10)) / 2,
    "at_or_below_p10": 1 / 3,  # 3, 9, 5 against 4, 8, 12
    "at_or_below_p50": 1,
    "at_or_below_p90": 2 / 3,  # 4, 10, 11
    "ev_at_or_below_p10": 0,
    "ev_at_or_below_p90": 1 / 2,
    "at_or_below_p10@6-10": 1,
    "at_or_below_p10@11-15": 0,
    "ev_at_or_below_p90@1-5": 1,
    "ev_at_or_below_p90@6-10": nan,
    "ev_at_or_below_p90@11-15": 0,
    "pinball_loss": ((0.1 + 0.9 + 0.7) + (1 + 0 + 0) + (0 + 0.2 + 0.9)) / 9,
}


def test_three_cells_worked_out_by_hand():
    found = summary_metrics(day_sums(*by_hand(), LEVELS).by_lead)
    for name, value in BY_HAND.items():
        assert float(found[name]) == pytest.approx(value, nan_ok=True), name


def test_a_point_method_has_no_interval():
    truth, forecast = by_hand()
    found = metrics(
        day_sums(truth, Forecast(DAY, truth.origins, forecast.mean, {}), ()).by_hour.sum("hour", skipna=False)
    )
    # Without a median the mean stands in: 5, 8, 9 against 4, 8, 12.
    assert float(found["mae"]) == pytest.approx((1 + 0 + 3) / 3)
    assert np.isnan(
        [
            float(found[name])
            for name in ("coverage", "ev_coverage", "interval_score", "pinball_loss", "at_or_below_p90")
        ]
    ).all()
    assert float(found["at_or_below_p50"]) == pytest.approx(2 / 3)
    assert float(found["disp_draws"]) == float(found["disp"])


def test_a_missing_forecast_counts_as_ten_minutes():
    truth, _ = by_hand()
    absent = metrics(total(day_sums(truth, None, ()).by_lead, "lead"))
    assert float(absent["mae"]) == pytest.approx((6 + 2 + 2) / 3)
    assert float(absent["rmse"]) == pytest.approx(sqrt((36 + 4 + 4) / 3))
    assert float(absent["missing"]) == 1
    partly = Forecast(DAY, truth.origins, three_cells([4, nan, 12]), {})
    assert float(metrics(total(day_sums(truth, partly, ()).by_lead, "lead"))["mae"]) == pytest.approx(2 / 3)


def test_a_missing_interval_is_the_point_of_ten_minutes():
    truth, _ = by_hand()
    found = metrics(total(day_sums(truth, None, LEVELS).by_lead, "lead"))
    assert float(found["coverage"]) == 0
    assert float(found["interval_score"]) == pytest.approx(10 * (6 + 2 + 2) / 3)


def test_a_perfect_forecast():
    truth, _ = random_case(1)
    perfect = Forecast(DAY, truth.origins, truth.headway, {level: truth.headway for level in LEVELS})
    found = summary_metrics(day_sums(truth, perfect, LEVELS).by_lead)
    assert [
        float(found[name]) for name in ("mae", "rmse", "ev_mae", "mae@5", "interval_score", "pinball_loss")
    ] == [0] * 6
    assert [float(found[name]) for name in ("r2", "ev_r2", "coverage")] == [1, 1, 1]
    assert float(found["disp"]) == pytest.approx(1)


def test_draws_from_the_true_distributions_spread_as_the_truth_does():
    random = np.random.default_rng(0)
    shape = (40, 15, 3, 2)
    middle, spread = random.normal(15, 2, shape), random.uniform(1, 3, shape)
    truth = truth_of(random.normal(middle, spread), origins=range(400, 800, 10))
    quantiles = {level: middle + z * spread for level, z in zip(LEVELS, (-1.2816, 0, 1.2816), strict=True)}
    found = summary_metrics(day_sums(truth, Forecast(DAY, truth.origins, middle, quantiles), LEVELS).by_lead)
    # The mean alone, however right it is, spreads less.
    assert 0.95 < float(found["disp_draws"]) < 1.05
    assert float(found["disp"]) == pytest.approx(float(found["sqrt_ev_r2"]), abs=0.02)
    assert float(found["disp"]) < 0.8
    shares = [float(found[f"ev_at_or_below_{name}"]) for name in ("p10", "p50", "p90")]
    assert shares == pytest.approx(LEVELS, abs=0.02)


def test_the_mean_of_the_truth_explains_nothing():
    truth, _ = random_case(2)
    mean = truth.headway[truth.valid].astype(float).mean()
    found = metrics(
        total(
            day_sums(truth, Forecast(DAY, truth.origins, np.full(truth.valid.shape, mean), {}), ()).by_lead,
            "lead",
        )
    )
    assert float(found["r2"]) == pytest.approx(0, abs=1e-9)
    assert float(found["disp"]) == 0


def test_a_truth_that_never_varies_has_no_r2():
    truth = truth_of(np.full((2, 15, 1, 2), 7.1), origins=(600, 610))
    found = metrics(total(day_sums(truth, None, ()).by_lead, "lead"))
    assert np.isnan(float(found["r2"]))
    assert np.isnan(float(found["disp"]))


@given(st.integers(0, 2**32 - 1))
def test_metrics_are_those_of_numpy_over_the_cells(seed):
    truth, forecast = random_case(seed)
    found = metrics(total(day_sums(truth, forecast, LEVELS).by_lead, "lead"))
    filled = scored_forecast(forecast, truth, LEVELS)
    for prefix, cells in (("", truth.valid), ("ev_", truth.event)):
        actual, mean, median = (
            array[cells].astype(float) for array in (truth.headway, filled.mean, filled.quantiles[0.5])
        )
        assert float(found[f"{prefix}mae"]) == pytest.approx(np.abs(median - actual).mean())
        assert float(found[f"{prefix}rmse"]) == pytest.approx(sqrt(((mean - actual) ** 2).mean()))
        assert float(found[f"{prefix}r2"]) == pytest.approx(1 - ((mean - actual) ** 2).mean() / actual.var())
    assert float(found["disp"]) == pytest.approx(mean.std() / actual.std())


GROUPS = ("ev_coverage@1-5", "ev_coverage@6-10", "ev_coverage@11-15")


def row_of(overall, groups, valid):
    return {"ev_coverage": overall, "coverage": valid} | dict(zip(GROUPS, groups, strict=True))


def test_limits_are_those_of_the_methodology_and_include_their_ends():
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
def test_a_coverage_outside_its_limits_is_too_narrow_or_too_wide(row, verdicts):
    checks = coverage_checks(row)
    assert [check.verdict for check in checks] == verdicts
    assert [check.holds for check in checks] == [verdict == "holds" for verdict in verdicts]


def test_a_method_without_intervals_has_nothing_to_check():
    assert coverage_checks(row_of(nan, (nan, nan, nan), nan)) == []
