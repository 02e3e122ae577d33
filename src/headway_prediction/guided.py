"""The ST-ConvNet with a physical first guess: which of the headways that may come is held at each lead, corrected.

At the end of a minute a platform holds either the headway it holds now or that of one of the next trains. The first guess
says what these are and when they come; the wrapped network, which sees the recent past of the whole line, decides how far
to trust it: a softmax over the candidates and a correction of each, for the mean and for the middle quantile apart, since
the first must hedge and the second must choose. The other quantiles lie above and below by amounts that are never negative.
"""

import keras
from keras import ops

from headway_prediction.config import AppConfig
from headway_prediction.distribution_loss import DistributionLoss, MeanRMSE, MiddleMAE
from headway_prediction.guess import GUESS_WIDTH, NEXT_TRAINS, TRAIN_CHANNELS
from headway_prediction.layers import PACKAGE
from headway_prediction.model import STConvNet, facing_travel
from headway_prediction.quantile_levels import middle_place

TRAIN_UNITS = (15.0, 15.0, 1.0, 1.0, 15.0, 10.0, 5.0, 5.0, 1.0)
PLATFORM_UNITS = (4.0, 4.0, 15.0, 1.0)
"""What brings each channel of the first guess to the order of one."""
NEAR_MINS = 30.0
"""Beyond this it does not matter how far away a train is."""
CANDIDATES = NEXT_TRAINS + 3
"""The headway held now, those of the next trains, the usual one, and the wrapped network's own forecast."""
EXPECTED_LOGIT, OTHER_LOGIT, BARRED_LOGIT = 3.0, -2.0, -1e9
SHARPER_CHOICE = 5.0, 3.0
"""Learning rates of the choices, in effect: middle quantile and mean."""
CORRECTION_MINS = 5.0


