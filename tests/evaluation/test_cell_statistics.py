"""Statistics of cells, their additive sums, and the moments of forecast distributions."""

from dataclasses import fields, replace
from math import exp, nan

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.cell_statistics import Sums, day_sums, draw_moments, scored_forecast, total
from headway_prediction.evaluation.metrics import metrics
from headway_prediction.forecasters.base import Forecast
from helpers.truths import DAY, LEVELS, random_case, truth_of


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
    # From 0.53 on the line is disturbed; without an irregularity the condition is unknown.
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


def moments(values, cap_mins=30.0):
    quantiles = {level: np.array([value]) for level, value in zip(LEVELS, values, strict=True)}
    mean, square = draw_moments(quantiles, cap_mins)
    return float(mean[0]), float(square[0])


def test_moments_by_hand():
    # Halves [6, 10] and [10, 18] with 0.4 each; tails of scale 4/4 = 1 below 6 and 8/4 = 2 above 18, bounds far away.
    mean, square = moments((6.0, 10.0, 18.0), cap_mins=1e6)
    lower = (6 - (1 - exp(-6)), 36 - 12 * (1 - exp(-6)) + 2 * (1 - 7 * exp(-6)))
    upper = (18 + 2, 18**2 + 2 * 18 * 2 + 2 * 4)
    assert mean == pytest.approx(0.4 * 8 + 0.4 * 14 + 0.1 * lower[0] + 0.1 * upper[0])
    assert square == pytest.approx(
        0.4 * (36 + 60 + 100) / 3 + 0.4 * (100 + 180 + 324) / 3 + 0.1 * lower[1] + 0.1 * upper[1]
    )


def test_a_point_has_no_spread():
    assert moments((7.0, 7.0, 7.0)) == pytest.approx((7, 49))
    assert moments((0.0, 0.0, 0.0)) == pytest.approx((0, 0), abs=1e-6)
    assert moments((30.0, 30.0, 30.0)) == pytest.approx((30, 900))


def test_what_would_be_over_the_cap_lies_on_it():
    # [26, 28] and [28, 30], and all that is above p90 = 30 at 30; scale 0.5 below 26.
    mean, _ = moments((26.0, 28.0, 30.0))
    assert mean == pytest.approx(0.1 * 25.5 + 0.4 * 27 + 0.4 * 29 + 0.1 * 30)


def test_a_normal_distribution_keeps_its_spread_within_two_percent():
    mean, square = moments((20 - 1.2816, 20.0, 20 + 1.2816), cap_mins=1e6)
    assert mean == pytest.approx(20)
    assert (square - mean**2) ** 0.5 == pytest.approx(1, rel=0.02)


def test_crossing_quantiles_are_sorted():
    assert moments((9.0, 6.0, 12.0)) == moments((6.0, 9.0, 12.0))


def drawn(values, cap_mins, count=200_000):
    """Draws from the same distribution by its inverse, another way than by its moments."""
    low, middle, high = sorted(values)
    share = (np.arange(count) + 0.5) / count
    inside = np.interp(share, LEVELS, (low, middle, high))
    below = low + (middle - low) / 4 * np.log(np.minimum(share, 0.1) / 0.1)
    above = high - (high - middle) / 4 * np.log(np.minimum(1 - share, 0.1) / 0.1)
    draws = np.where(share < 0.1, below, np.where(share > 0.9, above, inside))
    return np.clip(draws, 0, cap_mins)


@given(st.lists(st.floats(0, 30), min_size=3, max_size=3))
def test_moments_are_those_of_draws(values):
    draws = drawn(values, 30.0)
    mean, square = moments(values)
    assert mean == pytest.approx(draws.mean(), abs=1e-3)
    assert square == pytest.approx((draws**2).mean(), abs=0.05)
    assert square >= mean**2 - 1e-9
