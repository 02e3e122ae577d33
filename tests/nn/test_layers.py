import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from headway_prediction.nn.layers import StationConvLSTM, run_over_time


def gradients(function, layer, x):
    """Gradients of `function(x)` with respect to the layer's weights, in order, under either backend."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = function(layer(x))
        return [np.asarray(g) for g in tape.gradient(loss, [v.value for v in layer.trainable_variables])]
    import jax

    def loss(values):
        return function(layer.stateless_call(values, [v.value for v in layer.non_trainable_variables], x)[0])

    return [np.asarray(g) for g in jax.grad(loss)([v.value for v in layer.trainable_variables])]


def twins(sequences, filters=3, width=3, shape=(2, 5, 4, 2, 3)):
    """Our layer and the stock layer with the same random weights, and an input."""
    stock = keras.layers.ConvLSTM2D(filters, (width, 1), padding="same", return_sequences=sequences)
    ours = StationConvLSTM(filters, width, return_sequences=sequences)
    stock.build(shape)
    ours.build(shape)
    generator = np.random.default_rng(5)
    weights = [generator.normal(0, 0.4, w.shape).astype("float32") for w in stock.get_weights()]
    stock.set_weights(weights)
    ours.set_weights(weights)
    return ours, stock, generator.normal(size=shape).astype("float32")


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_outputs_and_gradients_equal_the_stock_layers(sequences, width):
    ours, stock, x = twins(sequences, width=width)
    np.testing.assert_allclose(ours(x), stock(x), atol=1e-6)

    def loss(outputs):
        return ops.sum(ops.square(outputs) * ops.cast(ops.arange(outputs.shape[-1]) + 1, "float32"))

    for mine, theirs in zip(gradients(loss, ours, x), gradients(loss, stock, x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        assert np.abs(mine).max() > 1e-3


def test_gradients_reach_through_a_layer_to_the_one_before():
    (first, stock_first, x), (second, stock_second, _) = twins(True), twins(False)

    def loss_of(layer):
        return lambda outputs: ops.sum(ops.square(layer(outputs)))

    ours = gradients(loss_of(second), first, x)
    for mine, theirs in zip(ours, gradients(loss_of(stock_second), stock_first, x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        assert np.abs(mine).max() > 1e-3


def test_golden_value_of_one_cell_over_two_minutes():
    layer = StationConvLSTM(1, width=1)
    layer.build((1, 2, 1, 1, 1))
    layer.set_weights([np.full((1, 1, 1, 4), 0.5), np.full((1, 1, 1, 4), 1.0), np.array([0, 1.0, 0, 0])])
    # Minute 1, x = 1: gates in = out = 1/(1+e^-0.5) = 0.622459, fresh = tanh 0.5 = 0.462117, cell = 0.287649,
    # hidden = 0.622459 * tanh(0.287649) = 0.174270.
    # Minute 2, x = 0: gates in = out = 1/(1+e^-0.174270) = 0.543458, keep = 1/(1+e^-1.174270) = 0.763920,
    # fresh = tanh 0.174270 = 0.172528, cell = 0.219741 + 0.093762 = 0.313503, hidden = 0.543458 * tanh(0.313503).
    output = layer(np.array([1.0, 0.0], dtype="float32").reshape(1, 2, 1, 1, 1))
    np.testing.assert_allclose(np.asarray(output).item(), 0.165007, atol=2e-5)


@settings(max_examples=10, deadline=None)
@given(direction=st.integers(0, 1), station=st.integers(0, 7), minute=st.integers(0, 4))
def test_directions_never_mix_and_stations_reach_one_further_each_minute(direction, station, minute):
    layer = StationConvLSTM(2, width=3, seed=1)
    x = np.random.default_rng(0).normal(size=(1, 5, 8, 2, 1)).astype("float32")
    changed = x.copy()
    changed[0, minute, station, direction] += 1.0
    difference = np.abs(np.asarray(layer(x)) - np.asarray(layer(changed)))[0].max(axis=-1)
    assert (difference[:, 1 - direction] == 0).all()
    # The input's convolution reaches one station, and each later minute's state one more.
    reach = 1 + (4 - minute)
    beyond = np.abs(np.arange(8) - station) > reach
    assert (difference[beyond, direction] == 0).all()
    assert difference[station, direction] > 0


def test_the_layer_keeps_its_contract(tmp_path):
    layer = StationConvLSTM(3, width=5, return_sequences=True, seed=4, name="encoder")
    assert layer.compute_output_shape((None, 6, 7, 2, 4)) == (None, 6, 7, 2, 3)
    assert StationConvLSTM.from_config(layer.get_config()).get_config() == layer.get_config()
    network = keras.Sequential([keras.Input((6, 7, 2, 4)), layer, StationConvLSTM(2)])
    assert network.output_shape == (None, 7, 2, 2)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    x = np.random.default_rng(0).normal(size=(3, 6, 7, 2, 4)).astype("float32")
    np.testing.assert_array_equal(network(x), loaded(x))


def test_the_same_seed_makes_the_same_weights_and_forget_gates_start_open():
    one, two = StationConvLSTM(3, seed=7), StationConvLSTM(3, seed=7)
    for layer in (one, two):
        layer.build((None, 4, 5, 2, 2))
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.get_weights()[2].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_running_over_time_carries_the_state():
    def step(total, x):
        return total + x, total * x

    last, outputs = run_over_time(step, ops.zeros(()), ops.convert_to_tensor([1.0, 2.0, 3.0]))
    assert float(last) == 6
    np.testing.assert_array_equal(outputs, [0, 2, 9])
