import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from headway_prediction.nn.losses import MaskedHuber, MaskedMAE, MaskedRMSE

NAN = np.nan
TRUTH = np.array([[1.0, NAN, 3.0], [NAN, 0.0, 2.0]], dtype=np.float32)
FORECAST = np.array([[1.5, 9.0, 1.0], [9.0, 0.0, 5.0]], dtype=np.float32)
# Errors of the known cells: 0.5, -2, 0, 3.


def test_golden_values_over_known_cells():
    # Huber with delta 1: 0.125, 1.5, 0, 2.5.
    assert float(MaskedHuber(1.0)(TRUTH, FORECAST)) == pytest.approx(4.125 / 4)
    mae, rmse = MaskedMAE(scaler=30.0), MaskedRMSE(scaler=30.0)
    for metric in (mae, rmse):
        metric.update_state(TRUTH, FORECAST)
    assert float(mae.result()) == pytest.approx(30 * 5.5 / 4)
    assert float(rmse.result()) == pytest.approx(30 * np.sqrt(13.25 / 4))


cells = hnp.arrays(np.float32, (4, 6), elements=st.floats(-5, 5, width=16))
masks = hnp.arrays(bool, (4, 6))


@settings(max_examples=30, deadline=None)
@given(truth=cells, forecast=cells, missing=masks, noise=cells)
def test_missing_cells_never_count(truth, forecast, missing, noise):
    masked = np.where(missing, NAN, truth).astype(np.float32)
    elsewhere = np.where(missing, noise, forecast)
    loss = MaskedHuber(0.5)
    np.testing.assert_allclose(loss(masked, forecast), loss(masked, elsewhere), rtol=1e-6)
    if not missing.any():
        errors = np.abs(forecast - truth)
        stock = np.where(errors <= 0.5, errors**2, errors - 0.25).mean()
        np.testing.assert_allclose(loss(truth, forecast), stock, rtol=1e-4, atol=1e-6)


def gradient(truth, forecast):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(forecast)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = MaskedHuber(1.0)(truth, x)
        return np.asarray(tape.gradient(loss, x))
    import jax

    return np.asarray(jax.grad(lambda x: MaskedHuber(1.0)(truth, x))(forecast))


def test_gradients_are_finite_and_zero_where_nothing_is_known():
    np.testing.assert_allclose(gradient(TRUTH, FORECAST), np.array([[0.5, 0, -1], [0, 0, 1]]) / 4)
    assert not gradient(np.full_like(TRUTH, NAN), FORECAST).any()


def test_without_any_known_cell_loss_and_scores_are_zero():
    nothing = np.full_like(TRUTH, NAN)
    assert float(MaskedHuber()(nothing, FORECAST)) == 0
    for metric in (MaskedMAE(), MaskedRMSE()):
        metric.update_state(nothing, FORECAST)
        assert float(metric.result()) == 0


@settings(max_examples=20, deadline=None)
@given(truth=cells, forecast=cells, missing=masks, cut=st.integers(0, 4))
def test_scores_of_parts_are_the_score_of_the_whole(truth, forecast, missing, cut):
    masked = np.where(missing, NAN, truth).astype(np.float32)
    for kind in (MaskedMAE, MaskedRMSE):
        whole, parts = kind(2.0), kind(2.0)
        whole.update_state(masked, forecast)
        for rows in (slice(cut), slice(cut, None)):
            parts.update_state(masked[rows], forecast[rows])
        np.testing.assert_allclose(whole.result(), parts.result(), rtol=1e-5, atol=1e-7)


def test_scores_start_again_after_a_reset():
    metric = MaskedMAE()
    metric.update_state(TRUTH, FORECAST)
    metric.reset_state()
    metric.update_state(np.ones(2, "float32"), np.full(2, 3.0, "float32"))
    assert float(metric.result()) == 2


@pytest.mark.parametrize("one", [MaskedHuber(0.3), MaskedMAE(30.0), MaskedRMSE(30.0, name="error")])
def test_losses_and_metrics_are_rebuilt_from_their_configuration(one):
    saved = keras.saving.serialize_keras_object(one)
    again = keras.saving.deserialize_keras_object(saved, safe_mode=True)
    assert type(again) is type(one) and again.get_config() == one.get_config()


def test_a_batch_of_any_size_counts_by_its_cells():
    truth = np.zeros((3, 15, 4, 2, 1), dtype=np.float32)
    assert float(MaskedHuber(1.0)(truth, ops.ones_like(truth) * 3)) == pytest.approx(2.5)
