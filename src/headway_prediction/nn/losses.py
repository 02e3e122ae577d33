"""Losses and scores that look at valid cells only: a NaN in the target is a cell about which nothing is known."""

import keras
from keras import ops

PACKAGE = "headway_prediction"


def masked_errors(truth, forecast):
    """Return `(errors, known)`: forecast - truth with 0 where the truth is NaN, and 1.0 where it is known.

    The truth is replaced before the subtraction, so no NaN enters the gradient.
    """
    forecast = ops.convert_to_tensor(forecast)
    truth = ops.cast(truth, forecast.dtype)
    missing = ops.isnan(truth)
    known = ops.cast(ops.logical_not(missing), forecast.dtype)
    return (forecast - ops.where(missing, ops.zeros_like(truth), truth)) * known, known


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedHuber(keras.losses.Loss):
    """Mean Huber loss over known cells (0 when there are none): a compromise between the median and the mean.

    Errors up to `delta` (in the target's units) count squared, larger ones linearly, divided by `delta` so that the
    far slope is 1: `e^2 / (2 delta)` and `|e| - delta / 2`.
    """

    def __init__(self, delta: float = 0.1, name: str = "masked_huber", **kwargs):
        # The mean is taken over known cells of the whole batch, so there is nothing left to reduce.
        super().__init__(name=name, **{"reduction": "sum", **kwargs})
        self.delta = delta

    def call(self, y_true, y_pred):
        """Return the mean over known cells, a scalar."""
        errors, known = masked_errors(y_true, y_pred)
        size = ops.abs(errors)
        near = ops.minimum(size, self.delta)
        losses = near * (size - 0.5 * near) / self.delta
        return ops.sum(losses) / ops.maximum(ops.sum(known), 1.0)

    def get_config(self):
        """Return what `from_config` needs."""
        return super().get_config() | {"delta": self.delta}


class _MaskedMean(keras.metrics.Metric):
    """Sum of a function of the error over known cells, divided by their number; `scaler` turns it into minutes."""

    def __init__(self, scaler: float = 1.0, name: str | None = None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.scaler = scaler
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add the known cells of a batch; `sample_weight` is not used, the mask says which cells count."""
        errors, known = masked_errors(y_true, y_pred)
        self.total.assign_add(ops.sum(self._measure(errors)))
        self.count.assign_add(ops.sum(known))

    def get_config(self):
        """Return what `from_config` needs."""
        return super().get_config() | {"scaler": self.scaler}

    def _mean(self):
        return self.total / ops.maximum(self.count, 1.0)


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedMAE(_MaskedMean):
    """Mean absolute error over known cells, times `scaler`: minutes when `scaler` is the scaler of the target."""

    def __init__(self, scaler: float = 1.0, name: str = "mae_mins", **kwargs):
        super().__init__(scaler, name, **kwargs)

    def _measure(self, errors):
        return ops.abs(errors)

    def result(self):
        """Return the score so far."""
        return self.scaler * self._mean()


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedRMSE(_MaskedMean):
    """Root of the mean squared error over known cells, times `scaler`."""

    def __init__(self, scaler: float = 1.0, name: str = "rmse_mins", **kwargs):
        super().__init__(scaler, name, **kwargs)

    def _measure(self, errors):
        return ops.square(errors)

    def result(self):
        """Return the score so far."""
        return self.scaler * ops.sqrt(self._mean())
