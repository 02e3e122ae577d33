"""The ST-ConvNet with a physical first guess: which of the headways that may come is held at each lead, corrected.

At the end of a minute a platform holds either the headway it holds now or that of one of the next trains. The first guess
says what these are and when they come; the wrapped network, which sees the recent past of the whole line, decides how far
to trust it: a softmax over the candidates and a correction of each, for the mean and for the middle quantile apart, since
the first must hedge and the second must choose. The other quantiles lie above and below by amounts that are never negative.
"""

import keras
from keras import ops

from headway_prediction.config import AppConfig
from headway_prediction.model import STConvNet, facing_travel
from headway_prediction.nn.distribution_loss import DistributionLoss, MeanRMSE, MiddleMAE
from headway_prediction.nn.layers import PACKAGE
from headway_prediction.nn.lead_features import (
    LEAD_FEATURES_WIDTH,
    TRAINS_AT_LEAD,
    TrainsAtLead,
    lead_features_of,
    minutes_until_arrival,
    split_prior,
    trains_at_leads,
)
from headway_prediction.nn.prior_channels import CHANNELS_WIDTH, FORECASTS
from headway_prediction.nn.quantiles import middle_index

CANDIDATES = ("before", "holder", "following", *FORECASTS, "own")
INITIAL_LOGITS = (0.0, 0.0, 0.0, -2.0, -5.0, -5.0, -5.0)
"""Where the choice starts: from the trains, each as likely as it is told to hold; hardly from what else is forecast."""
MIN_PROBABILITY = 0.007
"""No train that exists starts from less, as sure as it may be that it does not hold."""
MASKED_LOGIT = -1e9
CHOICE_SCALES = 5.0, 3.0
"""Learning rates of the choices, in effect: middle quantile and mean."""
CORRECTION_MINS = 5.0