@keras.saving.register_keras_serializable(package=PACKAGE)
class GuidedSTConvNet(keras.Model):
    """STConvNet's interface with a third input and a distribution as output.

    Called with `(headway_in, schedule_in, guess_in)`: the first two as STConvNet takes them (headway channels headway,
    elapsed, arrived, valid), guess_in `(batch, stations, directions, GUESS_WIDTH)` in the units of `guess`. Returns
    `(batch, forecast, stations, directions, 1 + quantiles)`, scaled like the target: the mean, then `config.quantiles` in
    rising order. Untrained, it says what the first guess says.
    """

    def __init__(self, config: AppConfig, input_shape_h, input_shape_s, **kwargs):
        super().__init__(**{"name": "guided_st_convnet", **kwargs})
        self.config = config
        known = GUESS_WIDTH
        self.network = STConvNet(config, input_shape_h, input_shape_s, known)
        seeds = [1000 * config.seed + i for i in range(100, 104)]
        units, quantiles = config.head_units, len(config.quantiles)
        self.cell_dense = _dense(units, seeds[0], "cell_dense")
        self.lead_dense = _dense(units, seeds[1], "lead_dense")
        self.head_dense = _dense(units, seeds[2], "head_dense", activation="relu")
        small = keras.initializers.RandomNormal(stddev=0.01, seed=seeds[3])
        self.output_dense = keras.layers.Dense(
            4 * CANDIDATES + quantiles - 1, kernel_initializer=small, name="output_dense"
        )
        self.dropout = keras.layers.Dropout(config.dropout, seed=seeds[3])
        self.build([(None, *self.network.input_shape_h), (None, *self.network.input_shape_s), None])

    def build(self, input_shape):
        """Make all weights, so that they can be loaded before the first call."""
        units = self.config.head_units
        channels = self.network.input_shape_h[-1]
        self.cell_dense.build((None, self.config.decoder_filters + GUESS_WIDTH + channels))
        self.lead_dense.build((None, 3 * NEXT_TRAINS + self.config.forecast_mins))
        self.head_dense.build((None, units))
        self.output_dense.build((None, units))
        self.built = True

    def call(self, inputs, training=False):
        """Return mean and quantiles `(batch, forecast, stations, directions, 1 + quantiles)`."""
        headway_in, schedule_in, guess_in = inputs
        history, guess = facing_travel(headway_in, 2), facing_travel(guess_in, 1)
        trains, platform, known = _parts(guess)
        features = self.network.cell_features(history, schedule_in, [known])
        features = self.dropout(features, training=training)
        to_come = self._minutes_to_come(trains)
        cell = ops.concatenate([features, known, history[:, -1]], axis=-1)
        outputs = self._outputs(cell, to_come, training)
        candidates, barred = self._candidates(history, features, trains, platform)
        believed = _believed(to_come) + barred
        scaled = self._distribution(outputs, candidates, believed) / self.config.scaler
        return facing_travel(scaled, 2)

    def _minutes_to_come(self, trains):
        """Minutes from the end of each lead's minute until each train arrives, below zero once it has: `(…, trains)`."""
        ends = ops.reshape(ops.arange(1, self.config.forecast_mins + 1, dtype="float32"), (1, -1, 1, 1, 1))
        return ops.expand_dims(trains[..., 0], 1) - ends  # (batch, forecast, stations, directions, trains)

    def _outputs(self, cell, to_come, training):
        """Cells and leads meet in one hidden layer: `(batch, forecast, stations, directions, outputs)`."""
        leads = ops.eye(self.config.forecast_mins)
        lead = ops.reshape(leads, (1, -1, 1, 1, self.config.forecast_mins)) + ops.zeros_like(to_come[..., :1])
        timing = [
            ops.clip(to_come / 5, -2.0, 2.0),
            ops.sigmoid(-to_come * 1.5),
            ops.sigmoid(-to_come * 0.5),
            lead,
        ]
        hidden = ops.expand_dims(self.cell_dense(cell), 1) + self.lead_dense(ops.concatenate(timing, axis=-1))
        hidden = self.dropout(ops.relu(hidden), training=training)
        return self.output_dense(hidden + self.head_dense(hidden))

    def _candidates(self, history, features, trains, platform):
        """The headways that may be held, in minutes, and the logits that bar those that do not exist."""
        scaler, now = self.config.scaler, history[:, -1]
        held, valid = scaler * now[..., :1], now[..., -1:]
        own = ops.expand_dims(
            ops.transpose(scaler * self.network.own_forecast(history, features), (0, 3, 1, 2)), -1
        )
        usual = platform[..., 2:3]
        fixed = ops.expand_dims(ops.concatenate([held, trains[..., 1], usual], axis=-1), 1)
        exists = ops.expand_dims(ops.concatenate([valid, trains[..., 2], ops.ones_like(usual)], axis=-1), 1)
        zeros = ops.zeros_like(own)
        barred = ops.concatenate([(1 - exists) * BARRED_LOGIT + zeros, zeros], axis=-1)
        return ops.concatenate([fixed + zeros, own], axis=-1), barred

    def _distribution(self, outputs, candidates, believed):
        """Mean and quantiles in minutes from the network's outputs: `(…, 1 + quantiles)`."""
        *choices, widths = ops.split(outputs, [CANDIDATES * i for i in range(1, 5)], axis=-1)
        sharper_middle, sharper_mean = SHARPER_CHOICE
        mean = _chosen(choices[0] * sharper_mean + believed, candidates + CORRECTION_MINS * choices[1])
        middle = _chosen(choices[2] * sharper_middle + believed, candidates + CORRECTION_MINS * choices[3])
        widths = ops.softplus(3 * widths)
        place, quantiles = middle_place(self.config.quantiles), [middle]
        for i in reversed(range(place)):
            quantiles.insert(0, quantiles[0] - widths[..., i : i + 1])
        for i in range(place, len(self.config.quantiles) - 1):
            quantiles.append(quantiles[-1] + widths[..., i : i + 1])
        return ops.concatenate([mean, *quantiles], axis=-1)

    def objective(self) -> tuple[keras.losses.Loss, list[keras.metrics.Metric]]:
        """Return the loss that the network is trained with and the scores that are printed."""
        place = 1 + middle_place(self.config.quantiles)
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


def _parts(guess):
    """Trains `(…, trains, TRAIN_CHANNELS)` and platform channels in minutes, and all of them brought to the order of one."""
    flat = guess[..., : NEXT_TRAINS * len(TRAIN_CHANNELS)]
    platform = guess[..., NEXT_TRAINS * len(TRAIN_CHANNELS) :]
    _, stations, directions, width = ops.shape(flat)
    trains = ops.reshape(flat, (-1, stations, directions, NEXT_TRAINS, len(TRAIN_CHANNELS)))
    near = ops.minimum(trains, NEAR_MINS) / ops.convert_to_tensor(TRAIN_UNITS, "float32")
    near = ops.reshape(near, (-1, stations, directions, width))
    units = ops.convert_to_tensor(PLATFORM_UNITS, "float32")
    return trains, platform, ops.concatenate([near, ops.minimum(platform, NEAR_MINS) / units], axis=-1)


def _believed(to_come):
    """Logits that make an untrained network say what the first guess says: the last train that has arrived by then."""
    arrived = ops.sum(ops.cast(to_come < 0, "float32"), axis=-1, keepdims=True)
    order = ops.reshape(ops.arange(NEXT_TRAINS + 1, dtype="float32"), (1, 1, 1, 1, -1))
    trains = EXPECTED_LOGIT * ops.cast(ops.abs(order - arrived) < 0.5, "float32")
    others = ops.zeros_like(arrived) + OTHER_LOGIT
    return ops.concatenate([trains, others, others], axis=-1)


def _chosen(logits, values):
    return ops.sum(ops.softmax(logits, axis=-1) * values, axis=-1, keepdims=True)
