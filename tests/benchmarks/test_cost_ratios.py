"""Ratios of costs measured within one run, so that they hold on any machine: no absolute time is asserted."""

import keras
import pytest

from helpers.benchmark_modules import load_benchmark

TRIES = 3
MAX_EXPONENT = 1.15
"""Linear is 1, which the sizes reach but for a fixed cost of each call; the margin is for other load of the machine."""
MIN_RATIO = 0.9
MAX_ONNX_RATIO = 0.8


@pytest.fixture(scope="module")
def scaling():
    return load_benchmark("scaling")


def is_linear(scaling, works):
    """Whether one of a few tries gives a low exponent: other load of the machine disturbs some."""
    return any(scaling.exponent(scaling.fastest(works, repeats=3)) < MAX_EXPONENT for _ in range(TRIES))


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX takes a minute to compile each size")
@pytest.mark.parametrize("axis", ["stations", "batch"])
def test_a_training_step_is_linear(scaling, axis):
    works = scaling.by_stations() if axis == "stations" else scaling.by_batch()
    assert is_linear(scaling, works)


def test_the_grid_is_linear_in_days(scaling, tmp_path):
    assert is_linear(scaling, scaling.by_days(tmp_path))


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="ONNX is compared with TensorFlow")
def test_onnx_runtime_is_no_slower_than_the_training_framework():
    forecast_time = load_benchmark("forecast_time")
    assert any(forecast_time.measure_network(25) < MAX_ONNX_RATIO for _ in range(2))


def test_an_exponent_is_the_slope_of_the_logarithms(scaling):
    assert scaling.exponent([3.0, 12.0, 48.0]) == pytest.approx(2)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX takes a minute to compile each network")
def test_the_recurrent_layer_is_no_slower_than_the_stock_one():
    throughput = load_benchmark("training_throughput")
    ratios = (throughput.measure(pairs=3, stations=16, batch_size=8)["ratio"] for _ in range(2))
    assert any(ratio > MIN_RATIO for ratio in ratios)