@keras.saving.register_keras_serializable(package=PACKAGE)
class ProbabilisticSTConvNet(keras.Model):
    """STConvNet's interface with a third input and a distribution as output.

    Called with `(headway_in, schedule_in, prior_in)`: the first two as STConvNet takes them (headway channels headway,
    elapsed, arrived, valid), guess_in `(batch, stations, directions, PRIOR_WIDTH)` in the units of `prior`. Returns
    `(batch, forecast, stations, directions, 1 + quantiles)`, scaled like the target: the mean, then `config.quantiles` in
    rising order. Untrained, it says what the first guess says.
    """

    def __init__(self, config: AppConfig, input_shape_h, input_shape_s, **kwargs):
        super().__init__(**{"name": "guided_st_convnet", **kwargs})
        self.config = config
        self.network = STConvNet(config, input_shape_h, input_shape_s, CHANNELS_WIDTH)
        seeds = [1000 * config.seed + i for i in range(100, 106)]
        units, quantiles = config.head_units, len(config.quantiles)
        self.cell_dense = _dense(units, seeds[0], "cell_dense")
        self.lead_dense = _dense(units, seeds[1], "lead_dense")
        self.head_dense_1 = _dense(units, seeds[2], "head_dense_1", activation="relu")
        self.head_dense_2 = _dense(units, seeds[5], "head_dense_2", activation="relu")
        small = keras.initializers.RandomNormal(stddev=0.01, seed=seeds[3])
        self.output_dense = keras.layers.Dense(
            4 * len(CANDIDATES) + quantiles - 1, kernel_initializer=small, name="output_dense"
        )
        self.dropout = keras.layers.Dropout(config.dropout, seed=seeds[4])
        self.build([(None, *self.network.input_shape_h), (None, *self.network.input_shape_s), None])

    def build(self, input_shape):
        """Make all weights, so that they can be loaded before the first call."""
        units = self.config.head_units
        channels = self.network.input_shape_h[-1]
        self.cell_dense.build((None, self.config.decoder_filters + CHANNELS_WIDTH + channels))
        self.lead_dense.build((None, LEAD_FEATURES_WIDTH + self.config.forecast_mins))
        for layer in (self.head_dense_1, self.head_dense_2, self.output_dense):
            layer.build((None, units))
        self.built = True

    def call(self, inputs, training=False):
        """Return mean and quantiles `(batch, forecast, stations, directions, 1 + quantiles)`."""
        headway_in, schedule_in, prior_in = inputs
        history, prior = facing_travel(headway_in, 2), split_prior(facing_travel(prior_in, 1))
        features = self.network.cell_features(history, schedule_in, [prior.known])
        features = self.dropout(features, training=training)
        leads, now = self.config.forecast_mins, history[:, -1]
        to_come, forecasts = minutes_until_arrival(prior.trains, leads), prior.forecasts[..., :leads, :]
        held, elapsed, valid = (
            self.config.scaler * now[..., :1],
            self.config.scaler * now[..., 1:2],
            now[..., -1:],
        )
        around = trains_at_leads(prior.trains, to_come, held, elapsed, valid)
        cell = ops.concatenate([features, prior.known, now], axis=-1)
        outputs = self._outputs(cell, lead_features_of(prior.trains, to_come, around, forecasts), training)
        own = self.config.scaler * self.network.own_forecast(history, features)
        candidates, believed = _candidates(around, forecasts, own)
        minutes = self._distribution(outputs, candidates, believed)
        by_lead = ops.transpose(minutes / self.config.scaler, (0, 3, 1, 2, 4))
        return facing_travel(by_lead, 2)

    def _outputs(self, cell, facts, training):
        """Cells and leads meet in the head: `(batch, stations, directions, forecast, outputs)`."""
        leads = ops.reshape(ops.eye(self.config.forecast_mins), (1, 1, 1, *[self.config.forecast_mins] * 2))
        lead = ops.concatenate([facts, leads + ops.zeros_like(facts[..., :1])], axis=-1)
        hidden = ops.relu(ops.expand_dims(self.cell_dense(cell), 3) + self.lead_dense(lead))
        hidden = hidden + self.head_dense_1(self.dropout(hidden, training=training))
        hidden = hidden + self.head_dense_2(self.dropout(hidden, training=training))
        return self.output_dense(hidden)

    def _distribution(self, outputs, candidates, believed):
        """Mean and quantiles in minutes from the network's outputs: `(…, 1 + quantiles)`."""
        *choices, widths = ops.split(outputs, [len(CANDIDATES) * i for i in range(1, 5)], axis=-1)
        sharper_middle, sharper_mean = CHOICE_SCALES
        mean = _chosen(choices[0] * sharper_mean + believed, candidates + CORRECTION_MINS * choices[1])
        middle = _chosen(choices[2] * sharper_middle + believed, candidates + CORRECTION_MINS * choices[3])
        widths = ops.softplus(3 * widths)
        place, quantiles = middle_index(self.config.quantiles), [middle]
        for i in reversed(range(place)):
            quantiles.insert(0, quantiles[0] - widths[..., i : i + 1])
        for i in range(place, len(self.config.quantiles) - 1):
            quantiles.append(quantiles[-1] + widths[..., i : i + 1])
        return ops.concatenate([mean, *quantiles], axis=-1)

    def objective(self) -> tuple[keras.losses.Loss, list[keras.metrics.Metric]]:
        """Return the loss that the network is trained with and the scores that are printed."""
        place = 1 + middle_index(self.config.quantiles)
        metrics = [MiddleMAE(self.config.scaler, channel=place), MeanRMSE(self.config.scaler, channel=0)]
        return DistributionLoss.of(self.config), metrics

    def compute_output_shape(self, input_shape):
        """Return `(batch, forecast, stations, directions, 1 + quantiles)`."""
        headway = input_shape[0]
        return (headway[0], self.config.forecast_mins, *headway[2:4], 1 + len(self.config.quantiles))

    def get_config(self):
        """Return the configuration and the two input shapes as plain values."""
        return self.network.get_config() | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuild the network, untrained, from `get_config`'s values."""
        own = {name: value for name, value in config.items() if name != "known_channels"}
        return cls(**(own | {"config": AppConfig.from_dict(own["config"])}))


def _dense(units: int, seed: int, name: str, **options) -> keras.layers.Layer:
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.GlorotUniform(seed), name=name, **options
    )


def _candidates(around: TrainsAtLead, forecasts, own):
    """The headways that may be held, in minutes, and the logits they start from, which bar those that do not exist."""
    exists = ops.concatenate(
        [around.exists, ops.ones_like(forecasts), ops.ones_like(forecasts[..., :1])], axis=-1
    )
    candidates = ops.concatenate([around.headway, forecasts, ops.expand_dims(own, -1)], axis=-1)
    told = ops.log(ops.maximum(around.holds, MIN_PROBABILITY))
    told = ops.concatenate([told, ops.zeros_like(candidates[..., TRAINS_AT_LEAD:])], axis=-1)
    return candidates, (1 - exists) * MASKED_LOGIT + told + ops.convert_to_tensor(INITIAL_LOGITS, "float32")


def _chosen(logits, values):
    return ops.sum(ops.softmax(logits, axis=-1) * values, axis=-1, keepdims=True)
