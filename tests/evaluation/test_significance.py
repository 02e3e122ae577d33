import numpy as np
import pytest

from headway_prediction.evaluation.compare import bootstrap_over_days

CELLS = np.full(20, 1000)


def test_the_estimate_is_the_difference_of_the_pooled_errors():
    # 30 of 10 cells and 30 of 30 cells: 60/40 against 20/40.
    found = bootstrap_over_days(np.array([30.0, 30]), np.array([10.0, 10]), np.array([10, 30]))
    assert found.estimate == pytest.approx(1.0)
    # The draws are twice the first day (2), one of each (1), or twice the second (2/3).
    assert (found.low, found.high) == pytest.approx((2 / 3, 2))


def test_roots_are_taken_of_the_pooled_squares_of_each_draw():
    # Squares of 1 and 9 against 4 and 4: of both days the roots are sqrt(5) and 2, of one day drawn twice 1 - 2 and 3 - 2.
    found = bootstrap_over_days(
        np.array([10.0, 90]), np.array([40.0, 40]), np.array([10, 10]), metric=np.sqrt
    )
    assert found.estimate == pytest.approx(np.sqrt(5) - 2)
    assert (found.low, found.high) == pytest.approx((-1, 1))


def test_a_method_is_no_better_than_itself():
    errors = np.random.default_rng(0).uniform(500, 1500, 20)
    found = bootstrap_over_days(errors, errors, CELLS)
    assert (found.estimate, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert not found.is_clear


def test_better_on_every_day_is_clear():
    errors = np.random.default_rng(1).uniform(500, 1500, 20)
    found = bootstrap_over_days(errors, errors + 100, CELLS)
    assert found.low == pytest.approx(-0.1) and found.high == pytest.approx(-0.1)
    assert found.p_value < 0.001
    assert found.is_clear


def test_swapping_the_methods_mirrors_the_answer():
    random = np.random.default_rng(2)
    a, b = random.uniform(500, 1500, (2, 20))
    there, back = bootstrap_over_days(a, b, CELLS, seed=5), bootstrap_over_days(b, a, CELLS, seed=5)
    assert (there.estimate, there.low, there.high) == pytest.approx((-back.estimate, -back.high, -back.low))
    assert there.p_value == back.p_value


def test_one_bad_day_in_many_is_chance():
    gaps = np.zeros(20)
    gaps[3] = 5000
    found = bootstrap_over_days(gaps, np.zeros(20), CELLS)
    assert found.low == 0
    assert not found.is_clear


def test_the_interval_is_about_as_wide_as_the_normal_one():
    gaps = np.random.default_rng(3).normal(100, 200, 200)
    found = bootstrap_over_days(gaps, np.zeros(200), np.full(200, 1000))
    assert (found.high - found.low) == pytest.approx(2 * 1.96 * gaps.std() / 1000 / np.sqrt(200), rel=0.05)


@pytest.mark.parametrize(("days", "p_value"), [(2, 1 / 2), (3, 1 / 4), (6, 1 / 32)])
def test_few_days_that_agree_prove_no_more_than_as_many_tossed_coins(days, p_value):
    found = bootstrap_over_days(np.full(days, 10.0), np.full(days, 30.0), np.full(days, 10))
    assert (found.estimate, found.low, found.high) == (-2, -2, -2)
    assert found.p_value == p_value


def test_a_single_day_tells_nothing_of_the_next():
    found = bootstrap_over_days(np.array([10.0]), np.array([30.0]), np.array([10]))
    assert found.estimate == -2
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert not found.is_clear


def test_the_seed_decides():
    a, b = np.random.default_rng(4).uniform(500, 1500, (2, 20))
    assert bootstrap_over_days(a, b, CELLS, seed=1) == bootstrap_over_days(a, b, CELLS, seed=1)
    assert bootstrap_over_days(a, b, CELLS, seed=1) != bootstrap_over_days(a, b, CELLS, seed=2)
