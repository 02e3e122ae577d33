"""The noise of a simulated day: its size, and that no plan and no other day changes it."""

from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.simulate import Scenario
from headway_prediction.simulate.noise import draw_noise

MONDAY = date(2025, 9, 8)


def test_terminal_lateness_has_the_mean_of_the_scenario_and_a_long_tail():
    lateness = draw_noise(Scenario(terminal_lateness_secs=80), 0, MONDAY, 0, 20_000).lateness_secs
    assert lateness.min() >= 0
    assert lateness.mean() == pytest.approx(80, rel=0.05)
    assert np.median(lateness) < 0.6 * lateness.mean()


def test_terminal_lateness_has_a_limit_where_the_scenario_sets_one():
    free, limited = (
        draw_noise(Scenario(terminal_lateness_max_secs=limit), 0, MONDAY, 0, 2000).lateness_secs
        for limit in (None, 120)
    )
    assert free.max() > 120
    np.testing.assert_array_equal(limited, np.minimum(free, 120))


def test_random_running_times_and_dwells_keep_the_planned_mean():
    noise = draw_noise(
        Scenario(running_spread=0.4, train_pace_spread=0.3, dwell_spread=0.8), 0, MONDAY, 0, 5000
    )
    assert noise.running_factor.mean() == pytest.approx(1, rel=0.02)
    assert noise.dwell_factor.mean() == pytest.approx(1, rel=0.02)
    assert noise.dwell_factor.min() > 0


def test_more_trains_do_not_change_the_noise_of_the_first_ones():
    scenario = Scenario(short_turn_share=0.5)
    few, many = (draw_noise(scenario, 5, MONDAY, 1, trains) for trains in (10, 40))
    for name in ("lateness_secs", "running_factor", "dwell_factor", "last_station"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:10])
    assert few.incidents == many.incidents


def test_days_directions_and_seeds_have_different_noise():
    def lateness(seed: int, day: date, direction: int) -> float:
        return draw_noise(Scenario(), seed, day, direction, 1).lateness_secs[0]

    tomorrow = MONDAY + timedelta(days=1)
    draws = [(0, MONDAY, 0), (1, MONDAY, 0), (0, tomorrow, 0), (0, MONDAY, 1)]
    assert len({lateness(*draw) for draw in draws}) == len(draws)
