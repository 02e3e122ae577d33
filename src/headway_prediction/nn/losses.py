"""The losses and scores of the networks, over valid cells: a NaN in the target is a cell without a headway.

All take a target `(…, 1)` or `(…, 2)`: the scaled headway and, where there is a second channel, 1.0 in event cells. Networks
return a point `(…, 1)` or mean and quantiles `(…, 1 + quantiles)`, scaled as the target.
"""

from typing import Any, Self

import keras
from keras import ops

from headway_prediction.config import AppConfig, middle_index

PACKAGE = "headway_prediction"


def masked_errors(truth: Any, forecast: Any) -> tuple[Any, Any]:
    """Return `(errors, valid)`: forecast - truth with 0 where the truth is NaN, and 1.0 where it is not.

    The truth is replaced before the subtraction, so no NaN enters the gradient.
    """
    forecast = ops.convert_to_tensor(forecast)
    truth = ops.cast(truth, forecast.dtype)
    missing = ops.isnan(truth)
    valid = ops.cast(ops.logical_not(missing), forecast.dtype)
    return (forecast - ops.where(missing, ops.zeros_like(truth), truth)) * valid, valid


class _MaskedLoss(keras.losses.Loss):
    """Mean of `_cell_losses` over the valid cells of a batch, 0 when there are none."""

    def __init__(self, name: str, **kwargs: Any):
        # The mean is taken over the valid cells of the whole batch, so nothing is left to reduce.
        super().__init__(name=name, **{"reduction": "sum", **kwargs})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the mean over valid cells, a scalar."""
        errors, valid = masked_errors(y_true[..., :1], y_pred)  # valid (…, 1)
        losses = self._cell_losses(errors, ops.cast(y_true[..., 1:2], errors.dtype))
        return ops.sum(losses * valid) / ops.maximum(ops.sum(valid), 1.0)

    def _cell_losses(self, errors: Any, event: Any) -> Any:
        """Return the loss of each cell `(…, 1)` from the errors of all forecast channels and the event flag."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package=PACKAGE)
class PointLoss(_MaskedLoss):
    """Huber loss of a point forecast: a compromise between the median and the mean.

    Errors up to `delta` (in the target's units) count squared, larger ones linearly, divided by `delta` so that the
    far slope is 1: `e^2 / (2 delta)` and `|e| - delta / 2`.
    """

    def __init__(self, delta: float = 0.1, name: str = "point", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.delta = delta

    def _cell_losses(self, errors: Any, event: Any) -> Any:
        size = ops.abs(errors)
        near = ops.minimum(size, self.delta)
        return near * (size - 0.5 * near) / self.delta

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config() | {"delta": self.delta}
        return config


@keras.saving.register_keras_serializable(package=PACKAGE)
class DistributionLoss(_MaskedLoss):
    """Squared error of the mean and pinball losses (Koenker & Bassett 1978) of the quantiles.

    Errors count in minutes: `mean_weight` times the square for the mean; for the middle quantile twice the pinball loss,
    that is the absolute error of a median, for the other quantiles together once. Event cells count `1 + event_weight`
    times for the middle quantile and `1 + interval_event_weight` times for the others: most cells still hold a headway that
    was known at the origin, and an interval that fits those alone does not fit the next train.
    """

    def __init__(
        self,
        quantiles: tuple[float, ...] = (0.1, 0.5, 0.9),
        scaler: float = 30.0,
        mean_weight: float = 0.2,
        event_weight: float = 0.5,
        interval_event_weight: float = 4.0,
        name: str = "distribution",
        **kwargs: Any,
    ):
        super().__init__(name, **kwargs)
        self.quantiles, self.scaler = tuple(quantiles), scaler
        self.mean_weight, self.event_weight = mean_weight, event_weight
        self.interval_event_weight = interval_event_weight

    @classmethod
    def of(cls, config: AppConfig) -> Self:
        """Return the loss with the settings of a configuration."""
        weights = config.mean_weight, config.event_weight, config.interval_event_weight
        return cls(config.quantiles, config.scaler, *weights)

    def _cell_losses(self, errors: Any, event: Any) -> Any:
        errors = self.scaler * errors
        total = self.mean_weight * ops.square(errors[..., :1])
        middle = middle_index(self.quantiles)
        for index, level in enumerate(self.quantiles):
            shortfall = -errors[..., index + 1 : index + 2]
            weight = self.event_weight if index == middle else self.interval_event_weight
            share = 2.0 if index == middle else 1.0 / max(len(self.quantiles) - 1, 1)
            pinball = ops.maximum(level * shortfall, (level - 1) * shortfall)
            total = total + share * (1 + weight * event) * pinball
        return total

    def get_config(self) -> dict[str, Any]:
        own = ("scaler", "mean_weight", "event_weight", "interval_event_weight")
        config: dict[str, Any] = super().get_config()
        settings = {name: getattr(self, name) for name in own}
        return config | settings | {"quantiles": list(self.quantiles)}


class _MaskedMean(keras.metrics.Metric):
    """Mean over valid cells of a function of the errors of one forecast `channel`."""

    def __init__(self, scaler: float, channel: int, name: str | None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.scaler, self.channel = scaler, channel
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the valid cells of a batch; `sample_weight` is ignored."""
        errors, valid = masked_errors(y_true[..., :1], y_pred[..., self.channel : self.channel + 1])
        self.total.assign_add(ops.sum(self._measure(errors)))
        self.count.assign_add(ops.sum(valid))

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config() | {"scaler": self.scaler, "channel": self.channel}
        return config

    def _measure(self, errors: Any) -> Any:
        raise NotImplementedError

    def _mean(self) -> Any:
        return self.total / ops.maximum(self.count, 1.0)


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedMAE(_MaskedMean):
    """Mean absolute error times `scaler`: minutes when `scaler` is that of the target."""

    def __init__(self, scaler: float = 1.0, channel: int = 0, name: str = "mae_mins", **kwargs: Any):
        super().__init__(scaler, channel, name, **kwargs)

    def _measure(self, errors: Any) -> Any:
        return ops.abs(errors)

    def result(self) -> Any:
        return self.scaler * self._mean()


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedRMSE(_MaskedMean):
    """Root of the mean squared error, times `scaler`."""

    def __init__(self, scaler: float = 1.0, channel: int = 0, name: str = "rmse_mins", **kwargs: Any):
        super().__init__(scaler, channel, name, **kwargs)

    def _measure(self, errors: Any) -> Any:
        return ops.square(errors)

    def result(self) -> Any:
        return self.scaler * ops.sqrt(self._mean())
