import keras
import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.model import STConvNet, facing_travel

CONFIG = AppConfig(
    lookback_mins=6, forecast_mins=4, encoder_filters=(4, 5), schedule_units=3, decoder_filters=6, seed=2
)
SHAPE_H, SHAPE_S = (6, 7, 2, 4), (4, 2, 3)


def network(trained=True, config=CONFIG):
    """A network; `trained` moves the last layer away from zero so that every part shows in the output."""
    model = STConvNet(config, SHAPE_H, SHAPE_S)
    if trained:
        last = model.decoder_conv_4
        kernel, bias = last.get_weights()
        last.set_weights([np.random.default_rng(0).normal(0, 0.3, kernel.shape), bias])
    return model


def inputs(batch=3, stations=7):
    generator = np.random.default_rng(1)
    headway = generator.uniform(0, 1, (batch, 6, stations, 2, 4)).astype("float32")
    return headway, generator.uniform(0, 1, (batch, *SHAPE_S)).astype("float32")


def test_the_forecast_has_the_shape_of_the_target():
    model = network()
    assert model(inputs()).shape == (3, 4, 7, 2, 1)
    assert model.compute_output_shape([(None, *SHAPE_H), (None, *SHAPE_S)]) == (None, 4, 7, 2, 1)


def test_an_untrained_network_holds_the_last_headway():
    headway, schedule = inputs()
    held = np.repeat(headway[:, -1:, ..., :1], 4, axis=1)
    np.testing.assert_array_equal(network(trained=False)((headway, schedule)), held)


@pytest.mark.parametrize("direction", [0, 1])
def test_directions_never_mix(direction):
    model, (headway, schedule) = network(), inputs()
    other_h, other_s = headway.copy(), schedule.copy()
    other_h[:, :, :, direction] = 0.9
    other_s[:, :, direction] = 0.1
    difference = np.abs(np.asarray(model((headway, schedule))) - np.asarray(model((other_h, other_s))))
    assert difference[:, :, :, 1 - direction].max() == 0
    assert difference[:, :, :, direction].min() > 0


def test_both_directions_face_the_way_of_travel():
    """Turning a line around (stations and directions) turns the forecast around: the kernels are shared."""
    model, (headway, schedule) = network(), inputs()
    forecast = np.asarray(model((headway, schedule)))
    turned = np.asarray(model((headway[:, :, ::-1, ::-1], schedule[:, :, ::-1])))
    np.testing.assert_allclose(turned, forecast[:, :, ::-1, ::-1], atol=1e-6)


def test_the_forecast_of_the_last_station_sees_trains_far_upstream():
    model = STConvNet(CONFIG, (6, 30, 2, 4), SHAPE_S)
    model.decoder_conv_4.set_weights([np.ones((1, 1, 6, 4)), np.zeros(4)])
    headway, schedule = inputs(stations=30)
    changed = headway.copy()
    changed[:, :, 14, 0] = 1.0
    difference = np.abs(np.asarray(model((headway, schedule))) - np.asarray(model((changed, schedule))))
    assert difference[:, :, 24, 0].max() > 0


def test_the_plan_reaches_every_station():
    model, (headway, schedule) = network(), inputs()
    difference = np.asarray(model((headway, schedule))) - np.asarray(model((headway, schedule[..., ::-1])))
    assert (np.abs(difference).max(axis=(0, 1, 4)) > 0).all()


def test_facing_travel_turns_odd_directions_and_is_its_own_inverse():
    x = np.arange(12.0).reshape(1, 3, 2, 2)
    turned = np.asarray(facing_travel(x, 1))
    np.testing.assert_array_equal(turned[0, :, 0], x[0, :, 0])
    np.testing.assert_array_equal(turned[0, :, 1], x[0, ::-1, 1])
    np.testing.assert_array_equal(facing_travel(turned, 1), x)


def test_layers_have_the_names_of_the_design():
    names = {layer.name for layer in network().layers}
    assert {"encoder_lstm_1", "encoder_lstm_2", "fusion_dense", "decoder_conv_1"} <= names


def test_a_saved_network_loads_with_safe_mode_and_forecasts_the_same(tmp_path):
    model = network()
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    assert isinstance(loaded, STConvNet) and loaded.config == CONFIG
    np.testing.assert_array_equal(model(inputs()), loaded(inputs()))


def test_the_configuration_rebuilds_the_same_network():
    model = network(trained=False)
    again = STConvNet.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_makes_another_network():
    other = network(trained=False, config=AppConfig(**(CONFIG.to_dict() | {"seed": 3})))
    assert not np.array_equal(other.get_weights()[0], network(trained=False).get_weights()[0])


def test_only_one_direction_and_one_station_work_too():
    model = STConvNet(CONFIG, (6, 1, 1, 2), (4, 1, 2))
    forecast = model((np.zeros((2, 6, 1, 1, 2), "float32"), np.zeros((2, 4, 1, 2), "float32")))
    assert forecast.shape == (2, 4, 1, 1, 1)
