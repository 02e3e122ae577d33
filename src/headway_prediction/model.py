"""ST-ConvNet: recent headways and planned terminal headways in, the headways of the next minutes out.

Two ConvLSTM layers read the recent minutes, a dense layer embeds the plan of each direction, and convolutions along
the stations turn both into a correction of the headway that is held now. Directions share all weights and never mix. No
weight depends on the number of stations, so that one network serves lines of different length.
"""

import keras
from keras import ops

from headway_prediction.config import AppConfig
from headway_prediction.nn.layers import PACKAGE, StationConvLSTM
from headway_prediction.nn.losses import MaskedHuber, MaskedMAE, MaskedRMSE

KERNEL = (3, 1)
DILATIONS = (1, 2, 4)
"""Together with the encoder's own reach, ten stations upstream and more come into sight of every cell."""


def facing_travel(x, station_axis: int):
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
    target. Untrained, it holds the last headway: the last layer starts at zero. A wrapper that knows more of every cell at
    the origin says how many `known_channels` it hands to `cell_features`.
    """

    def __init__(self, config: AppConfig, input_shape_h, input_shape_s, known_channels: int = 0, **kwargs):
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

    def build(self, input_shape):
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

    def call(self, inputs):
        """Return the forecast `(batch, forecast, stations, directions, 1)`."""
        headway_in, schedule_in = inputs
        history = facing_travel(headway_in, 2)
        ahead = self.own_forecast(history, self.cell_features(history, schedule_in))
        return ops.expand_dims(ops.transpose(facing_travel(ahead, 1), (0, 3, 1, 2)), -1)

    def cell_features(self, history, schedule_in, known=()):
        """Return what the decoder knows of each cell: `(batch, stations, directions, decoder_filters)`.

        `history` is headway_in facing the travel (see `facing_travel`), as are the tensors `known`, of shape `(batch,
        stations, directions, channels)` with `known_channels` together, and the result.
        """
        now = history[:, -1]  # (batch, stations, directions, channels)
        state = self.encoder_lstm_2(self.encoder_lstm_1(self._steps(history)))
        x = ops.concatenate([state, now, self._plan(schedule_in, now), self._position(now), *known], axis=-1)
        x = self.decoder_conv_1(x)
        x = x + self.decoder_conv_2(x)
        return x + self.decoder_conv_3(x)

    def own_forecast(self, history, features):
        """Return the held headway, corrected: `(batch, stations, directions, forecast)`, facing the travel."""
        return history[:, -1, ..., :1] + self.decoder_conv_4(features)

    def objective(self) -> tuple[keras.losses.Loss, list[keras.metrics.Metric]]:
        """Return the loss that the network is trained with and the scores that are printed."""
        scaler = self.config.scaler
        return MaskedHuber(self.config.huber_delta_mins / scaler), [MaskedMAE(scaler), MaskedRMSE(scaler)]

    def _steps(self, history):
        """Fold `encoder_step_mins` minutes into the channels of one step, which makes the encoder so much faster."""
        step = self.config.encoder_step_mins
        if step == 1:
            return history
        _, lookback, stations, directions, channels = ops.shape(history)
        folded = ops.reshape(history, (-1, lookback // step, step, stations, directions, channels))
        folded = ops.transpose(folded, (0, 1, 3, 4, 2, 5))
        return ops.reshape(folded, (-1, lookback // step, stations, directions, step * channels))

    def _plan(self, schedule_in, now):
        """Embed each direction's plan and repeat it at every station: `(batch, stations, directions, units)`."""
        forecast, directions, channels = self.input_shape_s
        plan = ops.reshape(ops.transpose(schedule_in, (0, 2, 1, 3)), (-1, directions, forecast * channels))
        embedded = ops.expand_dims(self.fusion_dense(plan), 1)
        return embedded + ops.zeros_like(now[..., :1])

    def _position(self, now):
        """Share of the way travelled, 0 at the first station and 1 at the last, `(batch, stations, directions, 1)`."""
        place = ops.cumsum(ops.ones_like(now[..., :1]), axis=1) - 1
        return place / ops.maximum(ops.max(place, axis=1, keepdims=True), 1.0)

    def compute_output_shape(self, input_shape):
        """Return `(batch, forecast, stations, directions, 1)`."""
        headway, _ = input_shape
        return (headway[0], self.config.forecast_mins, *headway[2:4], 1)

    def get_config(self):
        """Return the configuration and the two input shapes as plain values."""
        shapes = {"input_shape_h": list(self.input_shape_h), "input_shape_s": list(self.input_shape_s)}
        known = {"known_channels": self.known_channels}
        return {"name": self.name, "config": self.config.to_dict(), **shapes, **known}

    @classmethod
    def from_config(cls, config, custom_objects=None):
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
