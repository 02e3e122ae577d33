"""One family of losses and scores: golden values by hand, valid cells alone, and round trips through Keras."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from headway_prediction.config import AppConfig, middle_index
from headway_prediction.nn.losses import DistributionLoss, MaskedMAE, MaskedRMSE, PointLoss

NAN = np.nan


def gradient(loss, truth, forecast):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(forecast)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(truth, x)
        return np.asarray(tape.gradient(value, x))
    import jax

    return np.asarray(jax.grad(lambda x: loss(truth, x))(forecast))


def column(*values):
    return np.array(values, dtype=np.float32)[:, None]


class TestPoint:
    TRUTH = column(1.0, NAN, 3.0, NAN, 0.0, 2.0)
    FORECAST = column(1.5, 9.0, 1.0, 9.0, 0.0, 5.0)
    # Errors of the valid cells: 0.5, -2, 0, 3.

    def test_golden_values_over_valid_cells(self):
        # Huber with delta 1: 0.125, 1.5, 0, 2.5.
        assert float(PointLoss(1.0)(self.TRUTH, self.FORECAST)) == pytest.approx(4.125 / 4)
        mae, rmse = MaskedMAE(scaler=30.0), MaskedRMSE(scaler=30.0)
        for metric in (mae, rmse):
            metric.update_state(self.TRUTH, self.FORECAST)
        assert float(mae.result()) == pytest.approx(30 * 5.5 / 4)
        assert float(rmse.result()) == pytest.approx(30 * np.sqrt(13.25 / 4))

    def test_an_event_flag_beside_the_headway_changes_nothing(self):
        flagged = np.concatenate([self.TRUTH, np.ones_like(self.TRUTH)], axis=-1)
        assert float(PointLoss(1.0)(flagged, self.FORECAST)) == pytest.approx(4.125 / 4)

    cells = hnp.arrays(np.float32, (4, 6, 1), elements=st.floats(-5, 5, width=16))
    masks = hnp.arrays(bool, (4, 6, 1))

    @settings(max_examples=30, deadline=None)
    @given(truth=cells, forecast=cells, missing=masks, noise=cells)
    def test_missing_cells_never_count(self, truth, forecast, missing, noise):
        masked = np.where(missing, NAN, truth).astype(np.float32)
        elsewhere = np.where(missing, noise, forecast)
        loss = PointLoss(0.5)
        np.testing.assert_allclose(loss(masked, forecast), loss(masked, elsewhere), rtol=1e-6)
        if not missing.any():
            errors = np.abs(forecast - truth)
            stock = np.where(errors <= 0.5, errors**2, errors - 0.25).mean()
            np.testing.assert_allclose(loss(truth, forecast), stock, rtol=1e-4, atol=1e-6)

    def test_gradients_are_finite_and_zero_in_missing_cells(self):
        found = gradient(PointLoss(1.0), self.TRUTH, self.FORECAST)
        np.testing.assert_allclose(found, column(0.5, 0, -1, 0, 0, 1) / 4)
        assert not gradient(PointLoss(1.0), np.full_like(self.TRUTH, NAN), self.FORECAST).any()

    def test_without_a_valid_cell_loss_and_scores_are_zero(self):
        nothing = np.full_like(self.TRUTH, NAN)
        assert float(PointLoss()(nothing, self.FORECAST)) == 0
        for metric in (MaskedMAE(), MaskedRMSE()):
            metric.update_state(nothing, self.FORECAST)
            assert float(metric.result()) == 0

    @settings(max_examples=20, deadline=None)
    @given(truth=cells, forecast=cells, missing=masks, cut=st.integers(0, 4))
    def test_scores_of_parts_are_the_score_of_the_whole(self, truth, forecast, missing, cut):
        masked = np.where(missing, NAN, truth).astype(np.float32)
        for kind in (MaskedMAE, MaskedRMSE):
            whole, parts = kind(2.0), kind(2.0)
            whole.update_state(masked, forecast)
            for rows in (slice(cut), slice(cut, None)):
                parts.update_state(masked[rows], forecast[rows])
            np.testing.assert_allclose(whole.result(), parts.result(), rtol=1e-5, atol=1e-7)

    def test_scores_start_again_after_a_reset(self):
        metric = MaskedMAE()
        metric.update_state(self.TRUTH, self.FORECAST)
        metric.reset_state()
        metric.update_state(column(1, 1), column(3, 3))
        assert float(metric.result()) == 2

    def test_a_batch_of_any_size_counts_by_its_cells(self):
        truth = np.zeros((3, 15, 4, 2, 1), dtype=np.float32)
        assert float(PointLoss(1.0)(truth, ops.ones_like(truth) * 3)) == pytest.approx(2.5)


# Three cells; truth 5 min, once in a quiet minute, once as a train passes, and once missing.
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


def test_the_weights_are_the_configured_ones():
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
    ("quantiles", "index"), [((0.1, 0.5, 0.9), 1), ((0.5,), 0), ((0.2, 0.4), 1), ((0.05, 0.45, 0.6, 0.9), 1)]
)
def test_the_middle_quantile_is_the_one_nearest_to_the_median(quantiles, index):
    assert middle_index(quantiles) == index


cells = hnp.arrays(np.float32, (6, 4), elements=st.floats(0, 1, width=16))
flags = hnp.arrays(bool, (6, 1))


@settings(max_examples=30)
@given(truth=cells, given_forecast=cells, elsewhere=cells, event=flags, missing=flags)
def test_forecasts_of_missing_cells_never_count(truth, given_forecast, elsewhere, event, missing):
    target = np.concatenate([np.where(missing, NAN, truth[:, :1]), event], axis=-1).astype(np.float32)
    other = np.where(missing, elsewhere, given_forecast)
    np.testing.assert_array_equal(loss()(target, given_forecast), loss()(target, other))


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


def test_gradients_of_all_channels_are_finite_and_zero_in_missing_cells():
    by_hand = np.array([[0.4, -0.05, -1, -0.45], [0.4, -0.25, -1.5, -2.25], [0, 0, 0, 0]])
    # 10 units of the scale to a minute, two valid cells; p10 falls 2 min short: half of -0.1, five times in an event.
    np.testing.assert_allclose(gradient(loss(), TRUTH, forecast(6, 3, 4, 4.5)), by_hand * 10 / 2, rtol=1e-5)
    assert not gradient(loss(), np.where([True, False], NAN, TRUTH), forecast(6, 3, 4, 4.5)).any()


def test_without_a_valid_cell_the_loss_is_zero():
    assert float(loss()(TRUTH[2:], forecast(6, 3, 4, 4.5)[2:])) == 0


def test_scores_look_at_their_own_channel():
    middle, mean = MaskedMAE(10.0, channel=2), MaskedRMSE(10.0, channel=0)
    for metric in (middle, mean):
        metric.update_state(TRUTH, forecast(8, 0, 4, 0))
    assert float(middle.result()) == pytest.approx(1)
    assert float(mean.result()) == pytest.approx(3)


def test_a_configuration_makes_its_loss():
    config = AppConfig(
        quantiles=(0.2, 0.5), scaler=20.0, mean_weight=1, event_weight=2, interval_event_weight=3
    )
    own = DistributionLoss.of(config)
    assert own.quantiles == (0.2, 0.5) and own.scaler == 20.0
    assert (own.mean_weight, own.event_weight, own.interval_event_weight) == (1, 2, 3)


@pytest.mark.parametrize(
    "one",
    [
        PointLoss(0.3),
        loss((0.2, 0.5), mean_weight=3.0),
        MaskedMAE(30.0, channel=2),
        MaskedRMSE(20.0, name="error"),
    ],
)
def test_losses_and_metrics_are_rebuilt_from_their_configuration(one):
    saved = keras.saving.serialize_keras_object(one)
    again = keras.saving.deserialize_keras_object(saved, safe_mode=True)
    assert type(again) is type(one) and again.get_config() == one.get_config()
