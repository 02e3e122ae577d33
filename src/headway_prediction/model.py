"""ST-ConvNet: recent headways and planned terminal headways in, the headways of the next minutes out.

Two ConvLSTM layers read the recent minutes, a dense layer embeds the plan of each direction, and convolutions along
the stations turn both into a correction of the headway that is held now. Directions share all weights and never mix. No
weight depends on the number of stations, so that one network serves lines of different length.

`STConvNet` forecasts a point from the two matrices alone. `ProbabilisticSTConvNet` wraps it, takes the physics prior as well
and forecasts a mean and quantiles: it is the network that `headway train` fits and that bundles hold.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from headway_prediction.config import AppConfig, middle_index
from headway_prediction.nn.layers import StationConvLSTM
from headway_prediction.nn.lead_features import (
    LEAD_FEATURES_WIDTH,
    TRAINS_AT_LEAD,
    TrainsAtLead,
    lead_features,
    split_prior,
    trains_at_leads,
)
from headway_prediction.nn.losses import PACKAGE, DistributionLoss, MaskedMAE, MaskedRMSE, PointLoss
from headway_prediction.nn.prior_channels import CHANNELS_WIDTH, FORECASTS

Shape = Sequence[Any]  # integers; None for a number of stations that is not fixed

KERNEL = (3, 1)
DILATIONS = (1, 2, 4)
"""Together with the encoder's own reach, every cell sees more than ten stations upstream."""
HUBER_DELTA_MINS = 3.0
"""Errors of the point forecast count squared up to this, linearly beyond."""

CANDIDATES = ("previous", "current", "next", *FORECASTS, "own")
INITIAL_LOGITS = (0.0, 0.0, 0.0, -2.0, -5.0, -5.0, -5.0)
"""The choice starts from the trains, each by its probability, and hardly considers the forecasts and the network's own."""
MIN_PROBABILITY = 0.007
"""No train that exists starts from less."""
MASKED_LOGIT = -1e9
CHOICE_SCALES = 3.0, 5.0
"""Factors on the logits of the mean's and the middle quantile's choice: in effect, their learning rates."""
CORRECTION_MINS = 5.0


def known_sizes(shape: Shape) -> list[int]:
    """Return the sizes of a shape in which no dimension is free."""
    sizes = [size for size in shape if size is not None]
    assert len(sizes) == len(shape), shape
    return sizes


def facing_travel(x: Any, station_axis: int) -> Any:
    """Turn odd directions around along the stations (directions follow), so that all trains run towards higher indices.

    Trains of direction 1 run towards station 0; turned around, both directions can share kernels. Its own inverse.
    """
    lanes = ops.split(x, x.shape[station_axis + 1], axis=station_axis + 1)
    turned = [ops.flip(lane, axis=station_axis) if i % 2 else lane for i, lane in enumerate(lanes)]
    return ops.concatenate(turned, axis=station_axis + 1)


