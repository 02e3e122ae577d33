from dataclasses import fields, replace
from datetime import date
from math import nan, sqrt

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.cell_statistics import scored_forecast
from headway_prediction.evaluation.metrics import metrics, summary_metrics
from headway_prediction.evaluation.scores import Sums, day_sums, total
from headway_prediction.evaluation.truth import Truth
from headway_prediction.forecasters.base import Forecast

DAY = date(2025, 9, 29)
LEVELS = (0.1, 0.5, 0.9)


def truth_of(headway, valid=None, event=None, origins=(600,), irregularity=None):
    headway = np.asarray(headway, dtype=np.float32)
    valid = np.ones(headway.shape, bool) if valid is None else valid
    event = valid if event is None else event & valid
    uneven = np.full(len(origins), np.nan) if irregularity is None else np.asarray(irregularity)
    return Truth(DAY, np.array(origins), headway, valid, event, np.full(headway.shape, 8.0), uneven, 30.0)


def three_cells(values):
    """Cells (1, 15, 1, 2) that hold three values at leads 1, 6 and 15 of direction 0, and NaN elsewhere."""
    cells = np.full((1, 15, 1, 2), np.nan)
    cells[0, [0, 5, 14], 0, 0] = values
    return cells


def random_case(seed, origins=4, stations=3):
    random = np.random.default_rng(seed)
    shape = (origins, 15, stations, 2)
    truth = truth_of(
        random.uniform(0, 30, shape),
        random.random(shape) < 0.8,
        random.random(shape) < 0.3,
        np.arange(500, 500 + 10 * origins, 10),
        random.choice([0.2, 0.9, np.nan], origins),
    )
    quantiles = dict(zip(LEVELS, np.sort(random.uniform(0, 30, (3, *shape)), axis=0), strict=True))
    mean = np.where(random.random(shape) < 0.9, random.uniform(0, 30, shape), np.nan)
    return truth, Forecast(DAY, truth.origins, mean, quantiles)


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


def test_forecasts_are_taken_at_the_scored_origins_only():
    truth, forecast = random_case(3)
    chosen = [3, 0, 2]
    scattered = Forecast(
        DAY,
        np.append(truth.origins[chosen], 999),
        np.concatenate([forecast.mean[chosen], forecast.mean[:1]]),
        {0.5: np.concatenate([forecast.quantiles[0.5][chosen], forecast.quantiles[0.5][:1]])},
    )
    found = scored_forecast(scattered, truth, (0.5,))
    np.testing.assert_array_equal(found.quantiles[0.5][chosen], forecast.quantiles[0.5][chosen])
    assert (found.quantiles[0.5][1] == 10).all()
    assert (found.mean[1] == 10).all()


def test_a_mean_without_a_median_stands_for_both_and_the_other_way_round():
    truth, forecast = random_case(4)
    nothing = np.full_like(forecast.mean, np.nan)
    whole = np.nan_to_num(forecast.mean, nan=7.0)
    only_mean = scored_forecast(Forecast(DAY, truth.origins, whole, {0.5: nothing}), truth, (0.5,))
    only_median = scored_forecast(Forecast(DAY, truth.origins, nothing, {0.5: whole}), truth, (0.5,))
    for cells in (only_mean.mean, only_mean.quantiles[0.5], only_median.mean, only_median.quantiles[0.5]):
        np.testing.assert_array_equal(cells, whole)


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


def part_of(truth, forecast, rows):
    names = ("origins", "headway", "valid", "event", "typical", "irregularity")
    part = replace(truth, **{name: getattr(truth, name)[rows] for name in names})
    quantiles = {level: values[rows] for level, values in forecast.quantiles.items()}
    return part, Forecast(DAY, truth.origins[rows], forecast.mean[rows], quantiles)


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_sums_of_disjoint_windows_add_up(seed, cut):
    truth, forecast = random_case(seed, origins=5)
    whole = day_sums(truth, forecast, LEVELS)
    first, second = (
        day_sums(*part_of(truth, forecast, rows), LEVELS) for rows in (slice(None, cut), slice(cut, None))
    )
    for name in (field.name for field in fields(Sums)):
        xr.testing.assert_allclose(getattr(whole, name), getattr(first, name) + getattr(second, name))


@given(st.integers(0, 2**32 - 1))
def test_every_binning_adds_up_to_the_same_whole(seed):
    sums = day_sums(*random_case(seed), LEVELS)
    whole = total(sums.by_lead, "lead")
    xr.testing.assert_allclose(whole, total(sums.by_platform, "station", "direction"))
    xr.testing.assert_allclose(whole, total(sums.by_hour, "hour"))
    xr.testing.assert_allclose(sums.by_lead, total(sums.by_condition, "condition"))


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


def test_hours_are_those_of_the_valid_time_in_the_service_day():
    # From 9:50 leads 1 to 9 are valid in hour 9, leads 10 to 15 in hour 10; minutes past midnight are hours 24, 25, 26.
    truth = truth_of(np.full((2, 15, 2, 2), 5.0), origins=(590, 1500))
    counts = day_sums(truth, None, ()).by_hour.sel(population="valid", statistic="count")
    assert {int(hour): int(counts.sel(hour=hour)) for hour in counts["hour"] if counts.sel(hour=hour)} == {
        9: 9 * 4,
        10: 6 * 4,
        25: 15 * 4,
    }


def test_a_window_belongs_to_the_condition_of_its_origin():
    # From 0.53 on the line is disturbed; where nothing tells, nothing is claimed.
    truth = truth_of(
        np.full((4, 15, 2, 2), 5.0), origins=(600, 610, 620, 630), irregularity=[0.1, 0.53, 0.9, nan]
    )
    forecast = Forecast.of_points(
        DAY, truth.origins, truth.headway + np.array([1, 2, 4, 8])[:, None, None, None]
    )
    sums = day_sums(truth, forecast, (0.5,)).by_condition
    counts = total(sums.sel(population="valid", statistic="count"), "lead")
    assert dict(zip(counts["condition"].values, counts.values, strict=True)) == {
        "quiet": 60, "disturbed": 120, "unknown": 60,
    }  # fmt: skip
    np.testing.assert_allclose(metrics(total(sums, "lead"))["mae"], [1, 3, 8])
