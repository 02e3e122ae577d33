"""The network with the prior: its forecasts before training, their bounds, and the contract of every network."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.config import AppConfig
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.prior_channels import (
    CHANNELS_WIDTH,
    FAR_MINS,
    NEXT_TRAINS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
    prior_width,
)

CONFIG = AppConfig(
    lookback_mins=6,
    forecast_mins=4,
    encoder_filters=(4, 5),
    encoder_step_mins=3,
    schedule_units=3,
    decoder_filters=6,
    head_units=5,
    seed=2,
)
SHAPE_H, SHAPE_S = (6, 7, 2, 4), (4, 2, 3)
ARRIVES_IN, HEADWAY, HAS_HEADWAY, COMES = map(
    TRAIN_CHANNELS.index, ("arrives_in", "headway", "has_headway", "arrival_probability")
)
WIDTH = prior_width(CONFIG.forecast_mins)
TYPICAL = TRAINS_WIDTH + 2


def network(config=CONFIG, spread=0.3, shape_h=SHAPE_H):
    """A network; weights moved by normal noise of `spread`, so that every part shows in the output (0: untrained)."""
    model = ProbabilisticSTConvNet(config, shape_h, SHAPE_S)
    noise = np.random.default_rng(0)
    if spread:
        model.set_weights([w + noise.normal(0, spread, w.shape) for w in model.get_weights()])
    return model


def prior_of(trains, typical, forecasts, shape=(1, 1, 2)):
    """A prior: `trains` are (arrives_in, headway), at most NEXT_TRAINS, and sure to come; `forecasts` of each simple
    method one headway for all leads; the same in every cell."""
    prior = np.zeros((*shape, WIDTH), "float32")
    by_train = prior[..., : NEXT_TRAINS * len(TRAIN_CHANNELS)].reshape(*shape, NEXT_TRAINS, -1)
    by_train[..., ARRIVES_IN] = FAR_MINS
    for index, (arrives_in, headway) in enumerate(trains):
        by_train[..., index, [ARRIVES_IN, HEADWAY, HAS_HEADWAY, COMES]] = arrives_in, headway, 1, 1
    prior[..., : by_train[0, 0, 0].size] = by_train.reshape(*shape, -1)
    prior[..., TYPICAL] = typical
    prior[..., CHANNELS_WIDTH:] = np.repeat(forecasts, CONFIG.forecast_mins)
    return prior


def history_of(held, shape=(1, 1, 2)):
    """Six minutes in which every cell holds `held` minutes; None: none is known."""
    batch, *cells = shape
    history = np.zeros((batch, 6, *cells, 4), "float32")
    history[..., 0], history[..., 3] = (0, 0) if held is None else (held / CONFIG.scaler, 1)
    return history


def inputs(batch=3, stations=7, seed=1):
    """Inputs in the ranges of real ones: arrivals in order, some headways unknown, some cells empty."""
    generator = np.random.default_rng(seed)
    cells = batch, stations, 2
    headway = generator.uniform(0, 1, (batch, 6, stations, 2, 4))
    headway[..., 3] = generator.random(headway.shape[:-1]) < 0.8
    trains = generator.uniform(0, 1, (*cells, NEXT_TRAINS, len(TRAIN_CHANNELS)))
    trains[..., ARRIVES_IN] = generator.exponential(3, (*cells, NEXT_TRAINS)).cumsum(axis=-1)
    trains[..., HEADWAY] *= 20
    trains[..., HAS_HEADWAY] = trains[..., HAS_HEADWAY] < 0.8
    platform = generator.uniform(0, 10, (*cells, WIDTH - trains[0, 0, 0].size))
    prior = np.concatenate([trains.reshape(*cells, -1), platform], axis=-1)
    plan = generator.uniform(0, 1, (batch, *SHAPE_S))
    return tuple(part.astype("float32") for part in (headway, plan, prior))


def minutes(model, *given_inputs):
    return CONFIG.scaler * np.asarray(model(given_inputs))


class TestContract:
    def test_the_forecast_is_a_mean_and_quantiles_of_every_cell(self):
        model = network()
        assert model(inputs()).shape == (3, 4, 7, 2, 4)
        shapes = [(None, *SHAPE_H), (None, *SHAPE_S), (None, 7, 2, WIDTH)]
        assert model.compute_output_shape(shapes) == (None, 4, 7, 2, 4)

    def test_directions_never_mix_whichever_input_changes(self):
        model, parts = network(), inputs()
        for changed, direction in itertools.product(range(3), range(2)):
            other = [part.copy() for part in parts]
            other[changed][..., direction, :] = 0.7 - 0.5 * other[changed][..., direction, :]
            difference = np.abs(np.asarray(model(parts)) - np.asarray(model(tuple(other))))
            assert difference[:, :, :, 1 - direction].max() == 0
            assert difference[:, :, :, direction].max(axis=(0, 1, 3)).min() > 0

    def test_both_directions_face_the_way_of_travel(self):
        """Turning a line around (stations and directions) turns the forecast around: the kernels are shared."""
        model, (headway, plan, prior) = network(), inputs()
        turned = model((headway[:, :, ::-1, ::-1], plan[:, :, ::-1], prior[:, ::-1, ::-1]))
        forecast = np.asarray(model((headway, plan, prior)))
        np.testing.assert_allclose(turned, forecast[:, :, ::-1, ::-1], atol=1e-5)

    def test_a_saved_network_loads_with_safe_mode_and_forecasts_the_same(self, tmp_path):
        model = network()
        model.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
        assert isinstance(loaded, ProbabilisticSTConvNet) and loaded.config == CONFIG
        np.testing.assert_array_equal(model(inputs()), loaded(inputs()))

    def test_the_configuration_rebuilds_the_same_network(self):
        model = network(spread=0)
        again = ProbabilisticSTConvNet.from_config(model.get_config())
        assert again.get_config() == model.get_config()
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_another_seed_makes_another_network_in_every_layer(self):
        other = network(dataclasses.replace(CONFIG, seed=3), spread=0)
        for one, another in zip(network(spread=0).weights, other.weights, strict=True):
            same = np.array_equal(one, another)
            assert same == ("bias" in one.path or "decoder_conv_4" in one.path), one.path

    def test_a_network_trained_on_one_line_serves_lines_of_any_length(self):
        model = network(spread=0)
        model.compile(optimizer="sgd", loss=model.objective()[0])
        target = np.random.default_rng(0).random((3, 4, 7, 2, 2), dtype="float32")
        model.fit(inputs(), target, verbose=0)
        free = network(spread=0, shape_h=(6, None, 2, 4))
        free.set_weights(model.get_weights())
        for stations in (1, 4, 11):
            elsewhere = inputs(stations=stations)
            assert model(elsewhere).shape == (3, 4, stations, 2, 4)
            np.testing.assert_array_equal(model(elsewhere), free(elsewhere))

    def test_a_line_of_one_direction_works_too(self):
        model = ProbabilisticSTConvNet(CONFIG, (6, 5, 1, 4), (4, 1, 3))
        headway, plan, prior = (part[..., :1, :] for part in inputs(stations=5))
        assert model((headway, plan, prior)).shape == (3, 4, 5, 1, 4)

    def test_dropout_acts_in_training_alone(self):
        model = network(dataclasses.replace(CONFIG, dropout=0.5))
        np.testing.assert_array_equal(model(inputs()), network()(inputs()))
        assert not np.array_equal(model(inputs(), training=True), model(inputs()))


class TestUntrained:
    """Headway held now: 8 min; the next trains bring 12, 6, 9 and 10 min; the simple methods forecast 20, 5 and 7 min."""

    PRIOR = prior_of([(1.5, 12), (3.0, 6), (30, 9), (40, 10)], typical=7, forecasts=(20, 5, 7))

    @staticmethod
    def untrained():
        """A network whose last layer is zero, so that it forecasts the prior."""
        model = network(spread=0)
        model.output_dense.set_weights([np.zeros_like(w) for w in model.output_dense.get_weights()])
        return model

    def forecast(self, model, held=8):
        return minutes(model, history_of(held), np.zeros((1, *SHAPE_S), "float32"), self.PRIOR)[0, :, 0, 0]

    def test_trains_have_the_weights_of_the_chances_that_they_hold(self):
        """Weights e^-2 for trip propagation, e^-5 for the two other methods, the own forecast, which starts from the 8 min
        that are held, and (as 0.007) trains that hardly hold. A train half a minute away has passed with 1 / (1 + e^5.5),
        one that arrives at the very end of the lead's minute, as the second does at lead 3, with a half.
        """
        little, trip, half_a_minute = np.exp(-5), np.exp(-2), 1 / (1 + np.exp(5.5))
        around = [
            {8: 1 - half_a_minute, 12: 0.007},
            {8: 0.007, 12: 1 - half_a_minute, 6: 0.007},
            {8: 0.007, 12: 0.5, 6: 0.5},
            {12: 0.007, 6: 1, 9: 0.007},
        ]
        expected = [
            (sum(headway * chance for headway, chance in trains.items()) + little * (5 + 7 + 8) + trip * 20)
            / (sum(trains.values()) + trip + 3 * little)
            for trains in around
        ]
        forecast = self.forecast(self.untrained())
        np.testing.assert_allclose(forecast[:, 0], expected, rtol=1e-3)
        np.testing.assert_allclose(forecast[:, 2], expected, rtol=1e-3)

    def test_the_other_quantiles_lie_ln_2_minutes_around_the_middle_one(self):
        forecast = self.forecast(self.untrained())
        np.testing.assert_allclose(forecast[:, 3] - forecast[:, 2], np.log(2), rtol=1e-4)
        np.testing.assert_allclose(forecast[:, 2] - forecast[:, 1], np.log(2), rtol=1e-4)

    @pytest.mark.parametrize("seed", range(3))
    def test_fresh_weights_move_it_by_less_than_two_minutes(self, seed):
        fresh = self.forecast(network(dataclasses.replace(CONFIG, seed=seed), spread=0))
        np.testing.assert_allclose(fresh, self.forecast(self.untrained()), atol=2)

    def test_where_no_headway_is_held_the_next_train_and_the_simple_methods_count(self):
        """The own forecast starts from the headway held, 0 where there is none: by hand as above."""
        little, trip = np.exp(-5), np.exp(-2)
        expected = (0.007 * 12 + little * (5 + 7) + trip * 20) / (0.007 + trip + 3 * little)
        assert self.forecast(self.untrained(), held=None)[0, 0] == pytest.approx(expected, rel=1e-3)


LEVELS = [(0.1, 0.5, 0.9), (0.05, 0.25, 0.5, 0.75, 0.95), (0.5,), (0.2, 0.4)]
random_weights = st.tuples(st.floats(0, 4), st.integers(0, 10**6))


@pytest.fixture(scope="module")
def by_levels():
    """A network of each set of quantiles."""
    return {levels: network(dataclasses.replace(CONFIG, quantiles=levels)) for levels in LEVELS}


def moved(model, spread, seed):
    """The same network with normal weights of another `spread`."""
    noise = np.random.default_rng(seed)
    model.set_weights([noise.normal(0, spread, w.shape) for w in model.get_weights()])
    return model


@settings(max_examples=25)
@given(levels=st.sampled_from(LEVELS), weights=random_weights, seed=st.integers(0, 10**6))
def test_quantiles_never_cross(by_levels, levels, weights, seed):
    forecast = np.asarray(moved(by_levels[levels], *weights)(inputs(seed=seed)))
    assert np.isfinite(forecast).all() and forecast.shape[-1] == 1 + len(levels)
    assert (np.diff(forecast[..., 1:], axis=-1) >= 0).all()


@settings(max_examples=15)
@given(weights=random_weights, seed=st.integers(0, 10**6))
def test_the_headway_of_a_train_that_has_none_never_counts(by_levels, weights, seed):
    """Beyond 30 min the network's features stay the same, so that only a weight in the choice could tell the two apart."""
    model, (headway, plan, prior) = moved(by_levels[LEVELS[0]], *weights), inputs(seed=seed)
    channels = slice(HEADWAY, NEXT_TRAINS * len(TRAIN_CHANNELS), len(TRAIN_CHANNELS))
    has_headway = prior[..., HAS_HEADWAY : channels.stop : len(TRAIN_CHANNELS)] > 0
    near, far = prior.copy(), prior.copy()
    near[..., channels] = np.where(has_headway, prior[..., channels], 30)
    far[..., channels] = np.where(has_headway, prior[..., channels], 3000)
    np.testing.assert_array_equal(model((headway, plan, near)), model((headway, plan, far)))
    assert not has_headway.all()


def test_minutes_of_one_step_are_folded_into_its_channels():
    history = np.arange(2 * 6 * 3 * 2 * 4, dtype="float32").reshape(2, 6, 3, 2, 4)
    folded = np.asarray(network().network._steps(history))
    assert folded.shape == (2, 2, 3, 2, 12)
    for step in range(2):
        by_hand = [history[:, 3 * step + minute] for minute in range(3)]
        np.testing.assert_array_equal(folded[:, step], np.concatenate(by_hand, axis=-1))


def test_steps_of_one_minute_are_the_minutes_themselves():
    history = inputs()[0]
    minute_by_minute = network(dataclasses.replace(CONFIG, encoder_step_mins=1)).network
    np.testing.assert_array_equal(minute_by_minute._steps(history), history)


def test_every_minute_of_the_history_reaches_the_forecast():
    model, (headway, plan, prior) = network(), inputs()
    for minute in range(6):
        other = headway.copy()
        other[:, minute] = 1 - other[:, minute]
        assert np.abs(minutes(model, headway, plan, prior) - minutes(model, other, plan, prior)).max() > 0