@keras.saving.register_keras_serializable(package=PACKAGE)
class STConvNet(keras.Model):
    """The network of one line.

    `input_shape_h` is `(lookback, stations, directions, channels)` and `input_shape_s` `(forecast, directions,
    channels)`, without the batch; the number of stations may be None. Called with `(headway_in, schedule_in)`, scaled as
    `DataLoader.preprocess` does and without NaN, it returns `(batch, forecast, stations, directions, 1)`, scaled like the
    target. Untrained, it holds the last headway: the last layer starts at zero. A wrapper with `known_channels` more inputs
    of every cell at the origin hands them to `cell_features`.
    """

    def __init__(
        self,
        config: AppConfig,
        input_shape_h: Shape,
        input_shape_s: Shape,
        known_channels: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**{"name": "st_convnet", **kwargs})
        self.config = config
        self.input_shape_h, self.input_shape_s = tuple(input_shape_h), tuple(input_shape_s)
        self.known_channels = known_channels
        first, second = config.encoder_filters
        # Seeded one by one, so that a network is the same wherever and whenever it is made.
        seeds = [1000 * config.seed + i for i in range(6)]
        self.encoder_lstm_1 = self.encoder_layer(first, True, seeds[0], "encoder_lstm_1")
        self.encoder_lstm_2 = self.encoder_layer(second, False, seeds[1], "encoder_lstm_2")
        self.fusion_dense = keras.layers.Dense(
            config.schedule_units,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seeds[2]),
            name="fusion_dense",
        )
        self.decoder_conv_1, self.decoder_conv_2, self.decoder_conv_3 = (
            _decoder_layer(config.decoder_filters, dilation, seed, f"decoder_conv_{i}")
            for i, (dilation, seed) in enumerate(zip(DILATIONS, seeds[3:], strict=True), start=1)
        )
        self.decoder_conv_4 = keras.layers.Conv2D(
            config.forecast_mins, (1, 1), kernel_initializer="zeros", name="decoder_conv_4"
        )
        self.build([(None, *self.input_shape_h), (None, *self.input_shape_s)])

    def encoder_layer(self, filters: int, return_sequences: bool, seed: int, name: str) -> keras.layers.Layer:
        """Return one recurrent layer of the encoder; another kind of layer is tried by overriding this."""
        return StationConvLSTM(filters, KERNEL[0], return_sequences, seed, name=name)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make all weights, so that they can be loaded before the first call."""
        (_, lookback, *cells, channels), (_, forecast, directions, plan_channels) = input_shape
        first, second = self.config.encoder_filters
        decoder = self.config.decoder_filters
        step = self.config.encoder_step_mins
        self.encoder_lstm_1.build((None, lookback // step, *cells, step * channels))
        self.encoder_lstm_2.build((None, lookback // step, *cells, first))
        self.fusion_dense.build((None, directions, forecast * plan_channels))
        fused = second + channels + self.config.schedule_units + 1 + self.known_channels
        self.decoder_conv_1.build((None, *cells, fused))
        for layer in (self.decoder_conv_2, self.decoder_conv_3, self.decoder_conv_4):
            layer.build((None, *cells, decoder))
        self.built = True

    def call(self, inputs: tuple[Any, Any]) -> Any:
        headway_in, schedule_in = inputs
        history = facing_travel(headway_in, 2)
        ahead = self.own_forecast(history, self.cell_features(history, schedule_in))
        return ops.expand_dims(ops.transpose(facing_travel(ahead, 1), (0, 3, 1, 2)), -1)

    def cell_features(self, history: Any, schedule_in: Any, known: Sequence[Any] = ()) -> Any:
        """Return the decoder's features of each cell: `(batch, stations, directions, decoder_filters)`.

        `history` is headway_in facing the travel (see `facing_travel`), as are the tensors `known`, of shape `(batch,
        stations, directions, channels)` with `known_channels` together, and the result.
        """
        now = history[:, -1]  # (batch, stations, directions, channels)
        state = self.encoder_lstm_2(self.encoder_lstm_1(self._steps(history)))
        x = ops.concatenate([state, now, self._plan(schedule_in, now), self._position(now), *known], axis=-1)
        x = self.decoder_conv_1(x)
        x = x + self.decoder_conv_2(x)
        return x + self.decoder_conv_3(x)

    def own_forecast(self, history: Any, features: Any) -> Any:
        """Return the held headway, corrected: `(batch, stations, directions, forecast)`, facing the travel."""
        return history[:, -1, ..., :1] + self.decoder_conv_4(features)

    def objective(self) -> tuple[keras.losses.Loss, list[keras.metrics.Metric]]:
        """Return the loss that the network is trained with and the scores that are printed."""
        scaler = self.config.scaler
        return PointLoss(HUBER_DELTA_MINS / scaler), [MaskedMAE(scaler), MaskedRMSE(scaler)]

    def _steps(self, history: Any) -> Any:
        """Fold `encoder_step_mins` minutes into the channels of one step: the encoder runs that many times fewer steps."""
        step = self.config.encoder_step_mins
        if step == 1:
            return history
        _, lookback, stations, directions, channels = ops.shape(history)
        folded = ops.reshape(history, (-1, lookback // step, step, stations, directions, channels))
        folded = ops.transpose(folded, (0, 1, 3, 4, 2, 5))
        return ops.reshape(folded, (-1, lookback // step, stations, directions, step * channels))

    def _plan(self, schedule_in: Any, now: Any) -> Any:
        """Embed each direction's plan and repeat it at every station: `(batch, stations, directions, units)`."""
        forecast, directions, channels = known_sizes(self.input_shape_s)
        plan = ops.reshape(ops.transpose(schedule_in, (0, 2, 1, 3)), (-1, directions, forecast * channels))
        embedded = ops.expand_dims(self.fusion_dense(plan), 1)
        return embedded + ops.zeros_like(now[..., :1])

    def _position(self, now: Any) -> Any:
        """Share of the way travelled, 0 at the first station and 1 at the last, `(batch, stations, directions, 1)`."""
        place = ops.cumsum(ops.ones_like(now[..., :1]), axis=1) - 1
        return place / ops.maximum(ops.max(place, axis=1, keepdims=True), 1.0)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        headway, _ = input_shape
        return (headway[0], self.config.forecast_mins, *headway[2:4], 1)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration and the two input shapes as plain values."""
        shapes = {"input_shape_h": list(self.input_shape_h), "input_shape_s": list(self.input_shape_s)}
        known = {"known_channels": self.known_channels}
        return {"name": self.name, "config": self.config.to_dict(), **shapes, **known}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "STConvNet":
        """Rebuild the network, untrained, from `get_config`'s values."""
        return cls(**(config | {"config": AppConfig.from_dict(config["config"])}))


