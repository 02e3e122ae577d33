"""What a forecast distribution is trained on: squared error of the mean, pinball loss of the quantiles."""

from typing import Self

import keras
from keras import ops

from headway_prediction.config import AppConfig
from headway_prediction.nn.layers import PACKAGE
from headway_prediction.nn.losses import MaskedMAE, MaskedRMSE, masked_errors
from headway_prediction.nn.quantiles import middle_index


@keras.saving.register_keras_serializable(package=PACKAGE)
class DistributionLoss(keras.losses.Loss):
    """Mean over known cells of the weighted losses of mean and quantiles.

    Truth `(…, 2)`: scaled headway, NaN where unknown, and 1.0 in event cells. Forecast `(…, 1 + quantiles)`: mean and
    quantiles, scaled. Errors count in minutes: `mean_weight` times the square for the mean; for the middle quantile twice
    the pinball loss (Koenker & Bassett 1978), that is the absolute error of a median, for the others together once. Event
    cells count `1 + event_weight` times for the middle quantile and `1 + interval_event_weight` times for the others: most
    cells hold what is already known, and a band that is right about those alone says little about the next train.
    """

    def __init__(
        self,
        quantiles: tuple[float, ...] = (0.1, 0.5, 0.9),
        scaler: float = 30.0,
        mean_weight: float = 0.2,
        event_weight: float = 0.5,
        interval_event_weight: float = 4.0,
        name: str = "distribution",
        **kwargs,
    ):
        super().__init__(name=name, **{"reduction": "sum", **kwargs})
        self.quantiles, self.scaler = tuple(quantiles), scaler
        self.mean_weight, self.event_weight = mean_weight, event_weight
        self.interval_event_weight = interval_event_weight

    @classmethod
    def of(cls, config: AppConfig) -> Self:
        """Return the loss with the settings of a configuration."""
        weights = config.mean_weight, config.event_weight, config.interval_event_weight
        return cls(config.quantiles, config.scaler, *weights)

    def call(self, y_true, y_pred):
        """Return the mean over known cells, a scalar."""
        event = ops.cast(y_true[..., 1:2], y_pred.dtype)
        errors, known = masked_errors(y_true[..., :1], y_pred)  # forecast - truth, known (…, 1)
        errors = self.scaler * errors
        total = self.mean_weight * ops.square(errors[..., :1])
        middle = middle_index(self.quantiles)
        for place, level in enumerate(self.quantiles):
            short = -errors[..., place + 1 : place + 2]
            weight = self.event_weight if place == middle else self.interval_event_weight
            share = 2.0 if place == middle else 1.0 / max(len(self.quantiles) - 1, 1)
            total = total + share * (1 + weight * event) * ops.maximum(level * short, (level - 1) * short)
        return ops.sum(total * known) / ops.maximum(ops.sum(known), 1.0)

    def get_config(self):
        """Return what `from_config` needs."""
        own = ("scaler", "mean_weight", "event_weight", "interval_event_weight")
        settings = {name: getattr(self, name) for name in own}
        return super().get_config() | settings | {"quantiles": list(self.quantiles)}


class _OfChannel:
    """A score of one channel of the forecast, over the known cells of a target with an arrived flag."""

    def __init__(self, *args, channel: int = 0, **kwargs):
        super().__init__(*args, **kwargs)
        self.channel = channel

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add the known cells of a batch."""
        super().update_state(y_true[..., :1], y_pred[..., self.channel : self.channel + 1])

    def get_config(self):
        """Return what `from_config` needs."""
        return super().get_config() | {"channel": self.channel}


@keras.saving.register_keras_serializable(package=PACKAGE)
class MiddleMAE(_OfChannel, MaskedMAE):
    """Mean absolute error of the middle quantile."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class MeanRMSE(_OfChannel, MaskedRMSE):
    """Root of the mean squared error of the mean."""
