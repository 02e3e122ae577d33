import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headway_prediction.config import AppConfig
from headway_prediction.nn.distribution_loss import DistributionLoss, MeanRMSE, MiddleMAE
from headway_prediction.nn.quantiles import middle_index

NAN = np.nan
# Three cells; truth 5 min, once in a quiet minute, once as a train passes, and once unknown.
TRUTH = np.array([[0.5, 0.0], [0.5, 1.0], [NAN, 1.0]], dtype=np.float32)


def forecast(*minutes):
    """The same forecast in every cell: mean, then quantiles, in minutes; the scale is 10."""
    return np.tile(np.array(minutes, dtype=np.float32) / 10, (3, 1))


def loss(quantiles=(0.1, 0.5, 0.9), **weights):
    return DistributionLoss(quantiles, scaler=10.0, **weights)


def test_golden_value_of_mean_and_three_quantiles():
    # Mean 6: 0.2 · 1². Median 4: 2 · 0.5 · 1. p10 3: 0.1 · 2; p90 4.5: 0.9 · 0.5; half of each.
    quiet = 0.2 + 1 + (0.2 + 0.45) / 2
    event = 0.2 + 1.5 * 1 + 5 * (0.2 + 0.45) / 2
    assert float(loss()(TRUTH, forecast(6, 3, 4, 4.5))) == pytest.approx((quiet + event) / 2)


def test_the_weights_are_those_that_are_asked_for():
    weights = {"mean_weight": 1, "event_weight": 2, "interval_event_weight": 0}
    quiet = 1 + 1 + (0.2 + 0.45) / 2
    event = 1 + 3 * 1 + (0.2 + 0.45) / 2
    assert float(loss(**weights)(TRUTH, forecast(6, 3, 4, 4.5))) == pytest.approx((quiet + event) / 2)


def test_golden_value_of_five_quantiles():
    # Shortfalls 3, 2, 0, -1, -2 with levels .05, .25, .5, .75, .95: .15, .5, 0, .25, .1; a quarter of each but the middle.
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    value = loss(levels, interval_event_weight=0)(TRUTH, forecast(5, 2, 3, 5, 6, 7))
    assert float(value) == pytest.approx((0.15 + 0.5 + 0.25 + 0.1) / 4)


def test_a_single_quantile_counts_as_the_absolute_error_of_a_median():
    assert float(loss((0.5,), event_weight=0)(TRUTH, forecast(5, 8))) == pytest.approx(3)


@pytest.mark.parametrize(
    ("quantiles", "place"), [((0.1, 0.5, 0.9), 1), ((0.5,), 0), ((0.2, 0.4), 1), ((0.05, 0.45, 0.6, 0.9), 1)]
)
def test_the_middle_quantile_is_the_one_nearest_to_the_median(quantiles, place):
    assert middle_index(quantiles) == place


cells = hnp.arrays(np.float32, (6, 4), elements=st.floats(0, 1, width=16))
flags = hnp.arrays(bool, (6, 1))


@settings(max_examples=30)
@given(truth=cells, said=cells, elsewhere=cells, event=flags, missing=flags)
def test_what_is_said_of_unknown_cells_never_counts(truth, said, elsewhere, event, missing):
    target = np.concatenate([np.where(missing, NAN, truth[:, :1]), event], axis=-1).astype(np.float32)
    other = np.where(missing, elsewhere, said)
    np.testing.assert_array_equal(loss()(target, said), loss()(target, other))


@settings(max_examples=30)
@given(truth=hnp.arrays(np.float32, 21, elements=st.floats(0, 1, width=16)), other=st.floats(0, 1, width=16))
def test_no_constant_is_better_than_the_mean_and_the_quantiles_of_the_truth(truth, other):
    target = np.stack([truth, np.zeros_like(truth)], axis=-1)
    ordered = np.sort(truth)
    best = np.array([truth.mean(), ordered[2], ordered[10], ordered[18]], dtype=np.float32)
    least = float(loss()(target, np.tile(best, (21, 1))))
    for channel in range(4):
        changed = best.copy()
        changed[channel] = other
        assert least <= float(loss()(target, np.tile(changed, (21, 1)))) + 1e-5


def gradient(truth, said):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(said)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss()(truth, x)
        return np.asarray(tape.gradient(value, x))
    import jax

    return np.asarray(jax.grad(lambda x: loss()(truth, x))(said))


def test_gradients_are_finite_and_zero_where_nothing_is_known():
    by_hand = np.array([[0.4, -0.05, -1, -0.45], [0.4, -0.25, -1.5, -2.25], [0, 0, 0, 0]])
    # 10 units of the scale to a minute, two known cells; p10 falls 2 min short: half of -0.1, five times in an event.
    np.testing.assert_allclose(gradient(TRUTH, forecast(6, 3, 4, 4.5)), by_hand * 10 / 2, rtol=1e-5)
    assert not gradient(np.where([True, False], NAN, TRUTH), forecast(6, 3, 4, 4.5)).any()


def test_without_any_known_cell_the_loss_is_zero():
    assert float(loss()(TRUTH[2:], forecast(6, 3, 4, 4.5)[2:])) == 0


def test_scores_look_at_their_own_channel():
    middle, mean = MiddleMAE(10.0, channel=2), MeanRMSE(10.0, channel=0)
    for metric in (middle, mean):
        metric.update_state(TRUTH, forecast(8, 0, 4, 0))
    assert float(middle.result()) == pytest.approx(1)
    assert float(mean.result()) == pytest.approx(3)


def test_a_configuration_says_what_the_loss_is():
    config = AppConfig(
        quantiles=(0.2, 0.5), scaler=20.0, mean_weight=1, event_weight=2, interval_event_weight=3
    )
    own = DistributionLoss.of(config)
    assert own.quantiles == (0.2, 0.5) and own.scaler == 20.0
    assert (own.mean_weight, own.event_weight, own.interval_event_weight) == (1, 2, 3)


@pytest.mark.parametrize(
    "one", [loss((0.2, 0.5), mean_weight=3.0), MiddleMAE(30.0, channel=2), MeanRMSE(20.0, name="error")]
)
def test_losses_and_metrics_are_rebuilt_from_their_configuration(one):
    saved = keras.saving.serialize_keras_object(one)
    again = keras.saving.deserialize_keras_object(saved, safe_mode=True)
    assert type(again) is type(one) and again.get_config() == one.get_config()