def _decoder_layer(filters: int, dilation: int, seed: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters,
        KERNEL,
        padding="same",
        dilation_rate=(dilation, 1),
        activation="relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        name=name,
    )


@keras.saving.register_keras_serializable(package=PACKAGE)
class ProbabilisticSTConvNet(keras.Model):
    """STConvNet with the physics prior as third input and a distribution as output: the network that `headway train` fits.

    At the end of a minute a platform holds either the headway it holds now or that of one of the next trains. The prior has
    these headways and the times when the trains arrive; the wrapped `network`, which sees the recent past of the whole line,
    chooses: a softmax over CANDIDATES and a correction of each, once for the mean and once for the middle quantile, because
    the best mean lies between the candidates and the best median on one of them. The other quantiles lie above and below by
    amounts that are never negative.

    Called with `(headway_in, schedule_in, prior_in)`: the first two as STConvNet takes them (headway channels headway,
    elapsed, arrived, valid), prior_in `(batch, stations, directions, prior_width(forecast_mins))` as `nn.prior_channels`
    lays it out. Returns `(batch, forecast, stations, directions, 1 + quantiles)`, scaled like the target: the mean, then
    `config.quantiles` in rising order. Untrained, it forecasts the prior.
    """

    def __init__(self, config: AppConfig, input_shape_h: Shape, input_shape_s: Shape, **kwargs: Any):
        super().__init__(**{"name": "probabilistic_st_convnet", **kwargs})
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
        # All leads of a cell share a mask: drawing one for each takes a twelfth of a training step.
        same_at_all_leads = (None, None, None, 1, None)
        self.lead_dropout = keras.layers.Dropout(config.dropout, same_at_all_leads, seed=seeds[4] + 1)
        self.build([(None, *self.network.input_shape_h), (None, *self.network.input_shape_s), None])

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make all weights, so that they can be loaded before the first call."""
        units = self.config.head_units
        (channels,) = known_sizes(self.network.input_shape_h[-1:])
        self.cell_dense.build((None, self.config.decoder_filters + CHANNELS_WIDTH + channels))
        self.lead_dense.build((None, LEAD_FEATURES_WIDTH + self.config.forecast_mins))
        for layer in (self.head_dense_1, self.head_dense_2, self.output_dense):
            layer.build((None, units))
        self.built = True

    def call(self, inputs: tuple[Any, Any, Any], training: bool = False) -> Any:
        headway_in, schedule_in, prior_in = inputs
        leads, scaler = self.config.forecast_mins, self.config.scaler
        history, prior = facing_travel(headway_in, 2), split_prior(facing_travel(prior_in, 1), leads)
        features = self.network.cell_features(history, schedule_in, [prior.scaled])
        features = self.dropout(features, training=training)
        now = history[:, -1]
        held, elapsed, valid = scaler * now[..., :1], scaler * now[..., 1:2], now[..., -1:]
        at_leads = trains_at_leads(prior.trains, leads, held, elapsed, valid)
        cell = ops.concatenate([features, prior.scaled, now], axis=-1)
        outputs = self._outputs(cell, lead_features(prior.trains, at_leads, prior.forecasts), training)
        own = scaler * self.network.own_forecast(history, features)
        candidates, initial_logits = _candidates(at_leads, prior.forecasts, own)
        minutes = self._distribution(outputs, candidates, initial_logits)
        return facing_travel(ops.transpose(minutes / scaler, (0, 3, 1, 2, 4)), 2)

    def _outputs(self, cell: Any, features: Any, training: bool) -> Any:
        """Cells and leads meet in the head: `(batch, stations, directions, forecast, outputs)`."""
        leads = ops.reshape(ops.eye(self.config.forecast_mins), (1, 1, 1, *[self.config.forecast_mins] * 2))
        lead = ops.concatenate([features, leads + ops.zeros_like(features[..., :1])], axis=-1)
        hidden = ops.relu(ops.expand_dims(self.cell_dense(cell), 3) + self.lead_dense(lead))
        hidden = hidden + self.head_dense_1(self.lead_dropout(hidden, training=training))
        hidden = hidden + self.head_dense_2(self.lead_dropout(hidden, training=training))
        return self.output_dense(hidden)

    def _distribution(self, outputs: Any, candidates: Any, initial_logits: Any) -> Any:
        """Mean and quantiles in minutes from the network's outputs: `(…, 1 + quantiles)`."""
        *choices, widths = ops.split(outputs, [len(CANDIDATES) * i for i in range(1, 5)], axis=-1)
        mean, middle = (
            _choice(scale * logits + initial_logits, candidates + CORRECTION_MINS * corrections)
            for scale, logits, corrections in zip(CHOICE_SCALES, choices[::2], choices[1::2], strict=True)
        )
        widths = ops.softplus(3 * widths)
        index, quantiles = middle_index(self.config.quantiles), [middle]
        for i in reversed(range(index)):
            quantiles.insert(0, quantiles[0] - widths[..., i : i + 1])
        for i in range(index, len(self.config.quantiles) - 1):
            quantiles.append(quantiles[-1] + widths[..., i : i + 1])
        return ops.concatenate([mean, *quantiles], axis=-1)

    def objective(self) -> tuple[keras.losses.Loss, list[keras.metrics.Metric]]:
        """Return the loss that the network is trained with and the scores that are printed."""
        scaler, median = self.config.scaler, 1 + middle_index(self.config.quantiles)
        return DistributionLoss.of(self.config), [MaskedMAE(scaler, median), MaskedRMSE(scaler, 0)]

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        headway = input_shape[0]
        return (headway[0], self.config.forecast_mins, *headway[2:4], 1 + len(self.config.quantiles))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration and the two input shapes as plain values."""
        return self.network.get_config() | {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ProbabilisticSTConvNet":
        """Rebuild the network, untrained, from `get_config`'s values."""
        own = {name: value for name, value in config.items() if name != "known_channels"}
        return cls(**(own | {"config": AppConfig.from_dict(own["config"])}))


def _dense(units: int, seed: int, name: str, **options: Any) -> keras.layers.Layer:
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.GlorotUniform(seed), name=name, **options
    )


def _candidates(at_leads: TrainsAtLead, forecasts: Any, own: Any) -> tuple[Any, Any]:
    """The headways that may be held, in minutes, and the logits the choice starts from, which mask those without a train."""
    candidates = ops.concatenate([at_leads.headway, forecasts, ops.expand_dims(own, -1)], axis=-1)
    others = ops.ones_like(candidates[..., TRAINS_AT_LEAD:])
    exists = ops.concatenate([at_leads.exists, others], axis=-1)
    probability = ops.concatenate([at_leads.probability, others], axis=-1)
    logits = ops.log(ops.maximum(probability, MIN_PROBABILITY)) + ops.convert_to_tensor(
        INITIAL_LOGITS, "float32"
    )
    return candidates, logits + (1 - exists) * MASKED_LOGIT


def _choice(logits: Any, values: Any) -> Any:
    return ops.sum(ops.softmax(logits, axis=-1) * values, axis=-1, keepdims=True)
