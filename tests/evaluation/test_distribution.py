from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.distribution import draw_moments

LEVELS = (0.1, 0.5, 0.9)


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
